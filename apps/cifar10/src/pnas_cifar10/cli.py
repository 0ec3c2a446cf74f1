"""The command line of `pnas-cifar10`. Heavy libraries are imported by the commands, not here."""

from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

import click

from pnas_apps.presets import Options, preset_flags, read_preset, with_flags
from pnas_apps.program import Program

PRESETS = Path(__file__).parent / "presets"


def _run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options of every run; the command gets them as `common`, and the flags of the preset as `flags`."""
    options = [
        click.option("--run-dir", type=click.Path(path_type=Path), help="Folder of the run; a new one by default."),
        click.option("--seed", type=int, default=0, show_default=True, help="Fixes all that is random."),
        click.option("--table", type=click.Path(path_type=Path), help="A latency table to use; none is measured."),
        click.option("--cache-dir", type=click.Path(path_type=Path), help="Where measured latency tables are kept."),
        click.option(
            "--accelerator",
            type=click.Choice(["auto", "cpu", "cuda"]),
            default="auto",
            show_default=True,
            help="Where networks are trained; auto takes a GPU if there is one.",
        ),
    ]

    @wraps(command)
    def grouped(**given: Any) -> None:
        common = {name: given.pop(name) for name in ("run_dir", "seed", "table", "cache_dir", "accelerator")}
        own = {name: given.pop(name) for name in ("data_dir", "download", "preset") if name in given}
        command(**own, common=common, flags=given)

    decorated: Callable[..., None] = preset_flags(read_preset("cpu", PRESETS))(grouped)
    for option in reversed(options):
        decorated = option(decorated)
    return decorated


@click.group(cls=Program)
def main() -> None:
    """Search a convolutional network for your images and your device, and ship it as ONNX and TFLite."""


@main.command()
@_run_options
def demo(common: dict[str, Any], flags: Options) -> None:
    """The whole road on handwritten digits that come with scikit-learn: a few minutes on two cores."""
    from pnas_apps.progress import reporter_on_stdout
    from pnas_apps.runner import run_task
    from pnas_cifar10.tasks import digits_task

    options = with_flags(read_preset("digits", PRESETS), flags)
    with reporter_on_stdout() as reporter:
        run_task("demo", "digits", options, digits_task, reporter=reporter, **common)


@main.command()
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    required=True,
    help="CIFAR-10 as torchvision keeps it, or a folder with train/CLASS/* and test/CLASS/*.",
)
@click.option("--download", is_flag=True, help="Let torchvision download CIFAR-10 into the data folder.")
@click.option("--preset", default="cpu", show_default=True, help="A shipped preset, or a TOML file.")
@_run_options
def run(data_dir: Path, download: bool, preset: str, common: dict[str, Any], flags: Options) -> None:
    """The whole road on CIFAR-10 or images like it: table, search, train, export, report."""
    from pnas_apps.progress import reporter_on_stdout
    from pnas_apps.runner import run_task
    from pnas_cifar10.tasks import images_task

    options = with_flags(read_preset(preset, PRESETS), flags)
    with reporter_on_stdout() as reporter:
        run_task("cifar10", preset, options, partial(images_task, data_dir, download), reporter=reporter, **common)
