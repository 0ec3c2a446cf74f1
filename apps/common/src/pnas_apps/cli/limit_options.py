"""What a net may cost, as options."""

from collections.abc import Callable
from typing import Any

import click
from cloup import option_group

from pnas_apps.cli.cost_options import MAX
from pnas_apps.cli.option_types import COUNT, MILLISECONDS, Command, Numbers

LATENCY = click.option(
    "--target-latency-ms",
    "latency_ms",
    type=MILLISECONDS,
    show_default="none",
    help="Requested latency on the device, in milliseconds per image, or per batch if the device takes batches.",
)
LATENCIES = click.option(
    "--target-latency-ms",
    "latency_ms",
    type=Numbers(MILLISECONDS),
    required=True,
    help="Requested latencies on the device, in milliseconds per image (or batch): one for each net, "
    "such as 0.1,0.2,0.4.",
)


def _limit(flag: str, name: str, help_text: str) -> Callable[[Command], Command]:
    return click.option(flag, name, type=COUNT, show_default="none", help=help_text)


def limit_options(latency: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Callable[[Command], Command]:
    """What a net may cost; `latency` is the option of its milliseconds."""
    return option_group(
        "Limits",
        "What the net may cost.",
        latency,
        _limit("--max-macs", "macs", "Multiply-accumulates per image; --dry-run shows the range of the space."),
        _limit("--max-parameters", "parameters", "Trainable parameters; --dry-run shows the range of the space."),
        _limit(
            "--max-weight-bytes",
            "weight_bytes",
            "Constants in the TFLite file in --dtype: weights, biases, shapes and paddings.",
        ),
        _limit(
            "--max-activation-bytes",
            "peak_activation_bytes",
            "Peak memory of that file's tensors, including padded copies but not kernels' scratch memory.",
        ),
        _limit("--max-file-bytes", "file_bytes", "Size of that file: constants, names, scales, labels."),
        MAX,
    )
