"""The command line of `pnas-own`. Heavy libraries are imported by the command, not here."""

from pathlib import Path

import click

from pnas_apps.cli.app import Defaults
from pnas_apps.cli.device_verbs import doctor_verb
from pnas_apps.cli.options import DEVICES, RunOptions, SessionOptions, run_options
from pnas_apps.cli.presets import Flags, read_preset, with_flags
from pnas_apps.cli.program import Program

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


@main.command(epilog=f"{FILE_HELP}\n{DEVICES}")
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
    from pnas_apps.ground.session import started_session
    from pnas_apps.run.preset import structure_preset
    from pnas_apps.steps.table import TableChoice
    from pnas_own.beginning import begin_run
    from pnas_own.pipeline import go_all_the_way
    from pnas_own.preset import OwnPreset

    structured = structure_preset(with_flags(read_preset(preset, DEFAULTS.presets), flags), preset, OwnPreset)
    with (
        started_session(accelerator=session.accelerator, workers=session.workers) as started,
        begin_run(make, data_dir, structured, options, started) as begun,
    ):
        go_all_the_way(begun, TableChoice(path=options.table, foreign=options.foreign_table))


main.add_command(doctor_verb())
