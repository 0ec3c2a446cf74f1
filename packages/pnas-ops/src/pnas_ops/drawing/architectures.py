"""Nets as pictures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.priced_net import PricedNet
from pnas_ops.drawing.blocks import blocks_panel
from pnas_ops.drawing.captions import Look, common_device, look_of, net_title, wrapped
from pnas_ops.drawing.cells import cells_panel
from pnas_ops.drawing.figures import KERNEL_COLORS, new_figure
from pnas_ops.drawing.trees import trees_panel

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

_LEAST_INCHES = 7.0
_TITLE_INCHES = 0.4
_TITLE = {"x": 0.01, "ha": "left", "parse_math": False}
_PANELS = {"blocks": blocks_panel, "trees": trees_panel, "cells": cells_panel}


def draw_architectures(nets: Sequence[Architecture | PricedNet]) -> "Figure":
    """Each net as a row of boxes from input to output: the colour shows the kernel, the height the expansion.

    A net of trees or cells is drawn edge by edge instead, each different cell once. The title of a priced net has its
    latency and device; a device that all share is above them once.

    Args:
        nets: at least one.

    Raises:
        ValueError: for no net.
        ModuleNotFoundError: where matplotlib is not installed.
    """
    if not nets:
        raise ValueError("there is no net to draw")
    panels = [_PANELS[look_of(net)](net) for net in nets]
    width = max(_LEAST_INCHES, *(panel.inches[0] for panel in panels))
    heights = [panel.inches[1] + _TITLE_INCHES for panel in panels]
    figure = new_figure(width, sum(heights) + 2 * _TITLE_INCHES)
    device = common_device(nets)
    if device:
        figure.suptitle(wrapped(device, width, points=9), fontsize=9, **_TITLE)
    parts = figure.subfigures(len(nets), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, net, panel in zip(parts, nets, panels, strict=True):
        part.suptitle(wrapped(net_title(net, device), width, points=11), fontsize=11, **_TITLE)
        panel.draw(part, width)
    handles = _legend(set(map(look_of, nets)))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    return figure


def _legend(looks: set[Look]) -> "list[Artist]":
    """The legend for nets of these looks."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Artist] = [Patch(color=color, label=f"{k}x{k}") for k, color in KERNEL_COLORS.items() if k > 1]
    if "blocks" in looks:
        handles.append(Patch(color=KERNEL_COLORS[1], label="other"))
    if looks - {"blocks"}:
        handles.append(Line2D([], [], color=KERNEL_COLORS[3], linewidth=2, linestyle="--", label="pooling 3x3"))
        handles.append(Line2D([], [], color=KERNEL_COLORS[1], linewidth=1, label="identity"))
    if "cells" in looks:
        handles.append(Line2D([], [], color=KERNEL_COLORS[1], linewidth=3, label="1x1"))
    return handles
