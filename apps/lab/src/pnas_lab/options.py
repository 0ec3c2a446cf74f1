"""The options that commands share, and what becomes of them. Imports nothing heavy, since `--help` needs it."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path

import click
from cloup import option_group

from pnas_apps.cli.completing import begun_with
from pnas_apps.cli.option_types import all_of, whole
from pnas_apps.cli.options import CACHE_DIR
from pnas_apps.devices.device_names import DEVICE_KINDS
from pnas_apps.ground.errors import UserError
from pnas_lab.output import Output

Decorator = Callable[[Callable[..., None]], Callable[..., None]]
LARGEST_RESOLUTION = 8192
LARGEST_SIZE = 10**6


class InputShape(click.ParamType):  # type: ignore[type-arg]
    """The sizes of one input, with commas between them: "3,224,224"."""

    name = "sizes"

    def convert(
        self, value: str | tuple[int, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """The sizes."""
        if not isinstance(value, str):
            return value
        size = whole(1, LARGEST_SIZE)
        return tuple(int(size.read(text.strip(), "each size of --input-shape")) for text in value.split(","))


class PictureFile(click.ParamType):  # type: ignore[type-arg]
    """The path of a picture, refused before anything is computed where it cannot be written."""

    name = "file"

    def convert(self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path."""
        path = Path(value)
        if path.suffix.lower() != ".png":
            raise UserError(f"{path} cannot name a picture: give --picture a name that ends in .png")
        if path.is_dir() or not path.parent.is_dir():
            raise UserError(f"{path} cannot be written: give --picture a file in an existing folder")
        return path


def output_options(command: Callable[..., None]) -> Callable[..., None]:
    """`--json` and `--picture`, as every command of this program has them; the command gets them as `output`."""

    @option_group(
        "Output",
        "How it is told.",
        click.option("--json", "as_json", is_flag=True, help="Print JSON, not a table."),
        click.option("--picture", type=PictureFile(), show_default="none", help="A PNG file to draw it in."),
    )
    @wraps(command)
    def grouped(as_json: bool, picture: Path | None, **others: object) -> None:
        command(**others, output=Output(as_json=as_json, picture=picture))

    return grouped


DEVICE = option_group(
    "Device",
    "Where to measure; by default, nothing is measured.",
    click.option(
        "--device",
        show_default="none",
        shell_complete=begun_with(DEVICE_KINDS),
        help="Measure on this device as well: one of those below.",
    ),
    click.option(
        "--threads", type=whole(1, 1024), default=1, show_default=True, help="Threads of the device's runtime."
    ),
    CACHE_DIR,
)
"""What is measured is measured here; with nothing named, nothing is."""

STORED_DTYPE = click.option(
    "--dtype",
    # As `pnas_ops.StoredDtype` has them.
    type=click.Choice(["float32", "float16", "int8"]),
    default="float32",
    show_default=True,
    help="Of weights and activations.",
)


def resolution_option(*, default: int | None = None, shown: bool | str = True) -> Decorator:
    """`--resolution`; `shown` says what it is where there is no number for it."""
    return click.option(
        "--resolution",
        type=whole(1, LARGEST_RESOLUTION),
        default=default,
        show_default=shown,
        help="Side of the image in pixels.",
    )


input_shape_option = click.option(
    "--input-shape",
    type=InputShape(),
    show_default="an image",
    help="Shape of one input, usually C,H,W, such as 1,28,28; instead of --resolution.",
)

architecture_argument = click.argument("architecture", metavar="ARCHITECTURE")
"""A net by its name or its file, which `pnas_lab.nets.read_architecture` reads."""

model_argument: Decorator = all_of(
    click.argument("model", metavar="MODEL"),
    option_group(
        "Net",
        "How it is made.",
        click.option(
            "--classes",
            type=whole(1, 10**6),
            show_default="the net's own",
            help="Number of classes, for a torchvision net or a FUNCTION that takes it.",
        ),
    ),
)
"""A net by its name, its file or the function that makes it, which `pnas_lab.nets.read_model` reads."""
