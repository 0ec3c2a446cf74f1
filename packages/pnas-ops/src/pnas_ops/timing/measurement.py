"""What a device reports, and the way of timing that makes a table of blocks predict whole nets."""

import platform
import random
import re
import statistics
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, TypeVar

from attrs import evolve, field, frozen

from pnas_ops.data.ranges import Range

Key = TypeVar("Key", bound=Hashable)
Progress = Callable[[str, int, int], None]
"""Called with what is going on, the steps done and the steps in all."""


def report_progress(progress: Progress | None, what: str, done: int, total: int) -> None:
    """Calls `progress`, if there is one."""
    if progress is not None:
        progress(what, done, total)


MAX_DRIFT = 0.05
"""A key whose two halves differ by more is measured again."""

_MILLISECONDS = Range(0.0, 1e9)
_CLOCK_MS = 0.001
"""Differences below a microsecond are the clock's, and of no net's concern."""


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
        drift=_drift(samples_ms),
    )


def combine_sessions(sessions: Sequence[Measurement]) -> Measurement:
    """What several sessions that measured the same thing agree on: the medians.

    Their drift is the mean relative difference of the latency, overhead included, between two of them.
    """
    totals = [one.latency_ms + one.overhead_ms for one in sessions]
    drifts = [abs(a - b) / max(a, b) if max(a, b) else 0.0 for a, b in combinations(totals, 2)]
    drift = statistics.mean(drifts) if drifts else sessions[0].drift
    names = ("latency_ms", "overhead_ms", "p25_ms", "median_ms", "p75_ms")
    return Measurement(
        **{name: statistics.median(getattr(one, name) for one in sessions) for name in names},
        count=sum(one.count for one in sessions),
        drift=drift,
        noisy=drift > MAX_DRIFT and drift * min(totals) > _CLOCK_MS,
    )


def _drift(samples_ms: Sequence[float]) -> float:
    middle = len(samples_ms) // 2
    halves = (samples_ms[:middle], samples_ms[middle:])
    first, second = (
        statistics.quantiles(half, n=20, method="inclusive")[1] if len(half) > 1 else half[0] for half in halves
    )
    return abs(first - second) / max(first, second) if max(first, second) else 0.0


class TimedCall(NamedTuple):
    """Something to time.

    Attributes:
        run: computes it once; this is timed.
        prepare: called just before, untimed: brings into the cache what the block before would have left there.
    """

    run: Callable[[], object]
    prepare: Callable[[], object] = lambda: None


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
    order = random.Random(seed)
    rounds = samples * max(map(len, rows), default=0) or (whole_samples if wholes else 0)
    places = [*rows, *[wholes] * (-(-len(wholes) * whole_samples // rounds) if rounds else 0)]
    whole_queue = _shuffled_forever(list(wholes), order)
    queues = [_shuffled_forever(list(row), order) for row in rows]
    queues += [whole_queue] * (len(places) - len(rows))
    times: dict[Key, list[float]] = {key: [] for row in (*rows, wholes) for key in row}
    idle_times: list[float] = []
    for row in (*rows, wholes):
        for call in row.values():
            call.run()
            call.run()
    done, repeats = 0, 0
    while done < rounds:
        for place, queue in zip(places, queues, strict=True):
            if place:
                key = next(queue)
                times[key].append(_time_ms(place[key]))
        if idle:
            idle_times.append(_time_ms(idle[done % len(idle)]))
        done += 1
        report_progress(progress, "measuring", done, rounds)
        if done == rounds and repeats < max_repeats and _drifting(times):
            repeats += 1
            rounds += rounds // 2
    overhead_ms = summarize_samples(idle_times).latency_ms if idle_times else 0.0
    noisy = _drifting(times)
    return {
        key: evolve(summarize_samples(samples_ms, overhead_ms=overhead_ms), noisy=key in noisy)
        for key, samples_ms in times.items()
    }


def _drifting(times: Mapping[Key, Sequence[float]]) -> set[Key]:
    return {
        key
        for key, samples_ms in times.items()
        if len(samples_ms) > 1 and _drift(samples_ms) > MAX_DRIFT and _drift(samples_ms) * min(samples_ms) > _CLOCK_MS
    }


def _time_ms(call: TimedCall) -> float:
    call.prepare()
    start = time.perf_counter_ns()
    call.run()
    return (time.perf_counter_ns() - start) / 1e6


def _shuffled_forever(row: Sequence[Key], order: random.Random) -> Iterator[Key]:
    dealt: list[Key] = []
    while True:
        last, dealt = dealt[-1:], order.sample(row, len(row))
        if dealt[:1] == last:
            # A key that follows itself finds its weights in the cache.
            dealt.reverse()
        yield from dealt
