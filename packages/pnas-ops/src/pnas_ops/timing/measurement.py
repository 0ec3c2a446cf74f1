"""Measurements: what a device reports, and how it is computed from timing samples."""

import platform
import re
import statistics
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from attrs import evolve, field, frozen
from attrs.validators import optional

from pnas_ops.data.ranges import Range
from pnas_ops.timing.walk import CLOCK_MS, MAX_DRIFT, Key, WalkSamples, drift, drifting

_MILLISECONDS = Range(0.0, 1e9)


@frozen(kw_only=True)
class DeviceInfo:
    """Where a latency was measured, and for how many images; tables are comparable only if all of this is equal.

    Attributes:
        device: the processor, or the phone.
        runtime, runtime_version: what runs the nets.
        threads: of the runtime.
        dtype: of weights and activations.
        batch: how many images a net gets at once; milliseconds are for the whole batch.
    """

    device: str
    runtime: str
    runtime_version: str
    threads: int = field(validator=Range(1, 1024, whole=True))
    dtype: str
    batch: int = field(default=1, validator=Range(1, 65536, whole=True))

    def __str__(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        batch = "" if self.batch == 1 else f"batches of {self.images}, "
        return f"{self.runtime} {self.runtime_version}, {self.dtype}, {threads}, {batch}{self.device}"

    @property
    def images(self) -> str:
        """The images that one latency is for: "one image", "8 images"."""
        return "one image" if self.batch == 1 else f"{self.batch} images"


def processor_name() -> str:
    """The model of this machine's processor, or its architecture if the system does not report the model."""
    cpuinfo = Path("/proc/cpuinfo")
    name = re.search(r"^model name\s*: (.+)$", cpuinfo.read_text(), re.MULTILINE) if cpuinfo.exists() else None
    return name[1].strip() if name else platform.processor() or platform.machine()


@frozen(kw_only=True)
class Measurement:
    """The latency of one workload or one net, in milliseconds.

    Attributes:
        latency_ms: the 10th percentile of the samples, less `overhead_ms`: what a table predicts with.
        overhead_ms: the overhead of one call of the runtime; a net pays it once, not once per block.
        p25_ms, median_ms, p75_ms: quartiles of the samples, overhead included.
        count: number of samples.
        drift: relative difference of the same thing measured twice: of the 10th percentiles of the first and the second
            half of the samples, or between sessions.
        noisy: whether the drift stayed large although it was measured again.
        probe_ms: the latency of `PROBE` at the time, by the same statistic, which shows the machine's speed; None if it
            was not timed.
    """

    latency_ms: float = field(validator=_MILLISECONDS)
    overhead_ms: float = field(default=0.0, validator=_MILLISECONDS)
    p25_ms: float = field(validator=_MILLISECONDS)
    median_ms: float = field(validator=_MILLISECONDS)
    p75_ms: float = field(validator=_MILLISECONDS)
    count: int = field(validator=Range(1, 10**12, whole=True))
    drift: float = field(default=0.0, validator=Range(0.0, 1e9))
    noisy: bool = False
    probe_ms: float | None = field(default=None, validator=optional(Range(0.0, 1e9, above=True)))

    @property
    def total_ms(self) -> float:
        """The latency of a net, including the overhead of a call."""
        return self.latency_ms + self.overhead_ms

    @property
    def disturbed(self) -> bool:
        """Whether a quarter of the samples took over twice as long as the quickest quarter: other work was in the way.

        The latency itself, a 10th percentile, may be right all the same.
        """
        return self.p75_ms > _DISTURBED * self.p25_ms

    def at(self, probe_ms: float | None) -> "Measurement":
        """The measurement converted to the machine speed at which the probe takes `probe_ms`; unchanged if unknown.

        Everything is assumed to scale with the latency of the probe.
        """
        if probe_ms is None or self.probe_ms is None:
            return self
        slower = probe_ms / self.probe_ms
        times = {name: slower * getattr(self, name) for name in _TIMES}
        return evolve(self, **times, probe_ms=probe_ms)


_DISTURBED = 2.0
_TIMES = ("latency_ms", "overhead_ms", "p25_ms", "median_ms", "p75_ms")


def summarize_samples(samples_ms: Sequence[float], *, overhead_ms: float = 0.0) -> Measurement:
    """The measurement from at least two samples, in chronological order."""
    percentiles = statistics.quantiles(samples_ms, n=20, method="inclusive")
    return Measurement(
        latency_ms=max(0.0, percentiles[1] - overhead_ms),
        overhead_ms=overhead_ms,
        p25_ms=percentiles[4],
        median_ms=percentiles[9],
        p75_ms=percentiles[14],
        count=len(samples_ms),
        drift=drift(samples_ms),
    )


def combine_sessions(sessions: Sequence[Measurement]) -> Measurement:
    """One measurement from several sessions that measured the same thing: the medians, at the median of their speeds.

    The drift is the mean relative difference of the latency, overhead included, between two sessions, corrected by the
    probe.
    """
    speeds = [one.probe_ms for one in sessions if one.probe_ms is not None]
    probe_ms = statistics.median(speeds) if len(speeds) == len(sessions) else None
    alike = [one.at(probe_ms) for one in sessions]
    totals = [one.total_ms for one in alike]
    drifts = [abs(a - b) / max(a, b) if max(a, b) else 0.0 for a, b in combinations(totals, 2)]
    mean_drift = statistics.mean(drifts) if drifts else sessions[0].drift
    return Measurement(
        **{name: statistics.median(getattr(one, name) for one in alike) for name in _TIMES},
        count=sum(one.count for one in sessions),
        drift=mean_drift,
        noisy=mean_drift > MAX_DRIFT and mean_drift * min(totals) > CLOCK_MS,
        probe_ms=probe_ms,
    )


def summarize_walk(walked: WalkSamples[Key]) -> dict[Key, Measurement]:
    """The measurement of each key of a walk, less the overhead of a call; those that drifted are noisy."""
    overhead_ms = summarize_samples(walked.idle_ms).latency_ms if walked.idle_ms else 0.0
    probe_ms = summarize_samples(walked.probe_ms).latency_ms if len(walked.probe_ms) > 1 else None
    noisy = drifting(walked.times_ms, walked.probe_ms)
    return {
        key: evolve(
            summarize_samples(samples_ms, overhead_ms=overhead_ms),
            drift=drift(samples_ms, walked.probe_ms),
            noisy=key in noisy,
            probe_ms=probe_ms,
        )
        for key, samples_ms in walked.times_ms.items()
    }
