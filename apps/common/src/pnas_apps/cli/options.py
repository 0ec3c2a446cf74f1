"""The options that several commands share. Imports nothing heavy, since `--help` needs it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from textwrap import indent
from typing import Any, get_args

import click
from cloup import option_group

from pnas_apps.cli.app import App, Defaults
from pnas_apps.cli.completing import begun_with, preset_or_file
from pnas_apps.cli.named_things import DeviceName, FileThere, look_for_images
from pnas_apps.cli.option_types import Command, NamedPath, all_of, whole
from pnas_apps.cli.presets import preset_names
from pnas_apps.devices.device_names import DEVICES_HELP
from pnas_apps.ground.errors import UserError
from pnas_apps.run.device_settings import Dtype

RUNS = Path("runs")
"""Where the folders of runs are that are given none."""

Decorator = Callable[[Callable[..., None]], Callable[..., None]]

DEVICES = f"\b\nDevices:\n{indent(DEVICES_HELP, '  ')}"
"""The end of the help of commands that take a device."""


DTYPE = click.option(
    "--dtype",
    type=click.Choice(get_args(Dtype)),
    default="float32",
    show_default=True,
    help="Data type on the device: int8 on devices that run TFLite files, float16 and bfloat16 in PyTorch.",
)
CACHE_DIR = click.option(
    "--cache-dir",
    type=NamedPath(),
    show_default="the user's cache",
    help="Folder for tables and conversions that later runs reuse.",
)
OPS = click.option(
    "--ops",
    type=FileThere("a file of operations", way_out="name a Python file"),
    show_default="none",
    help="A Python file that defines the operations of the user's own search space. It is executed.",
)
TABLE = FileThere("a table", way_out="name another table")
MOVED = "Folder of the run's images, if they have moved."
"""The help of `images_option` for a run that was begun."""
ACCELERATOR = click.option(
    "--accelerator",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where nets are trained; auto takes a GPU if there is one.",
)
RUNTIME = click.option(
    "--runtime",
    show_default="what is installed",
    shell_complete=begun_with(("ai-edge-litert", "tflite-runtime", "onnxruntime")),
    help="Runtime for the file: ai-edge-litert, tflite-runtime or onnxruntime.",
)
DRY = "pnas_apps.dry"
"""In a context's `meta`: whether the command is a dry run."""


def _note_dry(ctx: click.Context, _: click.Parameter, is_dry: bool) -> bool:
    ctx.meta[DRY] = is_dry
    return is_dry


DRY_RUN = click.option(
    "--dry-run",
    is_flag=True,
    callback=_note_dry,
    help="Only estimate what each step would do, its time, memory and disk, by trying a few steps of each kind. This "
    "takes a minute on an idle machine, longer on a busy one or with an empty cache. Nothing is written.",
)
DETERMINISTIC = click.option(
    "--deterministic",
    is_flag=True,
    help="Make a GPU give the same bits for the same seed, even after an interruption; this is slower. Without it, "
    "only the sampled paths repeat. A CPU always repeats itself.",
)


def _installed_tensorboard(context: click.Context, option: click.Parameter, asked: bool) -> bool:
    if asked and find_spec("tensorboard") is None:
        raise UserError("--tensorboard needs a package that is not installed: pip install tensorboard")
    return asked


TENSORBOARD = click.option(
    "--tensorboard",
    is_flag=True,
    callback=_installed_tensorboard,
    help="Log losses, accuracies, latency, multipliers, probabilities and pictures for TensorBoard.",
)


@contextmanager
def known_operations(ops: Path | None, cache_dir: Path | None = None) -> Iterator[None]:
    """The operations of the file that `--ops` names, if it does, are known in the `with` block."""
    from pnas_apps.ground.cache import find_cache
    from pnas_apps.run.operations import given_operations

    with given_operations(ops, find_cache(cache_dir)):
        yield


def device_options(
    *, default: str | None = "tflite", shown: str = "the preset's, else tflite", several: bool = False
) -> Callable[[Command], Command]:
    """`--device` and `--threads`; without a `default` the device is what is `shown`."""
    more = " Repeat it for several." if several else ""
    return all_of(
        click.option(
            "--device",
            default=default,
            multiple=several,
            show_default=default or shown,
            type=DeviceName(),
            help=f"Where to measure: one of those below; doctor says which are available here.{more}",
        ),
        click.option(
            "--threads", type=whole(1, 1024), default=1, show_default=True, help="Threads of the device's runtime."
        ),
    )


def worker_options(app: Defaults) -> Callable[[Command], Command]:
    """`--workers`, for a program that reads photos."""
    workers = click.option(
        "--workers", type=whole(0, 1024), show_default="one per core", help="Processes that read photos."
    )
    return all_of(*([workers] if app.reads_photos else []))


def check_options(app: Defaults) -> Callable[[Command], Command]:
    """`--no-check`, for a program that reads photos."""
    help_text = "Read every photo once before the run begins; the readable ones are remembered."
    check = click.option("--check/--no-check", default=True, show_default=True, help=help_text)
    return all_of(*([check] if app.reads_photos else []))


def preset_option(app: Defaults) -> Callable[[Command], Command]:
    """`--preset`, before the flags of its options, whose help shows the preset's values."""
    return click.option(
        "--preset",
        default=app.preset,
        show_default=True,
        is_eager=True,
        shell_complete=preset_or_file(app.presets),
        help=f"{', '.join(preset_names(app.presets))}, or a TOML file: values of the options below that are not given. "
        "The command presets describes them; --preset NAME --help shows the values.",
    )


def images_option(help_text: str, **options: Any) -> Callable[[Command], Command]:
    """`--data-dir`, a folder that has to be there."""
    return click.option("--data-dir", type=NamedPath(), callback=look_for_images, help=help_text, **options)


def data_options(app: App) -> Callable[[Command], Command]:
    """Where the images of a new run are, and its preset."""
    download = click.option("--download", is_flag=True, is_eager=True, help="Download the images into the data folder.")
    return option_group(
        "Images and preset",
        "What to train on, and for how long.",
        images_option(app.data_help, required=True),
        *([download] if app.pretended_task is not None else []),
        preset_option(app),
    )
