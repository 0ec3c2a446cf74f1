"""One run: what it works on, where it leaves its files, and where its randomness comes from."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from attrs import evolve, field, frozen
from torch import Tensor

from pnas_apps.ground.cache import Cache
from pnas_apps.ground.processes import Processes
from pnas_apps.ground.progress import Reporter
from pnas_apps.ground.randomness import seeded_generator
from pnas_apps.images.loading import Loading
from pnas_apps.images.source import ImageSource
from pnas_apps.run.device_settings import DeviceSettings
from pnas_apps.run.preset import Preset
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.search_start import SearchStart
from pnas_apps.run.sweep_aims import SweepAim
from pnas_apps.run.task import Task
from pnas_latency import Budget
from pnas_ops import Architecture, Batches, Preprocessing

Kept = TypeVar("Kept")

_PIXEL_BATCH = 256


@frozen(kw_only=True, eq=False)
class Run:
    """What every step of a run needs.

    Attributes:
        task: images and search space.
        preset: options.
        folder: of a run that `RunFolder.begin` has accepted.
        seed: fixes everything but the measured latencies.
        budget: what the net may cost.
        metrics: commands that fill columns of the table, by their names.
        target: the device that it is searched for.
        start: the search that its own starts from; None for one that starts from scratch.
        processes: the processes that work on it, and where networks are trained.
        workers: processes that read photos for this one.
        deterministic: whether a GPU is to give the same bits every time.
        tensorboard: whether what is learnt is written for TensorBoard, too.
        reporter: shows progress.
        cache: of latency tables and conversions.
        loading: how images are read.
    """

    task: Task
    preset: Preset
    folder: RunFolder
    seed: int
    reporter: Reporter
    cache: Cache
    budget: Budget = field(factory=Budget)
    metrics: Mapping[str, str] = field(factory=dict)
    target: DeviceSettings = field(factory=DeviceSettings)
    start: SearchStart | None = None
    processes: Processes = field(factory=lambda: Processes(device=torch.device("cpu")))
    workers: int = 0
    deterministic: bool = False
    tensorboard: bool = False
    loading: Loading = field(init=False)

    @loading.default
    def _make_loading(self) -> Loading:
        return self.task.loading(
            self.reporter.line, workers=self.workers, rank=self.processes.rank, world_size=self.processes.size
        )

    @property
    def device(self) -> torch.device:
        """Where networks are trained."""
        return self.processes.device

    @property
    def preprocessing(self) -> Preprocessing:
        """The preprocessing of the training images."""
        return self.task.train.preprocessing

    def sized_for(self, net: Architecture) -> "Run":
        """The run with its images in the size that a net of its space takes: that of the space, or a smaller one."""
        if net.resolution == self.preprocessing.height:
            return self
        return evolve(self, task=self.task.resized(net.resolution))

    def aimed(self, aim: SweepAim, folder: RunFolder) -> "Run":
        """The run for one aim of a sweep, in a folder of its own."""
        budget = evolve(self.budget, latency_ms=aim.latency_ms)
        return evolve(self, folder=folder, target=aim.device, budget=budget)

    def alone(self) -> "Run | None":
        """The run in the first process, which the others leave, and None in those: for what one does for all."""
        alone = self.processes.parted()
        return None if alone is None else evolve(self, processes=alone)

    def kept(self, path: Path, read: Callable[[Path], Kept]) -> Kept | None:
        """The kept result of a step; None where it has to be made, because it is missing or (with a warning) damaged.

        Args:
            path: a file of the run.
            read: raises a `PnasError` for a damaged one.
        """
        return self.folder.files.kept(path, read, self.reporter.warn)

    def generator(self, *purpose: str | int) -> torch.Generator:
        """The source of randomness for one purpose, on the CPU."""
        return seeded_generator(self.seed, *purpose)

    def training_batches(self, images: ImageSource, *purpose: str | int, start: int = 0) -> Batches:
        """Shuffled, augmented batches for one epoch, which `purpose` names; those before `start` are not looked at."""
        return images.training_batches(
            batch_size=self.preset.batch_size,
            generator=self.generator(*purpose),
            loading=self.loading,
            device=self.device,
            start=start,
        )

    def shuffled_batches(self, images: ImageSource, *purpose: str | int) -> Batches:
        """Shuffled batches of the images as they are."""
        return self._plain_batches(images, self.generator(*purpose))

    def ordered_batches(self, images: ImageSource) -> Batches:
        """Every image once, as it is, in order."""
        return self._plain_batches(images, None)

    def pixel_batches(self, images: ImageSource) -> Batches:
        """Every image once, as uint8 pixels (N, C, H, W), in order, whatever the number of processes."""
        return images.pixel_batches(batch_size=_PIXEL_BATCH, loading=self.loading)

    def pixels(self, images: ImageSource) -> Tensor:
        """All images at once, of which there should be few: uint8, (N, C, H, W)."""
        return torch.cat([pixels for pixels, _ in self.pixel_batches(images)])

    def _plain_batches(self, images: ImageSource, generator: torch.Generator | None) -> Batches:
        return images.plain_batches(
            batch_size=self.preset.batch_size, generator=generator, loading=self.loading, device=self.device
        )
