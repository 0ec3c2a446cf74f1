"""The options of `export` for int8 files that lose too much."""

from typing import Any, Literal

import click
from cloup import option_group

from pnas_apps.cli.option_types import whole
from pnas_apps.cli.options import ACCELERATOR

Kept = int | Literal["auto"]


class _KeepFloat(click.IntRange):
    """A number of layers, or "auto"."""

    def __init__(self) -> None:
        super().__init__(1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "auto":
            return value
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is neither auto nor a number of layers from 1 on.", param, ctx)


int8_options = option_group(
    "Int8 files",
    "What helps where they lose too much.",
    click.option(
        "--calibration-images",
        type=whole(16, 1_000_000),
        default=512,
        show_default=True,
        help="Number of training images that show an int8 file the ranges of its activations.",
    ),
    click.option(
        "--keep-float",
        type=_KeepFloat(),
        metavar="auto|N",
        show_default="none",
        help="Layers of the int8 files that stay float32, which is larger and slower: the N that int8 harms most, or "
        "the fewest with which at most a point of the test images is lost.",
    ),
    click.option(
        "--fine-tune",
        "fine_tune_epochs",
        type=click.IntRange(1, 1000),
        metavar="EPOCHS",
        show_default="none",
        help="Train on with fake quantization, for the int8 files alone; the net of RUN stays as it is.",
    ),
    ACCELERATOR,
)
"""`--calibration-images`, `--keep-float`, `--fine-tune` and where that trains."""
