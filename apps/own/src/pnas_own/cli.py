"""The command line of `pnas-own`. Heavy libraries are imported by the command, not here."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import cloup
from cloup import option_group

from pnas_apps.cli.app import Defaults
from pnas_apps.cli.device_verbs import doctor_verb, file_verbs
from pnas_apps.cli.named_things import RunThere, look_for_function
from pnas_apps.cli.options import (
    ACCELERATOR,
    CACHE_DIR,
    DETERMINISTIC,
    DEVICES,
    MOVED,
    check_options,
    images_option,
    preset_option,
    worker_options,
)
from pnas_apps.cli.presets import Flags, read_preset, with_flags
from pnas_apps.cli.presets_verb import presets_verb
from pnas_apps.cli.program import Program
from pnas_apps.cli.run_options import RunOptions, run_options
from pnas_apps.cli.session_options import SessionOptions
from pnas_apps.cli.verb import verb

if TYPE_CHECKING:
    from pnas_apps.ground.gpus import Accelerator
    from pnas_own.preset import OwnPreset

DEFAULTS = Defaults(presets=Path(__file__).parent / "presets", preset="small", reads_photos=True)

FILE_HELP = """\
\b
FILE.py:FUNCTION returns the pretrained net, a torch.nn.Module. It gets the
number of classes if it takes an argument. The file may also define
  rule(path, module, inputs)  candidates to replace a module: {title: module},
                              or None; pnas_supernet ships rules for common
                              blocks and layers
  loss(outputs, targets)      a scalar to minimize; default: cross-entropy
  score(outputs, targets)     a number, larger is better; default: accuracy
  loaders(data_dir)           three sets of batches of uint8 RGB pixels
                              (N, 3, H, W) and targets: to train the weights,
                              to choose candidates, and to test
"""


@cloup.group(cls=Program)
def main() -> None:
    """Give a pretrained net of your own and a latency in milliseconds; get a net that fits."""


@verb(
    epilog=f"{FILE_HELP}\n{DEVICES}",
    examples=(
        "net.py:make --data-dir photos --target-latency-ms 8",
        "net.py:make --data-dir photos --target-latency-ms 8 --device adb --dry-run",
    ),
)
@click.argument("make", metavar="FILE.py:FUNCTION", callback=lambda _, __, text: look_for_function(text))
@option_group(
    "Images and preset",
    "What to train on, and for how long.",
    images_option(
        "Photos as train/CLASS/* with val/CLASS/* or test/CLASS/*, or as CLASS/*; or whatever your loaders function "
        "reads.",
        required=True,
    ),
    preset_option(DEFAULTS),
)
@run_options(DEFAULTS)
def run(make: str, data_dir: Path, preset: str, options: RunOptions, session: SessionOptions, flags: Flags) -> None:
    """Search variants of your net, and fine-tune the one that fits. It ships as ONNX and TFLite."""
    from pnas_apps.run.preset import structure_preset
    from pnas_own.preset import OwnPreset

    structured = structure_preset(with_flags(read_preset(preset, DEFAULTS.presets), flags), preset, OwnPreset)
    _go(make, data_dir, structured, options, session)


@verb(examples=("runs/own", "runs/own --make moved/net.py:make --data-dir moved/photos"))
@click.argument("run_dir", metavar="RUN", type=RunThere())
@option_group(
    "Run",
    "What is needed besides its folder.",
    click.option(
        "--make",
        metavar="FILE.py:FUNCTION",
        show_default="where it was",
        help="The file that the run was started with, if it has moved.",
    ),
    images_option(MOVED, show_default="where they were"),
)
@option_group(
    "This machine",
    "Where the work is done; results may differ in their last bits.",
    CACHE_DIR,
    ACCELERATOR,
    DETERMINISTIC,
    worker_options(DEFAULTS),
    check_options(DEFAULTS),
)
def report(
    run_dir: Path,
    make: str | None,
    data_dir: Path | None,
    cache_dir: Path | None,
    accelerator: "Accelerator",
    deterministic: bool,
    workers: int | None,
    check: bool,
) -> None:
    """Finish an interrupted run, up to the report."""
    from pnas_own.reopening import reopened

    settings, file, options = reopened(run_dir, make=make, cache_dir=cache_dir, check=check)
    session = SessionOptions(accelerator=accelerator, workers=workers, deterministic=deterministic)
    _go(file, data_dir or Path(settings.data_dir), settings.preset, options, session)


def _go(make: str, data_dir: Path, preset: "OwnPreset", options: RunOptions, session: SessionOptions) -> None:
    from pnas_apps.showing.reckoned_table import reckoned_page
    from pnas_apps.steps.table import TableChoice
    from pnas_own.beginning import begin_run
    from pnas_own.dry_run import dry_run
    from pnas_own.pipeline import go_all_the_way

    with (
        session.started() as started,
        begin_run(make, data_dir, preset, options, started) as begun,
    ):
        choice = TableChoice(path=options.table, foreign=options.foreign_table)
        if options.dry:
            started.reporter.console.print(reckoned_page(dry_run(begun, choice)))
        else:
            go_all_the_way(begun, choice)


main.section("Start a run, or resume one", run, report)
main.section("Use files", *file_verbs(reads_photos=True))
main.section("Devices, presets", doctor_verb(), presets_verb(DEFAULTS))
