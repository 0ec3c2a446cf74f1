"""The picture of a search, read back from the figure."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from pnas_ops import save_figure
from pnas_supernet import EpochRecord, draw_search

TITLES = ["accuracy of sampled paths", "expected latency, ms", "relative entropy of the gates"]


def make_history(phases: str, *, idle: Sequence[int] = ()) -> list[EpochRecord]:
    """Epochs of the warm-up, "w", and of the search, "s", of which some had no architecture step."""
    return [
        EpochRecord(
            epoch=epoch,
            phase="warm-up" if phase == "w" else "search",
            train_loss=2.0 - epoch / 10,
            train_accuracy=0.1 + epoch / 20,
            validation_loss=None if phase == "w" or epoch in idle else 3.0 - epoch / 10,
            validation_accuracy=None if phase == "w" or epoch in idle else 0.2 + epoch / 30,
            entropy=1.0 - epoch / 40,
            probs=((0.5, 0.5),),
        )
        for epoch, phase in enumerate(phases)
    ]


def lines(axes: Axes) -> list[list[tuple[float, float]]]:
    """The points of every line."""
    return [[tuple(point) for point in np.asarray(line.get_xydata())] for line in axes.lines]


def shaded(axes: Axes) -> list[tuple[float, float, str]]:
    """Begin, end and colour of what is shaded."""
    spans = [cast(Rectangle, patch) for patch in axes.patches]
    return [(span.get_x(), span.get_x() + span.get_width(), to_hex(span.get_facecolor())) for span in spans]


def legend(figure: Figure) -> list[str]:
    (found,) = figure.legends
    return [text.get_text() for text in found.get_texts()]


def test_it_shows_every_epoch_and_the_target(tmp_path: Path) -> None:
    history, expected_ms = make_history("wwsss"), [20.0, 20.5, 19.0, 16.0, 15.25]
    figure = draw_search(history, expected_ms=expected_ms, target_ms=15.5)
    accuracy, latency, entropy = figure.axes
    assert [axes.get_title(loc="left") for axes in figure.axes] == TITLES
    assert lines(accuracy) == [
        [(epoch + 1, pytest.approx(0.1 + epoch / 20)) for epoch in range(5)],
        [(epoch + 1, pytest.approx(0.2 + epoch / 30)) for epoch in (2, 3, 4)],
    ]
    line, target = lines(latency)
    assert line == [(1, 20.0), (2, 20.5), (3, 19.0), (4, 16.0), (5, 15.25)]
    assert {y for _, y in target} == {15.5}
    assert lines(entropy) == [[(epoch + 1, pytest.approx(1.0 - epoch / 40)) for epoch in range(5)]]
    assert legend(figure) == [
        "weights, training split",
        "architecture, validation split",
        "warm-up",
        "requested, 15.5 ms",
    ]
    assert {axes.get_xlabel() for axes in figure.axes} == {"epoch"}
    save_figure(figure, tmp_path / "search.png")
    with Image.open(tmp_path / "search.png") as picture:
        assert picture.size == (1560, 455)


@pytest.mark.parametrize(("phases", "end"), [("wss", 1.5), ("wwws", 3.5), ("ww", 2.5)])
def test_the_epochs_of_the_warm_up_are_grey(phases: str, end: float) -> None:
    for axes in draw_search(make_history(phases), expected_ms=[1.0] * len(phases)).axes:
        assert shaded(axes) == [(0.5, end, "#eeeeee")]


def test_an_epoch_of_the_search_without_an_architecture_step_is_no_warm_up() -> None:
    figure = draw_search(make_history("wsss", idle=[1]))
    assert [shaded(axes) for axes in figure.axes] == [[(0.5, 1.5, "#eeeeee")]] * 2
    assert [x for x, _ in lines(figure.axes[0])[1]] == [3, 4]


def test_a_search_without_warm_up_latencies_or_target_has_none_in_the_picture() -> None:
    figure = draw_search(make_history("s"))
    assert [axes.get_title(loc="left") for axes in figure.axes] == [TITLES[0], TITLES[2]]
    assert [shaded(axes) for axes in figure.axes] == [[], []]
    assert legend(figure) == ["weights, training split", "architecture, validation split"]
    # One point makes no line.
    assert {line.get_marker() for axes in figure.axes for line in axes.lines} == {"."}
    # Its axis counts epochs, and no fractions of one.
    ticks = [tick for axes in figure.axes for tick in axes.get_xticks() if 0.5 <= tick <= 1.5]
    assert ticks == [1, 1]
    assert {axes.get_xlim() for axes in figure.axes} == {(0.5, 1.5)}
    _, latency, _ = draw_search(make_history("s"), expected_ms=[3.0]).axes
    assert lines(latency) == [[(1, 3.0)]]
    assert legend(draw_search(make_history("w"))) == ["weights, training split", "warm-up"]


def test_what_cannot_be_drawn_is_named() -> None:
    with pytest.raises(ValueError, match=r"a search is drawn by its epochs, got 0 of them$"):
        draw_search([])
    with pytest.raises(ValueError, match="by its epochs, got 2 of them and 3 expected latencies"):
        draw_search(make_history("ws"), expected_ms=[1.0] * 3)
    with pytest.raises(ValueError, match="a target is drawn beside expected latencies: give expected_ms too"):
        draw_search(make_history("ws"), target_ms=1.0)
