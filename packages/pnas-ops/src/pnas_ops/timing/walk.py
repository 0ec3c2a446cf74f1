"""The way of timing that makes a table of blocks predict whole nets: nothing but Python, for processes of its own."""

import random
import statistics
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

Key = TypeVar("Key", bound=Hashable)
Progress = Callable[[str, int, int], None]
"""Called with what is going on, the steps done and the steps in all."""


def report_progress(progress: Progress | None, what: str, done: int, total: int) -> None:
    """Calls `progress`, if there is one."""
    if progress is not None:
        progress(what, done, total)


MAX_DRIFT = 0.05
"""A key whose two halves differ by more is measured again."""

CLOCK_MS = 0.001
"""Differences below a microsecond are the clock's, and of no net's concern."""


_PROBE = object()
"""A key that no caller has."""


class TimedCall(NamedTuple):
    """Something to time.

    Attributes:
        run: computes it once; this is timed.
        prepare: called just before, untimed: brings into the cache what the block before would have left there.
    """

    run: Callable[[], object]
    prepare: Callable[[], object] = lambda: None


class WalkSamples(NamedTuple, Generic[Key]):
    """What a walk has timed.

    Attributes:
        times_ms: of each key, in the order of time.
        idle_ms: of the calls that compute next to nothing.
        probe_ms: of the probe, by which the machine's speed is told; empty where there was none.
    """

    times_ms: dict[Key, list[float]]
    idle_ms: list[float]
    probe_ms: list[float]


def time_walks(
    rows: Sequence[Mapping[Key, TimedCall]],
    *,
    idle: Sequence[TimedCall] = (),
    probe: TimedCall | None = None,
    wholes: Mapping[Key, TimedCall] = MappingProxyType({}),
    samples: int = 200,
    whole_samples: int = 100,
    in_a_row: int = 1,
    max_repeats: int = 2,
    least_s: float = 0.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> WalkSamples[Key]:
    """Times each key of `rows` at least `samples` times, as part of random nets.

    A block that runs over and over keeps its weights in the cache; in a net they are cold while its input and the
    scratch memory are hot. So each round takes one key of every row, in the order of the rows, and times each: a walk
    through a random net. A key that stands in several rows needs weights of its own in each, as the blocks of a net
    have: it would find them in the cache else, whenever the row before took the same key. The 10th percentile stands
    for a key, since noise on a machine only ever adds. Whole nets are timed between the rounds, so that they see the
    same minutes as the blocks.

    Where the first and the second half of a key's samples differ by more than `MAX_DRIFT`, and by more than the probe's
    do, half as many rounds again are gone through, up to `max_repeats` times; what still differs, `summarize_walk`
    marks as noisy.

    Args:
        rows: the keys at each position of the net, in its order, each with the call that computes it there. To time
            whole nets side by side, pass one row that holds them.
        idle: equal calls that compute next to nothing, one of which is timed in each round; what they cost is deducted
            from every sample as overhead. As many as a row has keys are as cold as these when their turn comes.
        probe: the same call in every walk of a runtime. It takes turns with `wholes`: timed more often, it would find
            more of itself in the processor's caches than these, and beside blocks more than without.
        wholes: nets by themselves, timed in turns, some after each round.
        samples: least number of samples a key of `rows`.
        whole_samples: least number of samples a key of `wholes`, and the probe.
        in_a_row: how often one of these is timed before the next, after as many rounds: what each leaves behind that
            slows the others for a while, such as threads that wait for more work, comes that much less often.
        max_repeats: how often noisy keys make it go on.
        least_s: as long as it goes on at least, in seconds: the samples of a small net are over in less time than a
            processor keeps its first speed.
        seed: fixes the order of the rounds.
        progress: told after every round.
    """
    order = random.Random(seed)
    rounds = samples * max(map(len, rows), default=0) or (whole_samples if wholes else 0)
    turns: dict[Any, TimedCall] = {**wholes} if probe is None else {**wholes, _PROBE: probe}
    turns_a_round = -(-len(turns) * -(-whole_samples // in_a_row) // -(-rounds // in_a_row)) if rounds else 0
    turn_queue = _shuffled_forever(list(turns), order)
    queues: list[Iterator[Any]] = [_shuffled_forever(list(row), order) for row in rows]
    times: dict[Any, list[float]] = {key: [] for row in (*rows, turns) for key in row}
    idle_times: list[float] = []
    for call in [call for row in (*rows, turns) for call in row.values()]:
        call.run()
        call.run()
    done, repeats, start = 0, 0, time.perf_counter()
    while done < rounds:
        for row, queue in zip(rows, queues, strict=True):
            if row:
                key = next(queue)
                times[key].append(_time_ms(row[key]))
        for _ in range(0 if done % in_a_row else turns_a_round):
            key = next(turn_queue)
            times[key] += [_time_ms(turns[key]) for _ in range(in_a_row)]
        if idle:
            idle_times.append(_time_ms(idle[done % len(idle)]))
        done += 1
        if done == rounds and time.perf_counter() - start < least_s:
            rounds += -(-rounds // 2)
        elif done == rounds and repeats < max_repeats and drifting(times, times.get(_PROBE, ())):
            repeats += 1
            rounds += rounds // 2
        report_progress(progress, "measuring", done, rounds)
    probe_times = times.pop(_PROBE, [])
    return WalkSamples(times, idle_times, probe_times)


def drifting(times: Mapping[Key, Sequence[float]], probe_ms: Sequence[float] = ()) -> set[Key]:
    """The keys whose samples drift by more than `MAX_DRIFT`, and by more than the clock does."""
    found = {key: (drift(samples_ms, probe_ms), samples_ms) for key, samples_ms in times.items() if len(samples_ms) > 1}
    return {key for key, (share, ms) in found.items() if share > MAX_DRIFT and share * min(ms) > CLOCK_MS}


def drift(samples_ms: Sequence[float], probe_ms: Sequence[float] = ()) -> float:
    """Relative difference of the 10th percentiles of the first and the second half of the samples.

    Args:
        samples_ms: in the order of time.
        probe_ms: of the same time; where there are some, a half is told in so many times the probe.
    """
    first, second = _halves_ms(samples_ms)
    if len(probe_ms) > 1:
        before, after = _halves_ms(probe_ms)
        first, second = (first / before, second / after) if before and after else (first, second)
    return abs(first - second) / max(first, second) if max(first, second) else 0.0


def _halves_ms(samples_ms: Sequence[float]) -> tuple[float, float]:
    middle = len(samples_ms) // 2
    first, second = (
        statistics.quantiles(half, n=20, method="inclusive")[1] if len(half) > 1 else half[0]
        for half in (samples_ms[:middle], samples_ms[middle:])
    )
    return first, second


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
