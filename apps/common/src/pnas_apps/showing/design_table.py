"""Spaces compared, as a table for the terminal."""

from collections.abc import Mapping

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table

from pnas_latency import SpaceDesign, rank_correlation

_QUANTILES = (0.1, 0.5, 0.9)
_TELLING = 3
"""Pairs of means: two are always in the one order or in the other."""


def design_page(design: SpaceDesign, *, published: Mapping[str, float] | None = None) -> Group:
    """The spaces by what their nets within the limits compute, the best one first, and why; 80 columns.

    Args:
        design: of the spaces.
        published: what someone else has found for some of them, mean MACs by the label of the space.
    """
    lines = [f"Best space: {design.reason}."]
    if published:
        pairs = [(one.mean_macs, published[one.label]) for one in design.outlooks if one.label in published]
        found = rank_correlation([ours for ours, _ in pairs], [theirs for _, theirs in pairs])
        lines += (
            []
            if found is None or len(pairs) < _TELLING
            else [f"Rank correlation of the means with those published: {found:.2f}."]
        )
    return Group(f"A net takes {design.asked}", _table(design, published or {}), *lines)


def _table(design: SpaceDesign, published: Mapping[str, float]) -> Table:
    title = "Million MACs of the nets within the limits"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("space", no_wrap=True)
    quantiles = [f"{share:.0%} below" for share in _QUANTILES]
    for heading in ("within", "mean", *quantiles, *(["published mean"] if published else [])):
        table.add_column(heading, justify="right")
    for one in design.ranked:
        shown = [one.mean_macs, *(one.quantile(share) for share in _QUANTILES)]
        theirs = [_millions(published.get(one.label, 0.0))] if published else []
        table.add_row(one.label, f"{one.share:.1%}", *map(_millions, shown), *theirs)
    return table


def _millions(macs: float) -> str:
    return f"{macs / 1e6:.3g}" if macs else "-"
