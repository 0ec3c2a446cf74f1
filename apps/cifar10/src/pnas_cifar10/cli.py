"""The command line of `pnas-cifar10`. Heavy libraries are imported by the commands, not here."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import cloup

from pnas_apps.cli.app import App
from pnas_apps.cli.options import DEVICES
from pnas_apps.cli.presets import Flags, read_preset
from pnas_apps.cli.program import Program, add_verbs
from pnas_apps.cli.run_options import RunOptions, run_options
from pnas_apps.cli.session_options import SessionOptions
from pnas_apps.cli.space_options import preset_and_space
from pnas_apps.cli.verb import verb

if TYPE_CHECKING:
    from pnas_apps.ground.progress import Reporter
    from pnas_apps.run.named_spaces import NamedSpace
    from pnas_apps.run.preset import ImagePreset, Preset
    from pnas_apps.run.task import Task
    from pnas_ops import Space

PRESETS = Path(__file__).parent / "presets"


def _preset_type() -> "type[ImagePreset]":
    from pnas_apps.run.preset import ImagePreset

    return ImagePreset


def _read_task(
    folder: Path | None, download: bool, preset: "Preset", space: "Space | None", reporter: "Reporter"
) -> "Task":
    from pnas_cifar10.tasks import digits_task, images_task

    if folder is None:
        return digits_task(preset, space, reporter)
    return images_task(folder, download, preset, space, reporter)


def _pretended_task(folder: Path, preset: "Preset", space: "Space | None", reporter: "Reporter") -> "Task":
    from pnas_cifar10.tasks import pretended_task

    return pretended_task(folder, preset, space, reporter)


def _spaces() -> "Mapping[str, NamedSpace]":
    from pnas_cifar10.tasks import SPACES

    return SPACES


APP = App(
    name="cifar10",
    presets=PRESETS,
    preset="cpu",
    data_help="CIFAR-10 in torchvision's format, or a folder with train/CLASS/* and test/CLASS/*.",
    reads_photos=False,
    preset_type=_preset_type,
    read_task=_read_task,
    pretended_task=_pretended_task,
    spaces=(
        "cifar",
        "cifar-network",
        "tree",
        "nas-bench-macro",
        "nas-bench-201",
        "darts",
        "digits",
        "digits-network",
        "digits-cells",
    ),
    classes=10,
    named_spaces=_spaces,
)


@cloup.group(cls=Program)
def main() -> None:
    """Search a convolutional network for your images and your device, and ship it as ONNX and TFLite."""


@verb(examples=("", "--run-dir digits --target-latency-ms 0.1", "--dry-run"), epilog=DEVICES)
@run_options(APP, preset="digits")
def demo(options: RunOptions, session: SessionOptions, flags: Flags) -> None:
    """Run the whole pipeline on scikit-learn's handwritten digits. It takes a few minutes on two cores."""
    from pnas_apps.cli.beginning import begin_run
    from pnas_apps.cli.runs import go_on, tell_dry_run
    from pnas_apps.run.preset import ImagePreset
    from pnas_cifar10.tasks import digits_task

    document = read_preset("digits", PRESETS)
    with session.started() as started:
        device = started.processes.device
        begun = begin_run(
            "demo",
            lambda: preset_and_space(document, flags, "digits", ImagePreset, device),
            digits_task,
            options,
            started,
        )
        with begun as run:
            if options.dry:
                tell_dry_run(run, "report", table=options.table, foreign_table=options.foreign_table)
            else:
                go_on(run, "report", table=options.table, foreign_table=options.foreign_table, briefly=True)


add_verbs(main, APP, demo)
