"""One run: what it works on, where it leaves its files, and where its randomness comes from."""

from pathlib import Path

import torch
from attrs import field, frozen

from pnas_apps.images import (
    Augmentation,
    ImageBatches,
    ImageSet,
    measure_preprocessing,
    seeded_generator,
)
from pnas_apps.objectives import Budget
from pnas_apps.progress import Reporter
from pnas_apps.run_folder import RunFolder
from pnas_apps.settings import DeviceSettings, Preset, Task
from pnas_export import Preprocessing


@frozen(kw_only=True, eq=False)
class Run:
    """What every step of a run needs.

    Attributes:
        task: images and search space.
        preset: options.
        folder: of a run that `RunFolder.begin` has accepted.
        seed: fixes everything but the measured latencies.
        budget: what the net may cost.
        target: the device that it is searched for.
        device: where networks are trained.
        reporter: shows progress.
        cache: folder of what can be made again: latency tables and conversions.
        preprocessing: that of the training images.
    """

    task: Task
    preset: Preset
    folder: RunFolder
    seed: int
    device: torch.device
    reporter: Reporter
    cache: Path
    budget: Budget = field(factory=Budget)
    target: DeviceSettings = field(factory=DeviceSettings)
    preprocessing: Preprocessing = field(init=False)

    @preprocessing.default
    def _measure_preprocessing(self) -> Preprocessing:
        return measure_preprocessing(self.task.train)

    @property
    def conversions(self) -> Path:
        """Where converted nets are kept, by their content."""
        return self.cache / "conversions"

    def generator(self, *purpose: str | int) -> torch.Generator:
        """The source of randomness for one purpose, on the CPU."""
        return seeded_generator(self.seed, *purpose)

    def training_batches(self, images: ImageSet, *purpose: str | int) -> ImageBatches:
        """Shuffled, augmented batches for one epoch, which `purpose` names."""
        return self._batches(images, self.generator(*purpose), self.preset.augmentation)

    def shuffled_batches(self, images: ImageSet, *purpose: str | int) -> ImageBatches:
        """Shuffled batches of the images as they are."""
        return self._batches(images, self.generator(*purpose), None)

    def ordered_batches(self, images: ImageSet) -> ImageBatches:
        """Every image once, as it is, in order."""
        return self._batches(images, None, None)

    def _batches(
        self, images: ImageSet, generator: torch.Generator | None, augmentation: Augmentation | None
    ) -> ImageBatches:
        return ImageBatches(
            images,
            self.preprocessing,
            batch_size=self.preset.batch_size,
            generator=generator,
            augmentation=augmentation,
            device=self.device,
        )
