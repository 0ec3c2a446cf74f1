"""What an exploration found, as a page for the terminal and for a file."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table

from pnas_apps.exploring.named_strategies import RANDOM_AT_FIRST
from pnas_apps.exploring.outcome import Explored, JudgedNet
from pnas_apps.run.exploration_settings import ExplorationSettings
from pnas_apps.training.judging import shown_score, standard_error
from pnas_latency import Limit
from pnas_ops import counted

SHOWN = 10
"""Of the best nets."""


def effort_line(settings: ExplorationSettings, passes: float | None, images: int | None) -> str:
    """What an exploration is going to do, in a line.

    Args:
        settings: of the exploration.
        passes: over the training images, that judging a net takes; None where none is learned from.
        images: that a value is the accuracy on; None where it is no such thing.
    """
    beside = f" and {settings.random_nets} at random for comparison" if settings.random_nets else ""
    first = min(RANDOM_AT_FIRST.get(settings.strategy, 0), settings.nets)
    drawn = f" (the first {first} at random)" if first else ""
    line = f"  {counted(settings.nets, 'net')} by {settings.strategy}{drawn}{beside}, judged by {settings.judge}"
    if images is not None:
        line += (
            f" on {images:,} held-out images (a value of 50% has a standard error of {standard_error(0.5, images):.1%})"
        )
    if passes is None:
        return line
    nets = settings.nets + settings.random_nets
    most = "" if settings.effort is None else f", at most {settings.effort:g} for either"
    return (
        f"{line}: {_over_images(_passes_each(passes, nets))} each, {shown_passes(passes * nets)} in all{most}"
        " (evaluating without training counts as a third of a pass)"
    )


def exploration_page(explored: Explored, *, value_name: str, limits: Sequence[Limit]) -> Group:
    """The best nets, the front where there are several aims, and what it took.

    Args:
        explored: at least one net.
        value_name: what the judge's values are.
        limits: the limits that all nets keep.
    """
    words = [f"{limit.metric.name} of {limit.at_most:,.10g}{_unit(limit)}" for limit in limits]
    within = f", within {' and '.join(words)}" if words else ""
    best = explored.ranked[:SHOWN]
    parts: list[Table | str] = [f"The best nets by {value_name}{within}", _table(best, explored)]
    if explored.aims:
        parts += ["The Pareto front", _table(explored.front, explored)]
    parts.extend(_efforts(explored))
    return Group(*parts)


def _unit(limit: Limit) -> str:
    """That of a time; what is counted has its own in its name."""
    return " ms" if limit.metric.unit == "ms" else ""


def _table(nets: Sequence[JudgedNet], explored: Explored) -> Table:
    table = Table(box=SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    table.add_column("net", justify="right")
    table.add_column("proposed by")
    errors = [] if explored.images is None else ["±"]
    costs = ["predicted ms" if name == "latency" else name for name in explored.nets[0].costs]
    for heading in ("value", *errors, *costs):
        table.add_column(heading, justify="right")
    for net in nets:
        asked_by = explored.strategy if net.group == "searched" else "random search"
        of_net = [f"{cost:,.4g}" if cost < 1000 else f"{cost:,.0f}" for cost in net.costs.values()]
        value = shown_value(net.value, explored.judge), *_error(net.value, explored.images)
        table.add_row(f"{net.number}", asked_by, *value, *of_net)
    if explored.images is not None:
        table.caption, table.caption_justify = "± is the standard error of a value", "left"
    return table


def _error(value: float, images: int | None) -> list[str]:
    return [] if images is None else [f"{standard_error(value, images):.1%}"]


def _efforts(explored: Explored) -> list[str]:
    lines = []
    groups = ((explored.strategy, explored.of("searched")), ("random nets", explored.of("random")))
    for name, nets in groups:
        if nets:
            effort = sum(net.epochs for net in nets)
            # Of a table nothing is learned: it is what its trainings took.
            done = ", worth" if explored.judge == "table" else ","
            spent = f"{done} {passes_over_images(effort)}" if effort else ""
            best = shown_value(max(net.value for net in nets), explored.judge)
            lines.append(f"{name}: {len(nets)} judged{spent}, best {best}")
    if not explored.of("random") and explored.strategy != "random":
        lines.append("no random nets were judged: whether the strategy was worth its effort is not shown")
    elif explored.of("random"):
        lines.append("one exploration of each: this does not show which is better in general")
        if len(explored.of("searched")) <= RANDOM_AT_FIRST.get(explored.strategy, 0):
            lines.append(f"{explored.strategy} has drawn all its nets at random so far: give more --nets")
    return lines


def shown_value(value: float, judge: str) -> str:
    """An accuracy in per cent, that of long trainings in a table to two digits; anything else as it is."""
    return f"{value:.2%}" if judge == "table" else shown_score(value)


def _passes_each(passes: float, nets: int) -> str:
    """With as many digits as it takes to come, so many times, to what `shown_passes` says of all."""
    in_all = shown_passes(passes * nets)
    digits = next((n for n in range(16) if shown_passes(round(passes, n) * nets) == in_all), 16)
    return f"{passes:,.{digits}f}"


def passes_over_images(passes: float) -> str:
    """As `shown_passes`, with what they are."""
    return _over_images(shown_passes(passes))


def _over_images(passes: str) -> str:
    return f"{passes} pass{'' if passes == '1' else 'es'} over the training images"


def shown_passes(passes: float) -> str:
    """Passes, of which nobody wants to know a hundredth: 0.33, 1.1, 45."""
    return f"{passes:,.0f}" if passes >= 10 else f"{passes:.2g}"
