"""What a device reports, and the way of timing that makes a table of blocks predict whole nets."""

import platform
import random
import re
import statistics
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from attrs import evolve, field, frozen
from attrs.validators import ge

Key = TypeVar("Key", bound=Hashable)
Progress = Callable[[str, int, int], None]
"""Called with what is going on, the steps done and the steps in all."""


def tell(progress: Progress | None, what: str, done: int, total: int) -> None:
    """Calls `progress`, if there is one."""
    if progress is not None:
        progress(what, done, total)


MAX_DRIFT = 0.05
"""A key whose two halves differ by more is measured again."""

_CLOCK_MS = 0.001
"""Differences below a microsecond are the clock's, and of no net's concern."""


@frozen(kw_only=True)
class DeviceInfo:
    """Where a latency was measured; two tables are comparable only where all of this is equal."""

    device: str
    runtime: str
    runtime_version: str
    threads: int
    dtype: str

    def __str__(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.runtime} {self.runtime_version}, {self.dtype}, {threads}, {self.device}"


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
        drift: relative difference of the 10th percentiles of the first and the second half of the samples: the same
            thing measured twice.
        noisy: whether the drift stayed large although it was measured again.
    """

    latency_ms: float = field(validator=ge(0.0))
    overhead_ms: float = field(default=0.0, validator=ge(0.0))
    p25_ms: float
    median_ms: float
    p75_ms: float
    count: int = field(validator=ge(1))
    drift: float = field(default=0.0, validator=ge(0.0))
    noisy: bool = False


def summarize(samples_ms: Sequence[float], *, overhead_ms: float = 0.0) -> Measurement:
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


def _drift(samples_ms: Sequence[float]) -> float:
    middle = len(samples_ms) // 2
    halves = (samples_ms[:middle], samples_ms[middle:])
    first, second = (
        statistics.quantiles(half, n=20, method="inclusive")[1] if len(half) > 1 else half[0] for half in halves
    )
    return abs(first - second) / max(first, second) if max(first, second) else 0.0


def walk(
    rows: Sequence[Sequence[Key]],
    run: Callable[[Key], None],
    *,
    idle: Callable[[], None] | None = None,
    wholes: Sequence[Key] = (),
    samples: int = 200,
    whole_samples: int = 100,
    max_repeats: int = 2,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[Key, Measurement]:
    """Times each key of `rows` at least `samples` times, as part of random nets.

    A block that runs over and over keeps its weights in the cache; in a net they are cold while the scratch memory is
    hot. So each round takes one key of every row, in the order of the rows, and times each: a walk through a random
    net. The 10th percentile stands for a key, since noise on a machine only ever adds. Whole nets are timed between the
    rounds, so that they see the same minutes as the blocks.

    Where the first and the second half of a key's samples differ by more than `MAX_DRIFT`, half as many rounds again
    are gone through, up to `max_repeats` times; what still differs is marked as noisy.

    Args:
        rows: the keys at each position of the net, in its order; a key may stand in several rows. To time whole nets
            side by side, pass one row that holds them.
        run: computes a key once.
        idle: one call of the runtime that computes next to nothing, timed in each round; its cost is deducted from
            every sample as overhead.
        wholes: keys that are nets by themselves, timed in turns, some after each round.
        samples: least number of samples a key of `rows`.
        whole_samples: least number of samples a key of `wholes`.
        max_repeats: how often noisy keys make it go on.
        seed: fixes the order of the rounds.
        progress: told after every round.
    """
    order = random.Random(seed)
    rounds = samples * max(map(len, rows), default=0) or (whole_samples if wholes else 0)
    queues = [_shuffled_forever(row, order) for row in rows if row]
    whole_queue = _shuffled_forever(wholes, order) if wholes else iter(())
    wholes_a_round = -(-len(wholes) * whole_samples // rounds) if rounds else 0
    times: dict[Key, list[float]] = {key: [] for row in (*rows, wholes) for key in row}
    idle_times: list[float] = []
    for key in times:
        run(key)
        run(key)
    done, repeats = 0, 0
    while done < rounds:
        for queue in (*queues, *[whole_queue] * wholes_a_round):
            key = next(queue)
            times[key].append(_time_ms(run, key))
        if idle is not None:
            idle_times.append(_time_ms(idle))
        done += 1
        tell(progress, "measuring", done, rounds)
        if done == rounds and repeats < max_repeats and _drifting(times):
            repeats += 1
            rounds += rounds // 2
    overhead_ms = summarize(idle_times).latency_ms if idle_times else 0.0
    noisy = _drifting(times)
    return {
        key: evolve(summarize(samples_ms, overhead_ms=overhead_ms), noisy=key in noisy)
        for key, samples_ms in times.items()
    }


def _drifting(times: Mapping[Key, Sequence[float]]) -> set[Key]:
    return {
        key
        for key, samples_ms in times.items()
        if len(samples_ms) > 1 and _drift(samples_ms) > MAX_DRIFT and _drift(samples_ms) * min(samples_ms) > _CLOCK_MS
    }


def _time_ms(call: Callable[..., None], *args: object) -> float:
    start = time.perf_counter_ns()
    call(*args)
    return (time.perf_counter_ns() - start) / 1e6


def _shuffled_forever(row: Sequence[Key], order: random.Random) -> Iterator[Key]:
    dealt: list[Key] = []
    while True:
        last, dealt = dealt[-1:], order.sample(row, len(row))
        if dealt[:1] == last:
            # A key that follows itself finds its weights in the cache.
            dealt.reverse()
        yield from dealt
