"""What a run was asked to do, as its folder keeps it."""

import json
from pathlib import Path

from attrs import evolve, field, frozen

from pnas_apps.run.device_settings import DeviceSettings
from pnas_apps.run.exploration_settings import ExplorationSettings
from pnas_apps.run.preset import Preset
from pnas_apps.run.reference_epochs import with_compare
from pnas_apps.run.search_start import SearchStart
from pnas_apps.run.sweep_aims import SweepAim
from pnas_latency import Budget
from pnas_ops import FormatError, Range, Space, from_json, parse_json


@frozen(kw_only=True)
class RunSettings:
    """What must be equal for an unfinished run to resume, and where its images are.

    Attributes:
        train_images, test_images: how many there are; without those that cannot be read, where they were checked.
        classes: names, in the order of the labels; empty in files of earlier versions.
        images: hash of the training images, see `image_hash`; empty in files of earlier versions.
        checks_images: whether every photo is read before it is worked with.
        operations: of the space, those that are someone's own, each with the hash of its code.
        budget: what the net may cost.
        metrics: commands that fill columns of the table, by their names.
        device: what it is searched for.
        aims: of a sweep, which has none of its own latency and names its first device; empty of a run for one aim.
        start: the search that this one starts from; None for one that starts from scratch.
        data_dir: folder of the images, which may have moved since; None where they come with a library.
        command: the command that the run was started or resumed with, as a shell takes it.
        exploration: how nets are judged one by one; None for a search by gates.
    """

    task: str
    seed: int
    preset: Preset
    space: Space
    train_images: int = field(validator=Range(0, 10**12, whole=True))
    test_images: int = field(validator=Range(0, 10**12, whole=True))
    classes: tuple[str, ...] = ()
    images: str = field(default="", eq=False)
    operations: dict[str, str] = field(factory=dict)
    checks_images: bool = field(default=False, eq=False)
    budget: Budget = field(factory=Budget)
    metrics: dict[str, str] = field(factory=dict)
    device: DeviceSettings = field(factory=DeviceSettings)
    aims: tuple[SweepAim, ...] = ()
    start: SearchStart | None = None
    data_dir: str | None = field(default=None, eq=False)
    command: str = field(default="", eq=False)
    exploration: ExplorationSettings | None = None

    def with_limits_of(self, other: "RunSettings") -> "RunSettings":
        """These, with the limits and the objective of others: what they are may be what the run was refused for."""
        preset = evolve(self.preset, objective=other.preset.objective)
        return evolve(self, budget=other.budget, aims=other.aims, preset=preset)


def load_settings(path: Path) -> RunSettings:
    """Reads the settings of a run, of an earlier version too.

    Raises:
        FormatError: naming the file, for one that does not hold them.
        OSError: for one that is not there, or may not be read.
    """
    try:
        document = parse_json(path.read_text(encoding="utf-8", errors="replace"))
        if isinstance(document, dict) and isinstance(document.get("preset"), dict):
            document["preset"] = with_compare(document["preset"])
        return from_json(json.dumps(document), RunSettings)
    except FormatError as error:
        raise type(error)(f"{path}: {error.what}", error.way_out) from None
