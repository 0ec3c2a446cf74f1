"""The command line of `pnas-own`. Heavy libraries are imported by the command, not here."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pnas_apps.cli.app import Defaults
from pnas_apps.cli.device_verbs import bench_verb, doctor_verb, predict_verb
from pnas_apps.cli.options import (
    ACCELERATOR,
    CACHE_DIR,
    DETERMINISTIC,
    DEVICES,
    SETTINGS,
    RunOptions,
    SessionOptions,
    check_options,
    run_options,
    worker_options,
)
from pnas_apps.cli.presets import Flags, read_preset, with_flags
from pnas_apps.cli.program import Program
from pnas_apps.cli.sections import SectionedCommand
from pnas_apps.ground.errors import UserError

if TYPE_CHECKING:
    from pnas_apps.ground.gpus import Accelerator
    from pnas_own.preset import OwnPreset

DEFAULTS = Defaults(presets=Path(__file__).parent / "presets", preset="small", reads_photos=True)

FILE_HELP = """\
\b
FILE.py:FUNCTION returns the pretrained net, a torch.nn.Module. It gets the
number of classes if it takes an argument. Beside it the file may have
  rule(path, module, inputs)  what else may stand in the place of a module:
                              {title: module}, or None; pnas_supernet ships
                              rules for blocks and layers as they usually are
  loss(outputs, targets)      a scalar to minimize; cross entropy without it
  score(outputs, targets)     a number, larger is better; accuracy without it
  loaders(data_dir)           three sets of batches of uint8 RGB pixels
                              (N, 3, H, W) and targets: for the weights, for
                              the choice of candidates, for the test
"""


@click.group(cls=Program)
def main() -> None:
    """Take a pretrained net of your own, say how many milliseconds it may take, get the net that fits."""


@main.command(cls=SectionedCommand, epilog=f"{FILE_HELP}\n{DEVICES}")
@click.argument("make", metavar="FILE.py:FUNCTION")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    required=True,
    help="Photos as train/CLASS/* with val/CLASS/* or test/CLASS/*, or as CLASS/*; or what loaders takes.",
)
@click.option("--preset", default=DEFAULTS.preset, show_default=True, help="A shipped preset, or a TOML file.")
@run_options(DEFAULTS)
def run(make: str, data_dir: Path, preset: str, options: RunOptions, session: SessionOptions, flags: Flags) -> None:
    """Search among nets like yours, train the one that fits on, and ship it as ONNX and TFLite."""
    from pnas_apps.run.preset import structure_preset
    from pnas_own.preset import OwnPreset

    structured = structure_preset(with_flags(read_preset(preset, DEFAULTS.presets), flags), preset, OwnPreset)
    _go(make, data_dir, structured, options, session)


@main.command()
@click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--make", metavar="FILE.py:FUNCTION", help="Where the file that the run was begun with is now.")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Where the run's images are now.")
@CACHE_DIR
@ACCELERATOR
@DETERMINISTIC
@worker_options(DEFAULTS)
@check_options(DEFAULTS)
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
    """Finish a run that was interrupted: whatever it lacks, up to the report."""
    if not (run_dir / SETTINGS).exists():  # before PyTorch is imported
        raise UserError(f"{run_dir} holds no run: name the folder that a run printed")
    from pnas_own.reopening import reopened

    settings, file, options = reopened(run_dir, make=make, cache_dir=cache_dir, check=check)
    session = SessionOptions(accelerator=accelerator, workers=workers, deterministic=deterministic)
    _go(file, data_dir or Path(settings.data_dir), settings.preset, options, session)


def _go(make: str, data_dir: Path, preset: "OwnPreset", options: RunOptions, session: SessionOptions) -> None:
    from pnas_apps.steps.table import TableChoice
    from pnas_own.beginning import begin_run
    from pnas_own.pipeline import go_all_the_way

    with (
        session.started() as started,
        begin_run(make, data_dir, preset, options, started) as begun,
    ):
        go_all_the_way(begun, TableChoice(path=options.table, foreign=options.foreign_table))


for verb in (bench_verb(), doctor_verb(), predict_verb(reads_photos=True)):
    main.add_command(verb)
