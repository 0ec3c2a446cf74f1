"""`pnas-lab primitives`: operations beside a plain convolution."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from cloup import option_group

from pnas_apps.cli.option_types import whole
from pnas_apps.cli.options import DEVICES
from pnas_apps.cli.verb import verb
from pnas_lab.options import DEVICE, STORED_DTYPE, output_options, resolution_option
from pnas_lab.output import Output

if TYPE_CHECKING:
    from pnas_ops import StoredDtype


@verb(epilog=DEVICES, examples=("", "--channels 32 --resolution 28 --device tflite", "--dtype int8 --json"))
@option_group(
    "Shape",
    "The input and output that all of them share.",
    click.option(
        "--channels",
        type=whole(1, 2**16),
        default=64,
        show_default=True,
        help="Channels of the input and of the output.",
    ),
    resolution_option(default=56),
    STORED_DTYPE,
)
@DEVICE
@output_options
def primitives(
    channels: int,
    resolution: int,
    dtype: "StoredDtype",
    device: str | None,
    threads: int,
    cache_dir: Path | None,
    output: Output,
) -> None:
    """Compare the operations that nets are made of, all at one shape.

    MACs, parameters, memory, receptive field, and with --device the latency, each beside a plain 3x3 convolution. All
    have BatchNorm; bottlenecks have their shortcut.
    """
    from pnas_apps.ground.progress import reporter_on_stdout
    from pnas_lab.primitives import look_at_primitives

    with reporter_on_stdout() as reporter:
        look_at_primitives(
            channels=channels,
            resolution=resolution,
            dtype=dtype,
            device=device,
            threads=threads,
            cache_dir=cache_dir,
            output=output,
            reporter=reporter,
        )
