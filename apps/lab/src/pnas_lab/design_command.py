"""The command that compares search spaces before any of them is searched."""

from collections.abc import Sequence
from itertools import product
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click
from cloup import option_group

from pnas_apps.cli.option_types import COUNT, MILLISECONDS, NamedPath, Number, Numbers, whole
from pnas_apps.cli.verb import verb
from pnas_apps.ground.errors import UserError
from pnas_lab.options import output_options
from pnas_lab.output import Output

if TYPE_CHECKING:
    from pnas_latency import Limit, SpaceDesign
    from pnas_ops import Space

Dtype = Literal["int8", "float32"]

_MCUNET = "mcunet"
_SPACES = (_MCUNET, "imagenet", "cifar", "digits")


@verb(
    examples=(
        "--max-activation-bytes 327680 --max-weight-bytes 1048576",
        "--space cifar --widths 0.5,1,2 --resolutions 24,32 --max-activation-bytes 65536 --picture design.png",
        "--space digits --widths 0.5,1 --resolutions 8,16 --max-latency-ms 0.1 --table table.json",
    )
)
@option_group(
    "Spaces",
    "What is compared.",
    click.option("--space", type=click.Choice(_SPACES), default=_MCUNET, show_default=True, help="The space to scale."),
    click.option(
        "--widths",
        type=Numbers(Number(0.01, 16.0)),
        show_default="those of MCUNet",
        help="Width multipliers: 0.3,0.5,0.7.",
    ),
    click.option(
        "--resolutions",
        type=Numbers(whole(1, 4096)),
        show_default="those of MCUNet",
        help="Sides of the images, in pixels, such as 96,128,160.",
    ),
    click.option("--classes", type=whole(2, 1_000_000), default=100, show_default=True, help="Classes of the images."),
)
@option_group(
    "Limits",
    "What a net may cost; at least one is needed.",
    click.option(
        "--max-activation-bytes",
        type=COUNT,
        show_default="none",
        help="Peak memory of the file's tensors (SRAM).",
    ),
    click.option("--max-weight-bytes", type=COUNT, show_default="none", help="Constants in the file (flash memory)."),
    click.option(
        "--max-latency-ms", type=MILLISECONDS, show_default="none", help="Latency of a net by --table, in milliseconds."
    ),
    click.option(
        "--table",
        type=NamedPath(),
        show_default="none",
        help="A latency table with all blocks of all spaces.",
    ),
    click.option(
        "--dtype",
        type=click.Choice(["int8", "float32"]),
        default="int8",
        show_default=True,
        help="Data type of the file.",
    ),
    click.option(
        "--engine",
        type=click.Choice(["tflite", "in-place"]),
        default="tflite",
        show_default=True,
        help="How activation memory is counted: as TFLite runs a file; or as MCUNet's engine does, with depthwise "
        "convolutions that overwrite their input and without padded copies.",
    ),
)
@option_group(
    "Random nets",
    "Random nets by which each space is judged.",
    click.option(
        "--nets", type=whole(1, 1_000_000), default=1000, show_default=True, help="Nets drawn from each space."
    ),
    click.option("--seed", type=whole(0, 2**63 - 1), default=0, show_default=True, help="Fixes these nets."),
)
@output_options
def design(
    space: str,
    widths: tuple[float, ...] | None,
    resolutions: tuple[int, ...] | None,
    classes: int,
    max_activation_bytes: float | None,
    max_weight_bytes: float | None,
    max_latency_ms: float | None,
    table: Path | None,
    dtype: Dtype,
    engine: str,
    nets: int,
    seed: int,
    output: Output,
) -> None:
    """Compare spaces of several widths and resolutions by what their nets compute within the same limits.

    Random nets of each are drawn; of those within the limits, the more MACs the better (TinyNAS, arXiv 2007.10319).
    Without --widths and --resolutions it is the ten spaces that MCUNet compares.
    """
    from pnas_apps.ground.progress import reporter_on_stdout
    from pnas_apps.showing.design_table import design_page
    from pnas_latency import design_spaces, draw_space_design

    limits = _limits(max_activation_bytes, max_weight_bytes, max_latency_ms, table, dtype, engine)
    spaces = _spaces(space, widths, resolutions, classes)
    with reporter_on_stdout() as reporter:
        with reporter.phases() as progress:
            found = design_spaces(spaces, limits, count=nets, seed=seed, progress=None if output.as_json else progress)
        published = _published(spaces) if space == _MCUNET else {}
        output.put(
            reporter,
            document=_document(found),
            shown=lambda: [design_page(found, published=published), *_rounded(spaces)],
            figure=lambda: draw_space_design(found),
        )


def _limits(
    activation_bytes: float | None,
    weight_bytes: float | None,
    latency_ms: float | None,
    table: Path | None,
    dtype: Dtype,
    engine: str,
) -> "list[Limit]":
    from pnas_apps.devices.known_tables import read_table
    from pnas_latency import Limit
    from pnas_latency import peak_activation_bytes as peak
    from pnas_latency import weight_bytes as weights
    from pnas_ops import IN_PLACE_RULES, TFLITE_RULES

    if (latency_ms is None) != (table is None):
        raise UserError("--max-latency-ms and --table belong together: give both, or neither")
    rules = IN_PLACE_RULES if engine == "in-place" else TFLITE_RULES
    limits = []
    if activation_bytes is not None:
        limits.append(Limit(metric=peak(dtype, rules), at_most=activation_bytes))
    if weight_bytes is not None:
        limits.append(Limit(metric=weights(dtype, rules), at_most=weight_bytes))
    if latency_ms is not None and table is not None:
        limits.append(Limit(metric=read_table(table).metric(), at_most=latency_ms))
    if not limits:
        raise UserError(
            "without a limit the largest space is the best: give --max-activation-bytes, --max-weight-bytes or "
            "--max-latency-ms (the board of MCUNet has 327680 bytes of SRAM and 1048576 of flash memory)"
        )
    return limits


def _spaces(
    name: str, widths: tuple[float, ...] | None, resolutions: tuple[int, ...] | None, classes: int
) -> "list[Space]":
    from pnas_apps.run.named_spaces import NamedSpace, named_space
    from pnas_ops import (
        MCUNET_MEAN_MACS,
        cifar_mbconv_space,
        digits_mbconv_space,
        imagenet_mbconv_space,
        mcunet_space,
    )

    if (widths is None) != (resolutions is None):
        raise UserError("each width is combined with each resolution: give both --widths and --resolutions")
    if widths is None or resolutions is None:
        if name != _MCUNET:
            raise UserError(f"which spaces of {name!r}: give --widths and --resolutions")
        sizes = [*MCUNET_MEAN_MACS]
    else:
        sizes = [*product(widths, resolutions)]
    spaces = {
        _MCUNET: NamedSpace(build=mcunet_space, resolution=144, blocks_per_stage=4),
        "imagenet": NamedSpace(build=imagenet_mbconv_space, resolution=224, blocks_per_stage=4),
        "cifar": NamedSpace(build=cifar_mbconv_space, resolution=32, blocks_per_stage=3),
        "digits": NamedSpace(build=digits_mbconv_space, resolution=16, blocks_per_stage=3),
    }
    return [
        named_space(spaces, name, classes=classes, resolution=size, blocks_per_stage=None, width_mult=width)
        for width, size in sizes
    ]


def _published(spaces: "Sequence[Space]") -> dict[str, float]:
    """MCUNet's published figures for some of the spaces, by their names in the table."""
    from pnas_ops import MCUNET_MEAN_MACS

    by_label = {f"mcunet-{width:g} @{size}": macs for (width, size), macs in MCUNET_MEAN_MACS.items()}
    labels = [f"{space.name} @{space.resolution}" for space in spaces]
    return {label: by_label[label] for label in labels if label in by_label}


def _rounded(spaces: "Sequence[Space]") -> list[str]:
    """A line for the resolutions that the strides do not divide."""
    strides = {space.resolution: prod(row[0].stride for row in space.positions) for space in spaces}
    rounded = [f"{size}" for size, stride in strides.items() if size % stride]
    if not rounded:
        return []
    stride = max(strides.values())
    return [f"Resolution {', '.join(rounded)}: no multiple of the stride {stride}, so that small maps are rounded up."]


def _document(found: "SpaceDesign") -> dict[str, object]:
    return {
        "limits": dict(found.limits),
        "spaces": [
            {
                "space": one.name,
                "resolution_pixels": one.resolution,
                "drawn_nets": one.drawn,
                "nets_within_limits": len(one.macs),
                "mean_macs": one.mean_macs,
                "standard_error_macs": one.standard_error,
                "quantiles_macs": {f"{share:g}": one.quantile(share) for share in (0.1, 0.25, 0.5, 0.75, 0.9)},
            }
            for one in found.outlooks
        ],
        "best": found.outlooks[found.best].label,
        "reason": found.reason,
    }
