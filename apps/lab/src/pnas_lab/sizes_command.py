"""The command that says how many nets spaces have."""

from collections import Counter
from collections.abc import Sequence
from math import log10
from typing import TYPE_CHECKING

import click
from attrs import evolve, frozen
from cloup import option_group

from pnas_apps.cli.option_types import whole
from pnas_apps.cli.verb import verb
from pnas_lab.options import output_options
from pnas_lab.output import Output

if TYPE_CHECKING:
    from rich.console import JustifyMethod
    from rich.table import Table

_LARGEST, _MOST_BLOCKS = 1000, 100
_DIGITS = 20
"""Longer numbers are printed with four digits; JSON has all of them."""


@frozen(kw_only=True)
class SpaceSize:
    """How many nets, cells or paths there are.

    Attributes:
        name: of what.
        formula: how that comes about.
        size: the number.
        published: what a paper says; empty where none says it.
        source: this paper.
    """

    name: str
    formula: str
    size: int
    published: str = ""
    source: str = ""


@verb(examples=("", "--blocks 3 --picture cell.png", "--layers 8 --levels 3 --json"))
@option_group(
    "Cells",
    "NASNet's recurrent form.",
    click.option(
        "--inputs", type=whole(1, _LARGEST), default=2, show_default=True, help="States to choose an input from."
    ),
    click.option(
        "--operations",
        type=whole(1, _LARGEST),
        default=5,
        show_default=True,
        help="Operations for each input of a block.",
    ),
    click.option("--joins", type=whole(1, _LARGEST), default=2, show_default=True, help="Ways to join the two inputs."),
    click.option(
        "--blocks", type=whole(1, _MOST_BLOCKS), default=5, show_default=True, help="Blocks of a recurrent cell."
    ),
)
@option_group(
    "Trellis",
    "Paths through resolutions.",
    click.option("--layers", type=whole(1, _LARGEST), default=12, show_default=True, help="Layers of a trellis."),
    click.option(
        "--levels", type=whole(1, _LARGEST), default=4, show_default=True, help="Resolution levels of a trellis."
    ),
)
@output_options
def sizes(inputs: int, operations: int, joins: int, blocks: int, layers: int, levels: int, output: Output) -> None:
    """How many nets each named space has, exactly, beside what papers say.

    The flags are those of two formulas: cells in NASNet's recurrent form, which --picture draws, and paths through a
    trellis in which each layer halves, keeps or doubles the image. In --json a size is a text, since most readers round
    a number of so many digits; log10_size is a number.
    """
    from pnas_apps.ground.progress import reporter_on_stdout
    from pnas_ops import draw_recurrent_cell

    cell = {"inputs": inputs, "operations": operations, "joins": joins, "blocks": blocks}
    found = [*_named(), _recurrent(**cell), _trellis(layers=layers, levels=levels)]
    with reporter_on_stdout() as reporter:
        output.put(
            reporter,
            document=[_document(one) for one in found],
            shown=lambda: [_table(found)],
            figure=lambda: draw_recurrent_cell(**cell),
        )


def _named() -> list[SpaceSize]:
    from pnas_ops import (
        CellSpace,
        cifar_mbconv_space,
        cifar_tree_space,
        darts_imagenet_space,
        darts_space,
        digits_mbconv_space,
        imagenet_mbconv_space,
        nas_bench_201_space,
        nas_bench_macro_space,
    )

    none, of_darts = ("", ""), ("10^18", "DARTS, arXiv 1806.09055")
    published = {
        digits_mbconv_space(): none,
        cifar_mbconv_space(): none,
        imagenet_mbconv_space(): none,
        cifar_tree_space(): none,
        nas_bench_macro_space(): ("6,561", "NAS-Bench-MACRO, arXiv 2103.11922"),
        nas_bench_201_space(): ("15,625", "NAS-Bench-201, arXiv 2001.00326"),
        darts_space(): of_darts,
        darts_imagenet_space(): of_darts,
    }
    found = []
    for space, (said, source) in published.items():
        options = space.forms.options if isinstance(space, CellSpace) else space.options
        found.append(
            SpaceSize(name=space.name, formula=_product(options), size=space.size(), published=said, source=source)
        )
    return found


def _recurrent(*, inputs: int, operations: int, joins: int, blocks: int) -> SpaceSize:
    from pnas_ops import cell_space_size

    size = cell_space_size(inputs=inputs, operations=operations, joins=joins, blocks=blocks)
    one = SpaceSize(name="recurrent cell", formula=f"({inputs}^2 x {operations}^2 x {joins})^{blocks}", size=size)
    of_lecture = (inputs, operations, joins, blocks) == (2, 5, 2, 5)
    return evolve(one, published="3.2e11", source="a lecture on search spaces") if of_lecture else one


def _trellis(*, layers: int, levels: int) -> SpaceSize:
    from pnas_ops import trellis_paths

    size = trellis_paths(layers=layers, levels=levels)
    one = SpaceSize(name="trellis", formula=f"A^{layers - 1}, {levels} levels", size=size)
    published = (layers, levels) == (12, 4)
    return evolve(one, published="2.9e4", source="Auto-DeepLab, arXiv 1901.02985") if published else one


def _product(options: Sequence[int]) -> str:
    return " x ".join(f"{count}^{times}" if times > 1 else f"{count}" for count, times in Counter(options).items())


def _document(one: SpaceSize) -> dict[str, object]:
    return {
        "name": one.name,
        "formula": one.formula,
        "size": f"{one.size}",
        "log10_size": log10(one.size),
        "published": one.published or None,
        "source": one.source or None,
    }


def _table(found: Sequence[SpaceSize]) -> "Table":
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title="How many nets, cells, paths", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("space", "formula", "size", "log10", "published"):
        justify: JustifyMethod = "right" if heading in ("size", "log10") else "left"
        table.add_column(heading, justify=justify, no_wrap=heading in ("space", "size", "log10"))
    for one in found:
        logarithm = log10(one.size)
        exact = len(f"{one.size}") <= _DIGITS
        shown = f"{one.size:,}" if exact else f"{10 ** (logarithm % 1):.3f}e{int(logarithm)}"
        table.add_row(one.name, one.formula, shown, f"{logarithm:.2f}", one.published)
    sources = dict.fromkeys(one.source for one in found if one.source)
    table.caption, table.caption_justify = f"Published: {'; '.join(sources)}", "left"
    return table
