"""The charts of a page, by what is written in them."""

import re

import pytest

from pnas_apps.showing.svg_charts import Point, accuracy_chart, epochs_chart


def chart(*xs: float, target_ms: float | None = None, y_error: float = 0.0) -> str:
    points = [Point(name=f"net {x}", x=x, y=0.5, y_error=y_error) for x in xs]
    return accuracy_chart(points, [], target_ms=target_ms, milliseconds="measured, ms")


def labels(svg: str) -> list[float]:
    return [float(one) for one in re.findall(r"<text [^>]*>(\d+\.?\d*)</text>", svg)]


def test_an_axis_that_is_logarithmic_says_so() -> None:
    assert "measured, ms, logarithmic" in chart(0.1, 0.9)
    assert "logarithmic" not in chart(0.1, 0.2)
    # What was asked for is on the axis, too.
    assert "logarithmic" in chart(0.1, target_ms=0.9)


def test_a_net_beside_what_was_asked_for_does_not_look_far_from_it() -> None:
    shown = [one for one in labels(chart(0.4003, target_ms=0.4)) if one < 1]
    assert min(shown) < 0.36
    assert max(shown) > 0.44


@pytest.mark.parametrize(("y_error", "bars"), [(0.0, 0), (0.03, 1)])
def test_an_accuracy_has_a_bar_of_its_error(y_error: float, bars: int) -> None:
    assert chart(0.4, y_error=y_error).count('<g id="LineCollection') == bars


def test_the_axis_of_a_single_epoch_has_no_fractions_of_one() -> None:
    shown = epochs_chart([("entropy", [40.0])], title="entropy", warm_up=0)
    assert [one for one in labels(shown) if one < 2] == [1.0]
