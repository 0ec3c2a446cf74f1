"""What a device reports, and the way of timing that makes a table of blocks predict whole nets."""

import platform
import random
import re
import statistics
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from attrs import field, frozen
from attrs.validators import ge

Key = TypeVar("Key", bound=Hashable)
Progress = Callable[[str, int, int], None]
"""Called with what is going on, the steps done and the steps in all."""


def tell(progress: Progress | None, what: str, done: int, total: int) -> None:
    """Calls `progress`, if there is one."""
    if progress is not None:
        progress(what, done, total)


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
    """

    latency_ms: float = field(validator=ge(0.0))
    overhead_ms: float = field(default=0.0, validator=ge(0.0))
    p25_ms: float
    median_ms: float
    p75_ms: float
    count: int = field(validator=ge(1))


def summarize(samples_ms: Sequence[float], *, overhead_ms: float = 0.0) -> Measurement:
    """The measurement that at least two samples amount to."""
    percentiles = statistics.quantiles(samples_ms, n=20, method="inclusive")
    return Measurement(
        latency_ms=max(0.0, percentiles[1] - overhead_ms),
        overhead_ms=overhead_ms,
        p25_ms=percentiles[4],
        median_ms=percentiles[9],
        p75_ms=percentiles[14],
        count=len(samples_ms),
    )


def walk(
    rows: Sequence[Sequence[Key]],
    run: Callable[[Key], None],
    *,
    idle: Callable[[], None] | None = None,
    samples: int = 200,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[Key, Measurement]:
    """Times each key of `rows` at least `samples` times, as part of random nets.

    A block that runs over and over keeps its weights in the cache; in a net they are cold while the scratch memory is
    hot. So each round takes one key of every row, in the order of the rows, and times each: a walk through a random
    net. The 10th percentile stands for a key, since noise on a machine only ever adds.

    Args:
        rows: the keys at each position of the net, in its order; a key may stand in several rows. To time whole nets
            side by side, pass one row that holds them.
        run: computes a key once.
        idle: one call of the runtime that computes next to nothing, timed in each round; its cost is deducted from
            every sample as overhead.
        samples: least number of samples a key.
        seed: fixes the order of the rounds.
        progress: told after every round.
    """
    order = random.Random(seed)
    rounds = samples * max(map(len, rows), default=0)
    queues = [_shuffled_forever(row, order) for row in rows if row]
    times: dict[Key, list[float]] = {key: [] for row in rows for key in row}
    idle_times: list[float] = []
    for key in times:
        run(key)
        run(key)
    for done in range(1, rounds + 1):
        for queue in queues:
            key = next(queue)
            times[key].append(_time_ms(run, key))
        if idle is not None:
            idle_times.append(_time_ms(idle))
        tell(progress, "measuring", done, rounds)
    overhead_ms = summarize(idle_times).latency_ms if idle_times else 0.0
    return {key: summarize(samples_ms, overhead_ms=overhead_ms) for key, samples_ms in times.items()}


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
