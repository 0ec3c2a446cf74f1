"""What a device reports, and what samples of time amount to."""

import platform
import re
import statistics
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from types import MappingProxyType

from attrs import evolve, field, frozen

from pnas_ops.data.ranges import Range
from pnas_ops.timing.walk import CLOCK_MS, MAX_DRIFT, Key, Progress, TimedCall, WalkSamples, drift, drifting, walk

_MILLISECONDS = Range(0.0, 1e9)


@frozen(kw_only=True)
class DeviceInfo:
    """Where a latency was measured, and of how many images; two tables are comparable only where all of it is equal.

    Attributes:
        device: the processor, or the phone.
        runtime, runtime_version: what runs the nets.
        threads: of the runtime.
        dtype: of weights and activations.
        batch: how many images a net gets at once; its milliseconds are theirs together.
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
        """What a latency is that of: "one image", "8 images"."""
        return "one image" if self.batch == 1 else f"{self.batch} images"


def processor_name() -> str:
    """The model of this machine's processor, or its architecture where the system does not tell."""
    cpuinfo = Path("/proc/cpuinfo")
    name = re.search(r"^model name\s*: (.+)$", cpuinfo.read_text(), re.MULTILINE) if cpuinfo.exists() else None
    return name[1].strip() if name else platform.processor() or platform.machine()


@frozen(kw_only=True)
class Measurement:
    """The latency of one workload or one net, in milliseconds.

    Attributes:
        latency_ms: the 10th percentile of the samples, less `overhead_ms`: what a table predicts with.
        overhead_ms: what one call of the runtime costs by itself; a net pays it once, not once a block.
        p25_ms, median_ms, p75_ms: quartiles of the samples, overhead included.
        count: number of samples.
        drift: relative difference of the same thing measured twice: of the 10th percentiles of the first and the second
            half of the samples, or between sessions.
        noisy: whether the drift stayed large although it was measured again.
    """

    latency_ms: float = field(validator=_MILLISECONDS)
    overhead_ms: float = field(default=0.0, validator=_MILLISECONDS)
    p25_ms: float = field(validator=_MILLISECONDS)
    median_ms: float = field(validator=_MILLISECONDS)
    p75_ms: float = field(validator=_MILLISECONDS)
    count: int = field(validator=Range(1, 10**12, whole=True))
    drift: float = field(default=0.0, validator=Range(0.0, 1e9))
    noisy: bool = False


def summarize_samples(samples_ms: Sequence[float], *, overhead_ms: float = 0.0) -> Measurement:
    """The measurement that at least two samples, in the order of time, amount to."""
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
    """What several sessions that measured the same thing agree on: the medians.

    Their drift is the mean relative difference of the latency, overhead included, between two of them.
    """
    totals = [one.latency_ms + one.overhead_ms for one in sessions]
    drifts = [abs(a - b) / max(a, b) if max(a, b) else 0.0 for a, b in combinations(totals, 2)]
    mean_drift = statistics.mean(drifts) if drifts else sessions[0].drift
    names = ("latency_ms", "overhead_ms", "p25_ms", "median_ms", "p75_ms")
    return Measurement(
        **{name: statistics.median(getattr(one, name) for one in sessions) for name in names},
        count=sum(one.count for one in sessions),
        drift=mean_drift,
        noisy=mean_drift > MAX_DRIFT and mean_drift * min(totals) > CLOCK_MS,
    )


def time_walks(
    rows: Sequence[Mapping[Key, TimedCall]],
    *,
    idle: Sequence[TimedCall] = (),
    wholes: Mapping[Key, TimedCall] = MappingProxyType({}),
    samples: int = 200,
    whole_samples: int = 100,
    max_repeats: int = 2,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[Key, Measurement]:
    """Times each key of `rows` at least `samples` times, as part of random nets.

    A block that runs over and over keeps its weights in the cache; in a net they are cold while its input and the
    scratch memory are hot. So each round takes one key of every row, in the order of the rows, and times each: a walk
    through a random net. A key that stands in several rows needs weights of its own in each, as the blocks of a net
    have: it would find them in the cache else, whenever the row before took the same key. The 10th percentile stands
    for a key, since noise on a machine only ever adds. Whole nets are timed between the rounds, so that they see the
    same minutes as the blocks.

    Where the first and the second half of a key's samples differ by more than `MAX_DRIFT`, half as many rounds again
    are gone through, up to `max_repeats` times; what still differs is marked as noisy.

    Args:
        rows: the keys at each position of the net, in its order, each with the call that computes it there. To time
            whole nets side by side, pass one row that holds them.
        idle: equal calls that compute next to nothing, one of which is timed in each round; what they cost is deducted
            from every sample as overhead. As many as a row has keys are as cold as these when their turn comes.
        wholes: nets by themselves, timed in turns, some after each round.
        samples: least number of samples a key of `rows`.
        whole_samples: least number of samples a key of `wholes`.
        max_repeats: how often noisy keys make it go on.
        seed: fixes the order of the rounds.
        progress: told after every round.
    """
    walked = walk(
        rows,
        idle=idle,
        wholes=wholes,
        samples=samples,
        whole_samples=whole_samples,
        max_repeats=max_repeats,
        seed=seed,
        progress=progress,
    )
    return summarize_walk(walked)


def summarize_walk(walked: WalkSamples[Key]) -> dict[Key, Measurement]:
    """The measurement of each key of a walk, less what a call costs by itself; those that drifted are noisy."""
    overhead_ms = summarize_samples(walked.idle_ms).latency_ms if walked.idle_ms else 0.0
    noisy = drifting(walked.times_ms)
    return {
        key: evolve(summarize_samples(samples_ms, overhead_ms=overhead_ms), noisy=key in noisy)
        for key, samples_ms in walked.times_ms.items()
    }
