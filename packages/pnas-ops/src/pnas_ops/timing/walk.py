"""A way of timing by which a table of blocks predicts whole nets; plain Python only, to run in separate processes."""

import random
import statistics
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

Key = TypeVar("Key", bound=Hashable)
Progress = Callable[[str, int, int], None]
"""Called with a description, the steps done and the steps in all."""


def report_progress(progress: Progress | None, what: str, done: int, total: int) -> None:
    """Calls `progress`, if there is one."""
    if progress is not None:
        progress(what, done, total)


MAX_DRIFT = 0.05
"""A key whose two halves of samples differ by more is measured again."""

CLOCK_MS = 0.001
"""Differences below a microsecond come from the clock, and do not matter for any net."""


_PROBE = object()
"""A key that no caller has."""


class TimedCall(NamedTuple):
    """Something to time.

    Attributes:
        run: computes it once; this is timed.
        prepare: called just before, untimed: brings into the cache what the previous block would have left there.
    """

    run: Callable[[], object]
    prepare: Callable[[], object] = lambda: None


class WalkSamples(NamedTuple, Generic[Key]):
    """What a walk has timed.

    Attributes:
        times_ms: of each key, in chronological order.
        idle_ms: of the calls that compute almost nothing.
        probe_ms: of the probe, which shows the machine's speed; empty if there was none.
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

    A block that runs over and over keeps its weights in the cache. In a net the weights are cold, while the input and
    the scratch memory are hot. So each round takes one key of every row, in the order of the rows, and times each: a
    walk through a random net. A key in several rows needs weights of its own in each, like the blocks of a net;
    otherwise it would find them in the cache whenever the previous row took the same key. The latency of a key is its
    10th percentile, since noise on a machine only ever adds. Whole nets are timed between the rounds, at the same time
    as the blocks.

    If the two halves of a key's samples differ by more than `MAX_DRIFT`, and by more than the probe's do, half as many
    rounds again are run, up to `max_repeats` times. Keys that still differ are marked as noisy by `summarize_walk`.

    Args:
        rows: the keys at each position of the net, in its order, each with the call that computes it there. To time
            whole nets side by side, pass them as one row.
        idle: equal calls that compute almost nothing, one of which is timed in each round; their time is deducted from
            every sample as overhead. With as many of them as a row has keys, they are as cold as these in their turn.
        probe: the same call in every walk of a runtime. It takes turns with `wholes`: if timed more often, it would be
            warmer in the processor's caches than these, and more so with blocks than without.
        wholes: whole nets, timed in turns, some after each round.
        samples: least number of samples for each key of `rows`.
        whole_samples: least number of samples for each key of `wholes`, and for the probe.
        in_a_row: how often one of these is timed before the next, after as many rounds. After-effects that slow the
            others for a while, such as threads that wait for more work, are that much rarer.
        max_repeats: how often noisy keys cause further rounds.
        least_s: least duration in seconds: the samples of a small net take less time than a processor keeps its initial
            speed.
        seed: of the order of the rounds.
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
    """The keys whose samples drift by more than `MAX_DRIFT`, and by more than the clock's resolution."""
    found = {key: (drift(samples_ms, probe_ms), samples_ms) for key, samples_ms in times.items() if len(samples_ms) > 1}
    return {key for key, (share, ms) in found.items() if share > MAX_DRIFT and share * min(ms) > CLOCK_MS}


def drift(samples_ms: Sequence[float], probe_ms: Sequence[float] = ()) -> float:
    """Relative difference of the 10th percentiles of the first and the second half of the samples.

    Args:
        samples_ms: in chronological order.
        probe_ms: from the same period; if given, each half is divided by the probe's time.
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
            # A key that follows itself would find its weights in the cache.
            dealt.reverse()
        yield from dealt
