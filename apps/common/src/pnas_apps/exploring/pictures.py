"""Pictures of an exploration."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pnas_apps.exploring.outcome import Explored, JudgedNet, best_so_far, expected_best
from pnas_apps.training.judging import is_share
from pnas_ops import KERNEL_COLORS, counted, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SEARCHED, _RANDOM = KERNEL_COLORS[3], KERNEL_COLORS[1]

_COSTS: Mapping[str, tuple[str, float]] = {"latency": ("latency, ms", 1), "macs": ("MACs, millions", 1e6)}
"""What is along the axis of a front, and the unit that it is in."""


def draw_exploration(explored: Explored, *, value_name: str) -> "Figure":
    """The best so far against the effort, with random search beside it, and the front where there are several aims.

    Args:
        explored: at least one net.
        value_name: what the judge's values are.
    """
    figure = new_figure(7.5 if not explored.aims else 12, 4.5)
    axes = figure.subplots(1, 1 + len(explored.aims), squeeze=False)[0]
    _draw_best(axes[0], explored, value_name)
    for aim, panel in zip(explored.aims, axes[1:], strict=True):
        _draw_front(panel, explored, aim, value_name)
    if all(is_share(net.value) for net in explored.nets):
        from matplotlib.ticker import PercentFormatter

        for one in axes:
            one.yaxis.set_major_formatter(PercentFormatter(1))
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure


def _draw_best(axes: "Axes", explored: Explored, value_name: str) -> None:
    searched, random = explored.of("searched"), explored.of("random")
    # Where judging takes none, all nets of a supernet would stand at what its search took.
    by_effort = all(net.epochs for net in explored.nets)
    best, expected = best_so_far(searched), expected_best(random)
    _curve(axes, searched, best, by_effort, _SEARCHED, f"{explored.strategy}, best so far")
    if random:
        label = f"random search, best so far: mean over all orders of its {counted(len(random), 'net')}"
        _curve(axes, random, expected, by_effort, _RANDOM, label)
    values = sorted(net.value for net in explored.nets)
    # All of the curves, and most of the nets.
    bottom = min(values[len(values) // 4], *(value for _, value in (*best[:1], *expected[:1])))
    bottom -= 0.05 * (values[-1] - bottom)
    title = f"best {value_name}; dots: each net"
    if below := sum(value < bottom for value in values):
        axes.set_ylim(bottom=bottom)
        title += f" ({below} of {len(values)} nets {'is' if below == 1 else 'are'} below the picture)"
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel("passes over the training images" if by_effort else "nets judged")


def _curve(
    axes: "Axes",
    nets: Sequence[JudgedNet],
    points: Sequence[tuple[float, float]],
    by_effort: bool,
    color: str,
    label: str,
) -> None:
    efforts = [effort for effort, _ in points] if by_effort else [float(n) for n in range(1, len(points) + 1)]
    axes.step(efforts, [value for _, value in points], where="post", color=color, label=label)
    spent = [effort for effort, _ in best_so_far(nets)] if by_effort else efforts
    axes.scatter(spent, [net.value for net in nets], color=color, s=9, alpha=0.5)


def _draw_front(axes: "Axes", explored: Explored, aim: str, value_name: str) -> None:
    label, unit = _COSTS[aim]
    for group, color in (("random", _RANDOM), ("searched", _SEARCHED)):
        nets = [net for net in explored.nets if net.group == group]
        axes.scatter([net.costs[aim] / unit for net in nets], [net.value for net in nets], color=color, s=9, alpha=0.5)
    front = sorted((net.costs[aim] / unit, net.value) for net in explored.front)
    axes.plot(*zip(*front, strict=True), color=KERNEL_COLORS[7], marker="o", markersize=4, label="front")
    axes.set_title(f"{value_name}: the front", loc="left", fontsize=10)
    axes.set_xlabel(label)
