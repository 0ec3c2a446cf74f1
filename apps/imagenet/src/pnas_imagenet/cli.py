"""The command line of `pnas-imagenet`. Heavy libraries are imported by the commands, not here."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import cloup

from pnas_apps.cli.app import App
from pnas_apps.cli.program import Program, add_verbs
from pnas_apps.ground.errors import UserError

if TYPE_CHECKING:
    from pnas_apps.ground.progress import Reporter
    from pnas_apps.run.named_spaces import NamedSpace
    from pnas_apps.run.preset import PhotoPreset, Preset
    from pnas_apps.run.task import Task
    from pnas_ops import Space


def _preset_type() -> "type[PhotoPreset]":
    from pnas_apps.run.preset import PhotoPreset

    return PhotoPreset


def _read_task(
    folder: Path | None, download: bool, preset: "Preset", space: "Space | None", reporter: "Reporter"
) -> "Task":
    from pnas_imagenet.tasks import photos_task

    if folder is None:  # photos never come with a library
        raise UserError("this is a run of another program, whose images come with a library: use that program")
    return photos_task(folder, preset, space, reporter)


def _spaces() -> "Mapping[str, NamedSpace]":
    from pnas_imagenet.tasks import SPACES

    return SPACES


APP = App(
    name="imagenet",
    presets=Path(__file__).parent / "presets",
    preset="small",
    data_help="A folder with train/CLASS/* and val/CLASS/*, like ImageNet.",
    reads_photos=True,
    preset_type=_preset_type,
    read_task=_read_task,
    spaces=("imagenet", "mcunet"),
    classes=1000,
    named_spaces=_spaces,
)


@cloup.group(cls=Program)
def main() -> None:
    """Search a convolutional network for your photos and your device, and ship it as ONNX and TFLite."""


add_verbs(main, APP)
