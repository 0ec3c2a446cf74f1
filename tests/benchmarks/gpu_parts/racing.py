"""Every step of a search beside ordinary training, in turns: time, memory, kernels, waits."""

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from statistics import median

import torch
from attrs import frozen

from benchmarks.gpu_parts.capturing import MODES
from benchmarks.gpu_parts.contenders import SEARCH_STEPS, Contender, Ordinary, OrdinaryGraph, Race, Searching
from benchmarks.gpu_parts.counting import counts, peak_mb, places_of_waits, reserved_mb
from benchmarks.gpu_parts.setting import Line, Setting, guarded
from pnas_ops import Space
from pnas_supernet import AUTOCAST_DTYPES, Precision

LEAST_ROUNDS, MOST_ROUNDS = 3, 20
LEAST_S = 8.0
"""What a case takes at least."""


@frozen(kw_only=True)
class Case:
    """What the steps are timed on.

    Attributes:
        modes: of the search's steps, see `switch_of`.
        autotunes: whether cuDNN tries its kernels.
        steps: those of the search that are timed.
    """

    precision: Precision
    batch_size: int
    modes: tuple[str, ...] = MODES
    autotunes: bool = True
    steps: tuple[str, ...] = tuple(SEARCH_STEPS)

    def __str__(self) -> str:
        return f"{self.precision} {self.batch_size}" + ("" if self.autotunes else " untuned")


def race(setting: Setting, space: Space, cases: Mapping[Case, float], *, paths: int) -> Iterator[Line]:
    """Lines for each step of each case.

    Args:
        setting: of the part.
        space: of the supernet.
        cases: each with its share of the part's time; the most important first.
        paths: that are taken in turn.
    """
    total = sum(cases.values())
    seconds = setting.left_s
    for case, share in cases.items():
        if setting.wants(str(case), least_s=LEAST_S):
            until = time.monotonic() + min(setting.left_s, seconds * share / total)
            yield from guarded({"case": str(case)}, partial(_run, setting, space, case, paths, until))


def _run(setting: Setting, space: Space, case: Case, paths: int, until: float) -> Iterator[Line]:
    torch.backends.cudnn.benchmark = case.autotunes
    subject = Race(
        space,
        paths=paths,
        batch_size=case.batch_size,
        autocast=AUTOCAST_DTYPES[case.precision],
        device=setting.device,
    )
    contenders: dict[str, Contender] = {}
    for name, make in _makers(setting, case).items():
        yield from guarded({"step": name}, partial(_ready, setting, contenders, name, partial(make, subject), paths))
    times = _timed(setting, contenders, paths, until)
    for name, contender in contenders.items():
        with contender.working():
            yield {"step": name, **_summary(times, name), "peak_mb": peak_mb(partial(contender.step, 0))}
    for name, contender in contenders.items():
        step = partial(contender.step, 0)
        with contender.working():
            step()
            yield {"step": name, **counts(step), **places_of_waits(step)}


def _ready(
    setting: Setting, contenders: dict[str, Contender], name: str, make: Callable[[], Contender], paths: int
) -> Iterator[Line]:
    """Makes a contender, and takes each path twice: cuDNN's kernels are found, and what is captured is."""
    begun, before = time.perf_counter(), reserved_mb()
    contender = make()
    with contender.working():
        for index in (*range(paths), *range(paths)):
            contender.step(index)
    setting.finish()
    contenders[name] = contender
    yield {"warm_up_s": round(time.perf_counter() - begun, 2), "held_mb": round(reserved_mb() - before, 1)}


def _makers(setting: Setting, case: Case) -> dict[str, Callable[[Race], Contender]]:
    makers: dict[str, Callable[[Race], Contender]] = {"ordinary": Ordinary}
    if setting.device.type == "cuda":
        makers["ordinary_graph"] = OrdinaryGraph
    for mode in case.modes:
        for step in case.steps:
            name = step if mode == "eager" else f"{step}_{mode}"
            makers[name] = partial(Searching, name=step, mode=mode)
    return makers


def _timed(setting: Setting, contenders: Mapping[str, Contender], paths: int, until: float) -> dict[str, list[float]]:
    """Seconds a step, round by round; each round begins with another contender, which takes all paths once before."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    rounds = range(2 if setting.tiny else MOST_ROUNDS)
    for index in rounds:
        if index >= LEAST_ROUNDS and time.monotonic() > until:
            break
        turn = index % len(names)
        for name in (*names[turn:], *names[:turn]):
            with contenders[name].working():
                for path in range(paths):
                    contenders[name].step(path)
                setting.finish()
                begun = time.perf_counter()
                for path in range(paths):
                    contenders[name].step(path)
                setting.finish()
            seconds[name].append((time.perf_counter() - begun) / paths)
    return seconds


def _summary(seconds: Mapping[str, list[float]], name: str) -> Line:
    line: Line = {
        "ms": round(median(seconds[name]) * 1e3, 3),
        "best_ms": round(min(seconds[name]) * 1e3, 3),
        "rounds": len(seconds[name]),
    }
    for base in ("ordinary", "ordinary_graph", "weight"):
        if base in seconds and base != name:
            quotients = [a / b for a, b in zip(seconds[name], seconds[base], strict=True)]
            line[f"of_{base}"] = round(median(quotients), 3)
    return line
