"""The picture of predicted against measured nets, read back from the figure."""

from pathlib import Path
from typing import cast

import numpy as np
import pytest
from attrs import evolve
from matplotlib.collections import Collection
from matplotlib.patches import Rectangle
from PIL import Image

from pnas_latency import Calibration, LatencyTable, MissingNetsError, NetEntry, draw_validation
from pnas_ops import digits_mbconv_space, save_figure
from tables import measurement, uniform_table

SPACE = digits_mbconv_space()
ROLES = {
    (False, False): "nets that calibrated the table",
    (True, False): "other nets",
    (True, True): "other nets, nearly alike in cost",
}


def table_with(roles: list[tuple[bool, bool]]) -> LatencyTable:
    """A net a role, of 9 ms by the table and of 10, 11, ... ms as measured."""
    nets = tuple(
        NetEntry(
            architecture=SPACE.architecture([index] * 6),
            measurement=measurement(10.0 + index),
            held_out=held_out,
            band=band,
        )
        for index, (held_out, band) in enumerate(roles)
    )
    return evolve(uniform_table(SPACE), nets=nets)


def positions(dots: Collection) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in np.asarray(dots.get_offsets())]


def colors_of(dots: Collection) -> list[tuple[float, ...]]:
    return [tuple(color) for color in np.asarray(dots.get_facecolor())]


@pytest.mark.parametrize("calibration", [None, Calibration(scale=2.0, offset_ms=0.5)])
@pytest.mark.parametrize("roles", [[(False, False), (True, False), (True, True)], [(True, False)], [(False, False)]])
def test_it_shows_every_net(roles: list[tuple[bool, bool]], calibration: Calibration | None, tmp_path: Path) -> None:
    table = evolve(table_with(roles), calibration=calibration, noise_floor=0.02)
    # A command may hold what matplotlib takes for a formula.
    table = evolve(table, device=evolve(table.device, device="$HOME/a_{ $B^"))
    figure = draw_validation(table)

    save_figure(figure, tmp_path / "picture.png")
    Image.open(tmp_path / "picture.png").verify()
    latency, error = figure.axes
    points = [point for dots in latency.collections for point in positions(dots)]
    # The space has nine blocks of 1 ms.
    predictions = [9.0] if calibration is None else [9.0, 18.5]
    assert sorted(points) == sorted((entry.total_ms, one) for entry in table.nets for one in predictions)
    errors = [point for dots in error.collections for point in positions(dots)]
    assert [y for _, y in sorted(errors)] == pytest.approx([100 * (y / x - 1) for x, y in sorted(points)])
    (floor,) = (cast(Rectangle, patch) for patch in error.patches)
    assert (floor.get_y(), floor.get_height()) == pytest.approx((-2, 4))
    assert all(floor.get_zorder() < dots.get_zorder() for dots in error.collections)
    # From the fastest net to the slowest, and no further.
    assert [tuple(np.asarray(line.get_xdata())) for line in latency.lines] == [(10.0, 9.0 + len(roles))]


def test_each_group_has_its_name_and_its_colour_on_both_sides() -> None:
    roles = list(ROLES)
    figure = draw_validation(table_with(roles))
    latency, error = figure.axes
    assert [dots.get_label() for dots in latency.collections] == [ROLES[role] for role in roles]
    assert [positions(dots)[0][0] for dots in latency.collections] == [10.0, 11.0, 12.0]
    colors = [colors_of(dots)[0] for dots in latency.collections]
    assert len(set(colors)) == 3
    assert [colors_of(dots)[0] for dots in error.collections] == colors
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [*ROLES.values(), "exact"]


def test_what_is_predicted_without_the_calibration_is_a_ring() -> None:
    figure = draw_validation(evolve(table_with([(True, False)]), calibration=Calibration(scale=2.0, offset_ms=0.5)))
    rings, dots, *_ = figure.axes[0].collections
    assert (positions(rings)[0][1], len(colors_of(rings))) == (9.0, 0)
    assert (positions(dots)[0][1], len(colors_of(dots))) == (18.5, 1)
    assert "not calibrated: the sum of blocks" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_floor_that_was_not_measured_is_not_drawn() -> None:
    figure = draw_validation(table_with([(True, False)]))
    assert list(figure.axes[1].patches) == []


def test_a_table_without_nets_is_told_what_to_measure() -> None:
    with pytest.raises(MissingNetsError) as caught:
        draw_validation(uniform_table(SPACE))
    assert str(caught.value) == "the table holds no whole nets to compare its predictions with: measure some"
    assert caught.value.way_out == "measure some"
