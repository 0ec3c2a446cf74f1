"""The choices of a search over its epochs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pnas_ops import new_figure
from pnas_supernet.searching.history import EpochRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST_ACROSS = 6
_PLACE_INCHES = (2.0, 1.4)
_LEGEND_INCHES = 0.6


def draw_choices(history: Sequence[EpochRecord], candidates: Mapping[str, Sequence[str]]) -> "Figure":
    """The probability of every candidate of every place after each epoch, as stacked areas.

    Epochs are counted from 1, each with a width of 1 around its number. A dotted line shows the end of the warm-up.

    Args:
        history: of a `ProxylessNAS`.
        candidates: the titles of a place's candidates, by the name of the place, in the order of the net's `MixedOp`s:
            `{place.path: [one.title for one in place.candidates] for place in space.places}`.

    Raises:
        ValueError: for no epoch, and for places or candidates that differ from those of the search.
        ModuleNotFoundError: where matplotlib is not installed.
    """
    counts = [len(titles) for titles in candidates.values()]
    if not history or any([len(probs) for probs in record.probs] != counts for record in history):
        raise ValueError(
            f"choices are drawn by epochs of a search, which had {counts} candidates, got {len(history)} epochs"
        )
    across = min(_MOST_ACROSS, len(candidates))
    down = -(-len(candidates) // across)
    figure = new_figure(max(4.0, _PLACE_INCHES[0] * across), _PLACE_INCHES[1] * down + _LEGEND_INCHES)
    grid = list(figure.subplots(down, across, squeeze=False, sharex=True, sharey=True).flat)
    for unused in grid[len(candidates) :]:
        unused.set_axis_off()
    colors = _colors(list(dict.fromkeys(title for titles in candidates.values() for title in titles)))
    # An epoch has a width of 1, so that a single one is visible too.
    ends = [0.5 + epoch for epoch in range(len(history) + 1)]
    warm_up = sum(record.phase == "warm-up" for record in history)
    for index, (axes, (path, titles)) in enumerate(zip(grid, candidates.items(), strict=False)):
        probs = [record.probs[index] for record in [*history, history[-1]]]
        axes.stackplot(
            ends,
            list(zip(*probs, strict=True)),
            colors=[colors[title] for title in titles],
            step="post",
            linewidth=0,
        )
        axes.axvline(warm_up + 0.5, color="black", linewidth=0.8, linestyle=":")
        axes.set_title(path, fontsize=7, parse_math=False)
        is_lowest = index + across >= len(candidates)
        axes.tick_params(labelsize=6, labelbottom=is_lowest)
        axes.set_xlabel("epoch" if is_lowest else "", fontsize=6)
    grid[0].set(xlim=(0.5, len(history) + 0.5), ylim=(0, 1))
    grid[0].xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    handles = _handles(colors)
    figure.legend(handles=handles, loc="outside lower center", ncols=min(8, len(handles)), fontsize=8, frameon=False)
    return figure


def _colors(titles: Sequence[str]) -> dict[str, tuple[float, float, float, float]]:
    """One color for each of at most twenty titles."""
    from matplotlib import colormaps

    palette = colormaps["tab20"]
    return {title: palette(index % palette.N) for index, title in enumerate(titles)}


def _handles(colors: Mapping[str, tuple[float, float, float, float]]) -> list[object]:
    from matplotlib.patches import Patch

    return [Patch(color=color, label=title) for title, color in colors.items()]
