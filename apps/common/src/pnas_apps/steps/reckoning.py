"""How long a run on photos will take, reckoned from a short measuring before it begins."""

import time
from contextlib import suppress
from itertools import islice, pairwise
from statistics import median

import torch
from attrs import evolve, frozen

from pnas_apps.photos.photo_source import PhotoSource
from pnas_apps.run.run import Run
from pnas_apps.steps.effort import compare_passes, most_compared, search_passes
from pnas_apps.steps.search_images import split_search_images
from pnas_ops import counted
from pnas_supernet import ProxylessNAS, SearchConfig, SuperNet, has_checkpoint, tuned

WORTH_RECKONING = 1_000_000
"""Looks at a photo: a run of fewer is over soon, and measuring takes a minute of it."""

_WAVES = 3
"""Of batches that each worker reads: they all come with the first at once, which is left out."""
_STEPS = {"cpu": 4, "cuda": 36}
"""Of either kind. A GPU tries kernels in the first ones: by the last third nearly every candidate has had its turn."""


@frozen(kw_only=True)
class Pace:
    """Seconds of a batch here.

    Attributes:
        reading_s: of all workers together, to read one more.
        weights_s: of a weight step.
        both_s: of a weight step and an architecture step.
    """

    reading_s: float
    weights_s: float
    both_s: float

    def search_s(self, config: SearchConfig, batches: int) -> float:
        """Of a search whose weights see so many batches an epoch. One is worked on while the next is read."""
        weight_step = max(self.reading_s, self.weights_s)
        arch_step = max(self.reading_s, self.both_s - self.weights_s)
        weight_steps = batches * (config.warmup_epochs + config.epochs)
        arch_epochs = 0 if config.gate == "one-shot" else config.epochs
        return weight_steps * weight_step + arch_epochs * (batches // config.arch_interval) * arch_step

    def training_s(self, epochs: int, batches: int) -> float:
        """Of the training of a net, taken to be as fast as the supernet's weights."""
        return epochs * batches * max(self.reading_s, self.weights_s)


def tell_time(run: Run) -> None:
    """Tells before a long run on photos how many a second are read and learnt from here, and how long it will take."""
    preset, train = run.preset, run.task.train
    weights, _ = split_search_images(train, preset, run.generator)
    trained = preset.train.epochs + compare_passes(preset)
    looks = (preset.search.warmup_epochs + preset.search.epochs) * len(weights) + trained * len(train)
    size, is_new = preset.batch_size, not has_checkpoint(run.folder.search_checkpoint)
    if not isinstance(train, PhotoSource) or not is_new or looks < WORTH_RECKONING or len(train) < _WAVES * size:
        return
    with suppress(torch.OutOfMemoryError):  # of which the search says how it goes on
        pace = measure_pace(run)
        search_s = pace.search_s(preset.search, len(weights) // size)
        training_s = pace.training_s(trained, len(train) // size)
        run.reporter.console.print(
            f"  {size / pace.reading_s:,.0f} photos a second are read here, {size / pace.weights_s:,.0f} learnt from: "
            f"the search will take about {_shown(search_s)}, the trainings {_shown(training_s)}",
            soft_wrap=True,
        )


def tell_comparison(run: Run) -> None:
    """Tells before a run what its comparison will take, and what the run takes without it."""
    preset, train = run.preset, run.task.train
    count, compare = most_compared(preset), preset.compare
    if not count:
        run.reporter.line("  whether the search paid will not be said: --compare N --compare-epochs E would")
    if not count or run.folder.contenders.exists():
        return
    weights, _ = split_search_images(train, preset, run.generator)
    others = search_passes(preset, images=len(train), weights=len(weights)) + preset.train.epochs
    run.reporter.line(
        f"  to say whether the search paid, up to {count} nets x {counted(compare.seeds, 'seed')} will be trained for "
        f"{counted(compare.epochs, 'epoch')}: {compare_passes(preset)} passes over the training images; search and "
        f"training take {others:.0f} (a run that is begun with --compare 0 leaves it out)"
    )


def measure_pace(run: Run) -> Pace:
    """How fast this process reads the photos of a run, and its supernet learns from them."""
    read = islice(run.training_batches(run.task.train, "pace"), _WAVES * max(1, run.workers))
    ticks = []
    for one in read:
        ticks.append(time.perf_counter())
        batch = one
    first = len(ticks) // _WAVES
    reading_s = (ticks[-1] - ticks[first - 1]) / (len(ticks) - first)
    supernet = SuperNet(run.task.space, generator=run.generator("pace"))
    supernet.to(run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    config = evolve(run.preset.search, warmup_epochs=1, epochs=1, arch_interval=1)
    search = ProxylessNAS(supernet, config, generator=run.generator("pace"))
    with tuned(run.device):
        weights_s, both_s = (_step_s(search, batch, run.device) for _ in ("warm-up", "search"))
    return Pace(reading_s=reading_s, weights_s=weights_s, both_s=both_s)


def _step_s(search: ProxylessNAS, batch: tuple[torch.Tensor, torch.Tensor], device: torch.device) -> float:
    """Median seconds of a step of the search's next epoch."""
    ticks: list[float] = []

    def after_step() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        ticks.append(time.perf_counter())

    steps = _STEPS[device.type]
    search.run_epoch([batch] * steps, [batch], on_step=after_step)
    late = ticks[2 * steps // 3 - 1 :]
    return median(after - before for before, after in pairwise(late))


def _shown(seconds: float) -> str:
    """As people say it: in days, hours or minutes."""
    for unit, length in (("days", 86400.0), ("hours", 3600.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds / 60:.0f} minutes"
