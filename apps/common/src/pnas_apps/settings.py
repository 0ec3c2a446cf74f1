"""What a run is asked to do."""

from pathlib import Path
from typing import Literal

from attrs import evolve, field, frozen
from attrs.validators import and_, ge, gt, le, lt

from pnas_apps.errors import UserError
from pnas_apps.images import Augmentation, ImageSet
from pnas_apps.objectives import Budget, ObjectiveConfig
from pnas_apps.presets import Options
from pnas_apps.training import TrainConfig
from pnas_ops import Space, structure
from pnas_supernet import SearchConfig


@frozen(kw_only=True)
class Preset:
    """All options of a run.

    Attributes:
        space: name of the search space, one of those that the program has.
        blocks_per_stage: of the search space.
        width_mult: scales its channels.
        resolution: side of the images in pixels.
        batch_size: images in a batch, of the search and of the training.
        validation_share: share of the search's images that the architecture learns on, not the weights.
        search_share: share of the training images that the search sees, the same of every class; the training of the
            net that it finds sees all of them.
        augmentation: of training images.
        objective: how latency and other costs enter the search.
        search: of the architecture.
        train: of the net that the search found.
        reference_epochs: epochs of the same training for the space's fastest and biggest net, to compare with.
    """

    space: str = "cifar"
    blocks_per_stage: int = field(default=3, validator=ge(1))
    width_mult: float = field(validator=gt(0.0))
    resolution: int = field(validator=ge(1))
    batch_size: int = field(validator=ge(2))
    validation_share: float = field(validator=and_(gt(0.0), lt(1.0)))
    reference_epochs: int = field(validator=ge(1))
    search_share: float = field(validator=and_(gt(0.0), le(1.0)))
    augmentation: Augmentation
    objective: ObjectiveConfig
    search: SearchConfig
    train: TrainConfig

    @property
    def reference_train(self) -> TrainConfig:
        """The training of the fastest and of the biggest net."""
        warmup_epochs = min(self.train.warmup_epochs, self.reference_epochs // 2)
        return evolve(self.train, epochs=self.reference_epochs, warmup_epochs=warmup_epochs)


@frozen(kw_only=True)
class DeviceSettings:
    """The device that a net is searched for, as the command line names it.

    Attributes:
        name: see `pnas_apps.devices.DEVICES_HELP`.
        threads: of its runtime.
        dtype: of the blocks and nets that are measured.
    """

    name: str = "tflite"
    threads: int = field(default=1, validator=ge(1))
    dtype: Literal["float32", "int8"] = "float32"


@frozen(kw_only=True)
class RunSettings:
    """What must be equal for an unfinished run to go on, and where its images are.

    Attributes:
        budget: what the net may cost.
        device: what it is searched for.
        data_dir: folder of the images, which may have moved since; None where they come with a library.
    """

    task: str
    seed: int
    preset: Preset
    space: Space
    train_images: int
    test_images: int
    budget: Budget = field(factory=Budget)
    device: DeviceSettings = field(factory=DeviceSettings)
    data_dir: str | None = field(default=None, eq=False)


@frozen(kw_only=True, eq=False)
class Task:
    """Images and the space to search for them.

    Attributes:
        data_dir: folder of the images; None where they come with a library.
    """

    name: str
    train: ImageSet
    test: ImageSet
    space: Space
    data_dir: Path | None = None


def structure_preset(options: Options, name: str) -> Preset:
    """The preset that these options amount to.

    Raises:
        UserError: naming every option that is missing, unknown or out of range.
    """
    try:
        return structure(options, Preset)
    except ValueError as error:
        raise UserError(f"preset {name!r}: {error}") from None
