"""One run: what it works on, and what its folder keeps of that."""

from collections.abc import Callable
from pathlib import Path

from attrs import evolve, field, frozen
from torch import nn

from pnas_apps.ground.cache import Cache
from pnas_apps.ground.session import Session
from pnas_apps.run.device_settings import DeviceSettings
from pnas_apps.run.folder import KeptRun
from pnas_apps.run.settings import RunSettings
from pnas_export import CommandMetric
from pnas_latency import Budget
from pnas_ops import ModuleSpace, load_json, load_weights
from pnas_own.data import Data
from pnas_own.given import Given
from pnas_own.preset import OwnPreset
from pnas_supernet import ModuleSuperNet

ORIGINAL = "original"
"""The name of the net as it was given."""


@frozen(kw_only=True)
class OwnSettings:
    """What must be equal for an unfinished run to resume, and what it was begun with.

    Attributes:
        task: name of the images.
        train_images, test_images: how many there are, or how many batches of loaders.
        space: of the net.
        metrics: commands that fill columns of the table, by their names.
        make: the user's file, wherever the program is started, and function.
        sha256: of the file.
        data_dir: folder of the images.
    """

    task: str
    seed: int
    preset: OwnPreset
    space: ModuleSpace
    train_images: int
    test_images: int
    classes: tuple[str, ...]
    budget: Budget
    metrics: dict[str, str] = field(factory=dict)
    device: DeviceSettings
    make: str = field(eq=False)
    sha256: str = field(eq=False)
    data_dir: str = field(eq=False)

    def with_limits_of(self, other: "OwnSettings") -> "OwnSettings":
        """These, with the limits and the objective of others: what they are may be what the run was refused for."""
        return evolve(self, budget=other.budget, preset=evolve(self.preset, objective=other.preset.objective))


class OwnFolder(KeptRun[OwnSettings]):
    """The folder of a run.

    Attributes:
        imitated: the supernet whose new candidates have learned to give what the original layers give.
        choices: a picture of how the search went, place by place.
        predictions: a picture of predicted against measured nets.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.imitated = path / "imitated.safetensors"
        self.choices = path / "choices.png"
        self.predictions = path / "predictions.png"

    def _load_settings(self) -> OwnSettings:
        self.refuse_run_of("pnas-cifar10 or pnas-imagenet", RunSettings.__name__)
        return load_json(self.settings, OwnSettings)


@frozen(kw_only=True, eq=False)
class OwnRun:
    """What every step of a run needs.

    Attributes:
        given: the user's functions.
        data: images.
        network: the pretrained net; it is trained at last.
        supernet: all nets of the space, with the pretrained weights; the steps change it.
        preset: options.
        folder: of a run that `OwnFolder.begin` has accepted.
        seed: fixes everything but the measured latencies.
        budget: what the net may cost.
        metrics: commands that fill columns of the table.
        target: the device that it is searched for.
        cache: of latency tables and conversions.
        session: shows progress, and knows where nets are trained.
    """

    given: Given
    data: Data
    network: nn.Module
    supernet: ModuleSuperNet
    preset: OwnPreset
    folder: OwnFolder
    seed: int
    budget: Budget
    metrics: tuple[CommandMetric, ...]
    target: DeviceSettings
    cache: Cache
    session: Session

    @property
    def space(self) -> ModuleSpace:
        """The space of the net."""
        return self.supernet.space


def read_into(network: nn.Module) -> Callable[[Path], nn.Module]:
    """Reads a file of weights into a net, which it gives back; as `FileHashes.kept` wants it."""

    def read(path: Path) -> nn.Module:
        load_weights(network, path)
        return network

    return read
