"""How fast a machine reads the images of a run, and learns from them."""

import time
from collections.abc import Callable
from itertools import islice, pairwise
from statistics import median

import torch
from attrs import evolve, frozen

from pnas_apps.run.run import Run
from pnas_supernet import ProxylessNAS, SearchConfig, SuperNet, tuned

WAVES = 3
"""Of batches that each worker reads: they all come with the first at once, which is left out."""
_STEPS = {"cpu": 4, "cuda": 36}
"""Of either kind. A GPU tries kernels in the first ones: by the last third nearly every candidate has had its turn."""


@frozen(kw_only=True)
class Pace:
    """Seconds of a batch here.

    Attributes:
        reading_s: of all workers together, to read one more; 0 where the steps were timed with their reading.
        weights_s: of a weight step.
        both_s: of a weight step and an architecture step.
    """

    reading_s: float
    weights_s: float
    both_s: float

    def search_s(self, config: SearchConfig, batches: int, *, done: int = 0, aims: int = 1) -> float:
        """Seconds of a search with so many batches of weight steps an epoch; one is worked on while the next is read.

        Args:
            config: of the search.
            batches: of an epoch.
            done: epochs of it that are.
            aims: nets that it is for, each of which has its own architecture steps.
        """
        weight_step = max(self.reading_s, self.weights_s)
        arch_step = max(self.reading_s, self.both_s - self.weights_s)
        left = config.warmup_epochs + config.epochs - done
        arch_epochs = 0 if config.gate == "one-shot" else min(left, config.epochs)
        return left * batches * weight_step + arch_epochs * (batches // config.arch_interval) * aims * arch_step

    def training_s(self, epochs: int, batches: int) -> float:
        """Seconds of the training of a net, assumed to be as fast as the supernet's weight steps."""
        return epochs * batches * max(self.reading_s, self.weights_s)


def measure_pace(run: Run) -> Pace:
    """How fast this process reads the photos of a run, and its supernet learns from them."""
    read = islice(run.training_batches(run.task.train, "pace"), WAVES * max(1, run.workers))
    ticks = []
    for one in read:
        ticks.append(time.perf_counter())
        batch = one
    first = len(ticks) // WAVES
    reading_s = (ticks[-1] - ticks[first - 1]) / (len(ticks) - first)
    supernet = SuperNet(run.task.space, generator=run.generator("pace"))
    supernet.to(run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    config = evolve(run.preset.search, warmup_epochs=1, epochs=1, arch_interval=1)
    search = ProxylessNAS(supernet, config, generator=run.generator("pace"))
    with tuned(run.device):
        weights_s, both_s = (_step_s(search, batch, run.device) for _ in ("warm-up", "search"))
    return Pace(reading_s=reading_s, weights_s=weights_s, both_s=both_s)


def ticks_of(steps: Callable[[Callable[[], None]], object], device: torch.device) -> list[float]:
    """The moment after each step, in seconds of `time.perf_counter`.

    Args:
        steps: takes the steps, and calls what it is given after each of them.
        device: the device that they are computed on, which is waited for.
    """
    ticks: list[float] = []

    def after_step() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        ticks.append(time.perf_counter())

    steps(after_step)
    return ticks


def _step_s(search: ProxylessNAS, batch: tuple[torch.Tensor, torch.Tensor], device: torch.device) -> float:
    """Median seconds of a step of the search's next epoch."""
    steps = _STEPS[device.type]
    ticks = ticks_of(lambda after_step: search.run_epoch([batch] * steps, [batch], on_step=after_step), device)
    late = ticks[2 * steps // 3 - 1 :]
    return median(after - before for before, after in pairwise(late))
