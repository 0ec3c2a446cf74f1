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
            self.fail(f"{value!r} is neither auto nor a number of layers of at least 1.", param, ctx)


int8_options = option_group(
    "Int8 files",
    "If they lose too much accuracy.",
    click.option(
        "--calibration-images",
        type=whole(16, 1_000_000),
        default=512,
        show_default=True,
        help="Training images to calibrate the ranges of int8 activations.",
    ),
    click.option(
        "--keep-float",
        type=_KeepFloat(),
        metavar="auto|N",
        show_default="none",
        help="Layers to keep in float32, which is larger and slower: the N with the largest int8 error, or the fewest "
        "that keep the loss within one point of test accuracy.",
    ),
    click.option(
        "--fine-tune",
        "fine_tune_epochs",
        type=click.IntRange(1, 1000),
        metavar="EPOCHS",
        show_default="none",
        help="Fine-tune with fake quantization, for the int8 files only; the net of RUN is unchanged.",
    ),
    ACCELERATOR,
)
"""`--calibration-images`, `--keep-float`, `--fine-tune` and where that trains."""
