"""The options of a run."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TypeVar

import torch
from attrs import Attribute, evolve, field, frozen

from pnas_apps.ground.errors import UserError
from pnas_apps.images.augmentation import Augmentation
from pnas_apps.images.splitting import Images, split_count, split_share
from pnas_apps.photos.views import PhotoAugmentation
from pnas_apps.run.compare_config import CompareConfig
from pnas_apps.run.objective_config import ObjectiveConfig
from pnas_apps.training.config import TrainConfig
from pnas_ops import BASELINES, Range, from_dict
from pnas_supernet import SearchConfig, default_precision

SMALLEST_SHARE = 0.0001
"""Of the images: what is less is a slip, and gives no image of any class that people have."""

AUTO = "auto"
"""In the place of a precision: what the device that networks are trained on is fast with."""


def _names(text: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, text.split(","))))


def _of_baselines(instance: object, attribute: "Attribute[str]", value: str) -> None:
    for name in _names(value):
        if name not in BASELINES:
            near = get_close_matches(name, BASELINES, n=1)
            hint = f"did you mean {near[0]}?" if near else f"name some of {', '.join(BASELINES)}"
            raise ValueError(f"{attribute.name} names {name!r}, which is not one of the published nets: {hint}")


def check_judged_nets(gate: str, judged_nets: int) -> None:
    """Raises a ValueError for a gate whose search cannot land by itself, where no net is judged."""
    if gate == "one-shot" and not judged_nets:
        raise ValueError(
            "search.gate 'one-shot' learns no probabilities to choose a net by: give --judged-nets, such as 100"
        )


@frozen(kw_only=True)
class CommonPreset:
    """Options of a run on images of any kind.

    Attributes:
        space: name of the search space, one of those that the program has.
        blocks_per_stage: of the search space.
        width_mult: scales its channels.
        resolution: side of the images in pixels.
        batch_size: images in a batch, of the search and of the training, in all processes together.
        device: the device that is searched for where the command line names none.
        max_corrupt_share: of all images, how many may be unreadable; more stop the run, which may go on with another
            share.
        search_share: share of the training images that the search sees, the same of every class; the training of the
            net that it finds sees all of them.
        objective: how latency and other costs enter the search.
        search: of the architecture.
        train: of the net that the search found.
        compare: the net that the search found with others, trained from scratch.
        judged_nets: how many random nets within the limits are judged by the weights that the supernet has learnt for
            them, before the search lands on the best by a linear fit of what they got (with the gate "one-shot", on the
            best of them); 0 to land on the most probable net.
        baselines: names of published nets (`pnas_ops.BASELINES`) whose latency is measured beside, with commas
            between; the parameters and MACs of all of them are counted. Those that can be as fast as the net
            that was found are compared with it.
    """

    space: str
    blocks_per_stage: int = field(validator=Range(1, 100, whole=True))
    width_mult: float = field(validator=Range(0.01, 16.0))
    resolution: int = field(validator=Range(1, 4096, whole=True))
    batch_size: int = field(validator=Range(2, 1_000_000, whole=True))
    device: str = field(default="tflite", eq=False)
    max_corrupt_share: float = field(default=0.0, eq=False, validator=Range(0.0, 1.0))
    search_share: float = field(validator=Range(SMALLEST_SHARE, 1.0))
    objective: ObjectiveConfig
    search: SearchConfig
    train: TrainConfig
    compare: CompareConfig = field(factory=CompareConfig, eq=False)
    judged_nets: int = field(default=0, validator=Range(0, 1_000_000, whole=True))
    baselines: str = field(default="", eq=False, validator=_of_baselines)

    def __attrs_post_init__(self) -> None:
        gate = self.search.gate
        check_judged_nets(gate, self.judged_nets)
        if gate in ("darts", "one-shot") and self.objective.form == "reinforce":
            raise ValueError(
                f"objective.form 'reinforce' samples nets from alpha, which search.gate {gate!r} does not: give "
                "--search-gate exact, or another --objective-form"
            )

    @property
    def measured_baselines(self) -> tuple[str, ...]:
        """The names in `baselines`."""
        return _names(self.baselines)

    def train_to_compare(self, epochs: int) -> TrainConfig:
        """The training of the nets that are compared: that of the net that ships, but so long."""
        return evolve(self.train, epochs=epochs, warmup_epochs=min(self.train.warmup_epochs, epochs // 2))


@frozen(kw_only=True)
class ImagePreset(CommonPreset):
    """All options of a run on images in memory.

    Attributes:
        validation_share: share of the search's images that the architecture learns on, not the weights.
        augmentation: of training images.
    """

    validation_share: float = field(validator=Range(SMALLEST_SHARE, 1 - SMALLEST_SHARE))
    augmentation: Augmentation

    def hold_out(self, images: Images, generator: torch.Generator) -> tuple[Images, Images]:
        """The images for the weights, and those for the architecture."""
        return split_share(images, self.validation_share, generator, flag="--validation-share")


def _share_or_count(instance: object, attribute: "Attribute[float]", value: float) -> None:
    Range(SMALLEST_SHARE, 1e9)(instance, attribute, value)
    if value >= 1 and value != int(value):
        raise ValueError(f"{attribute.name} must be a share below 1 or a whole number of images, got {value}")


@frozen(kw_only=True)
class PhotoPreset(CommonPreset):
    """All options of a run on photos in files.

    Attributes:
        validation_size: what the architecture learns on, not the weights: below 1 a share of the search's photos, from
            1 on their number; the same of every class.
        augmentation: of training photos.
    """

    validation_size: float = field(validator=_share_or_count)
    augmentation: PhotoAugmentation

    def hold_out(self, images: Images, generator: torch.Generator) -> tuple[Images, Images]:
        """The photos for the weights, and those for the architecture."""
        if self.validation_size < 1:
            return split_share(images, self.validation_size, generator, flag="--validation-size")
        return split_count(images, int(self.validation_size), generator, flag="--validation-size")


Preset = ImagePreset | PhotoPreset
_CPU = torch.device("cpu")
AnyPreset = TypeVar("AnyPreset", bound=Preset)
Options = TypeVar("Options")


def structure_preset(
    options: Mapping[str, object], name: str, kind: type[Options], *, device: torch.device = _CPU
) -> Options:
    """The preset that these options amount to.

    Args:
        options: of its file, changed by flags.
        name: of the preset.
        kind: of the preset.
        device: where networks are trained, which a precision of "auto" is that of.

    Raises:
        UserError: naming every option that is missing, unknown or out of range, and its section, if it is in one.
    """
    try:
        return from_dict(dict(_decided(options, device)), kind)
    except ValueError as error:
        faults = [_said(*fault.partition(f" @ {kind.__name__}")[::2], options) for fault in str(error).split("; ")]
        raise UserError(f"preset {name!r} and flags: {'; '.join(faults)}") from None


def _said(fault: str, place: str, options: Mapping[str, object]) -> str:
    """What is wrong with options by their flags where it names them, else with the section that they are in."""
    section = place.removeprefix(".")
    if not section:
        return fault
    known = options.get(section)
    # That of compare.nets is --compare.
    names = set(known) if isinstance(known, Mapping) and section != "compare" else set()

    def flag(found: re.Match[str]) -> str:
        return f"--{section}-{found[1]}".replace("_", "-") if found[1] in names else found[0]

    by_flags = re.sub(r"'(\w+)'", flag, fault)
    return f"{fault} in [{section}]" if by_flags == fault else by_flags


def _decided(options: Mapping[str, object], device: torch.device) -> Iterator[tuple[str, object]]:
    """The options, with a precision in place of every "auto"."""
    for key, section in options.items():
        if isinstance(section, dict) and section.get("precision") == AUTO:
            yield key, {**section, "precision": default_precision(device)}
        else:
            yield key, section


def preset_of(preset: Preset, kind: type[AnyPreset]) -> AnyPreset:
    """The preset, which must be of one kind.

    Raises:
        UserError: for a run of another program.
    """
    if isinstance(preset, kind):
        return preset
    raise UserError("this is a run of another program, for another kind of images: use that program")
