"""The command line of `pnas-cifar10`. Heavy libraries are imported by the commands, not here."""

from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from textwrap import indent
from typing import Any

import click

from pnas_apps.devices import DEVICES_HELP
from pnas_apps.presets import Options, preset_flags, read_preset, with_flags
from pnas_apps.program import Program

PRESETS = Path(__file__).parent / "presets"
_DEVICES = f"\b\nDevices:\n{indent(DEVICES_HELP, '  ')}"


def _run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options of every run; the command gets them as `common`, and the flags of the preset as `flags`."""
    options = [
        click.option("--run-dir", type=click.Path(path_type=Path), help="Folder of the run; a new one by default."),
        click.option("--seed", type=int, default=0, show_default=True, help="Fixes all that is random."),
        click.option("--table", type=click.Path(path_type=Path), help="A latency table to use; none is measured."),
        click.option("--foreign-table", is_flag=True, help="Let the table be that of another device than is here."),
        click.option("--cache-dir", type=click.Path(path_type=Path), help="Where tables and conversions are kept."),
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
        common = {
            name: given.pop(name) for name in ("run_dir", "seed", "table", "foreign_table", "cache_dir", "accelerator")
        }
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


def _options_of_a_run(command: Callable[..., None]) -> Callable[..., None]:
    """Adds what finds a finished run, one of its nets, and its images; the command gets an opened `run`."""

    @wraps(command)
    def opened(run_dir: Path, data_dir: Path | None, cache_dir: Path | None, **given: Any) -> None:
        from pnas_apps.progress import reporter_on_stdout
        from pnas_apps.runner import open_run
        from pnas_cifar10.tasks import task_of_run

        with reporter_on_stdout() as reporter:
            found = open_run(
                run_dir, task_of_run, data_dir=data_dir, cache_dir=cache_dir, accelerator="cpu", reporter=reporter
            )
            command(found, **given)

    decorated: Callable[..., None] = opened
    for option in (
        click.option("--images", type=click.IntRange(1), help="Number of test images to judge on; all by default."),
        click.option("--net", "name", default="searched", show_default=True, help="Which of the run's nets."),
        click.option("--cache-dir", type=click.Path(path_type=Path), help="Where conversions are kept."),
        click.option("--data-dir", type=click.Path(path_type=Path), help="Where the run's images are now."),
        click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path)),
    ):
        decorated = option(decorated)
    return decorated


@main.command()
@_options_of_a_run
@click.option(
    "--format",
    "formats",
    multiple=True,
    required=True,
    help="onnx, onnx-int8, tflite, tflite-float16, tflite-dynamic-int8, tflite-int8 or tflite-int8-float-io; give it "
    "several times for several.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the bundle; inside RUN by default.")
@click.option("--raw-pixels/--normalized", help="Whether the files take uint8 pixels and normalize by themselves.")
@click.option(
    "--calibration-images",
    type=click.IntRange(16),
    default=512,
    show_default=True,
    help="Number of training images that show an int8 file the ranges of its activations.",
)
def export(run: Any, **options: Any) -> None:
    """Write a trained net of RUN in more formats, each with its proof."""
    from pnas_apps.shipping import export_run

    export_run(run, **options)


@main.command("eval")
@_options_of_a_run
@click.option(
    "--file", "files", multiple=True, type=click.Path(path_type=Path), help="An exported file, or its name in RUN."
)
@click.option("--runtime", help="ai-edge-litert, tflite-runtime or onnxruntime; all that are installed by default.")
def evaluate(run: Any, **options: Any) -> None:
    """Judge files on RUN's test images, or the trained net where no file is named."""
    from pnas_apps.shipping import eval_run

    eval_run(run, **options)


def _device_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds what names a device, which the command gets as `device` and `threads`."""
    for option in (
        click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Of the device."),
        click.option(
            "--device",
            default="tflite",
            show_default=True,
            help="Where to measure: one of those below; doctor tells which are usable here.",
        ),
    ):
        command = option(command)
    return command


@main.command()
def doctor() -> None:
    """Say which devices can be measured on here, and what the others lack."""
    from pnas_apps.devices import device_report
    from pnas_apps.progress import reporter_on_stdout
    from pnas_apps.results import device_table

    with reporter_on_stdout() as reporter:
        reporter.console.print(device_table(device_report()))


@main.command(epilog=_DEVICES)
@click.argument("path", metavar="TABLE.json", type=click.Path(path_type=Path))
@_device_options
@click.option("--dtype", type=click.Choice(["float32", "int8"]), default="float32", show_default=True)
@click.option("--space", type=click.Choice(["cifar", "digits"]), default="cifar", show_default=True)
@click.option("--classes", type=click.IntRange(2), default=10, show_default=True, help="Of the images.")
@click.option("--resolution", type=click.IntRange(1), help="Of the images, in pixels; 32 for cifar, 16 for digits.")
@click.option("--width-mult", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True)
@click.option("--fit", type=click.IntRange(0), default=6, show_default=True, help="Whole nets to calibrate with.")
@click.option("--held-out", type=click.IntRange(0), default=20, show_default=True, help="Whole nets to judge by.")
@click.option(
    "--merge", multiple=True, type=click.Path(path_type=Path), help="A table of the same device to take over."
)
@click.option("--cache-dir", type=click.Path(path_type=Path), help="Where conversions are kept.")
def table(path: Path, device: str, threads: int, dtype: str, cache_dir: Path | None, **options: Any) -> None:
    """Measure the latency table of a space on a device, and say how far its predictions are off.

    Goes on with TABLE.json where it is there.
    """
    from pnas_apps.devices import parse_device
    from pnas_apps.progress import reporter_on_stdout
    from pnas_apps.runner import default_cache
    from pnas_apps.tables import make_table
    from pnas_cifar10.tasks import named_space

    names = ("space", "classes", "resolution", "width_mult")
    space = named_space(**{name: options.pop(name) for name in names})
    cache = (cache_dir or default_cache()) / "conversions"
    one = parse_device(device, threads=threads, dtype=dtype, cache=cache, log=path.parent / f"{path.stem}.log")
    with reporter_on_stdout() as reporter:
        make_table(one, space, path, reporter=reporter, **options)


@main.command(epilog=_DEVICES)
@click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@_device_options
def bench(paths: tuple[Path, ...], device: str, threads: int) -> None:
    """Time exported files, or all in a folder, in turns on a device."""
    from pnas_apps.progress import reporter_on_stdout
    from pnas_apps.runner import default_cache
    from pnas_apps.shipping import bench_files

    with reporter_on_stdout() as reporter:
        bench_files(paths, device, threads=threads, cache=default_cache(), reporter=reporter)
