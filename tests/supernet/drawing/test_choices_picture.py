"""The picture of the choices of a search, read back from the figure."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from PIL import Image

from pnas_ops import save_figure
from pnas_supernet import EpochRecord, draw_choices

CANDIDATES = {"a": ["original", "3x3"], "b.$c_{": ["original", "w0.5", "skip"]}


def epoch(number: int, *probs: tuple[float, ...]) -> EpochRecord:
    return EpochRecord(
        epoch=number,
        phase="search" if number else "warm-up",
        train_loss=1.0,
        train_accuracy=0.5,
        validation_loss=None,
        validation_accuracy=None,
        entropy=1.0,
        probs=probs,
    )


HISTORY = [epoch(0, (0.5, 0.5), (0.2, 0.3, 0.5)), epoch(1, (0.25, 0.75), (0.125, 0.5, 0.375))]


def height(area: PolyCollection, at: float) -> float:
    """Of an area, somewhere."""
    (path,) = area.get_paths()
    inside = [y for y in np.linspace(0.001, 0.999, 999) if path.contains_point((at, y))]
    return len(inside) / 999


@pytest.mark.parametrize("epochs", [1, 2])
def test_every_candidate_is_as_high_as_it_is_probable(epochs: int, tmp_path: Path) -> None:
    history = HISTORY[:epochs]
    figure = draw_choices(history, CANDIDATES)
    save_figure(figure, tmp_path / "picture.png")
    Image.open(tmp_path / "picture.png").verify()
    assert [axes.get_title() for axes in figure.axes] == list(CANDIDATES)
    colors: dict[str, list[float]] = {}
    for place, (axes, titles) in enumerate(zip(figure.axes, CANDIDATES.values(), strict=True)):
        areas = [one for one in axes.collections if isinstance(one, PolyCollection)]
        for index, (area, title) in enumerate(zip(areas, titles, strict=True)):
            for record in history:
                found = height(area, record.epoch + 1)
                assert found == pytest.approx(record.probs[place][index], abs=0.005)
            # One title has one colour, wherever it stands.
            (color,) = area.get_facecolor().tolist()
            assert colors.setdefault(title, color) == color
    assert len({tuple(color) for color in colors.values()}) == len(colors) == 4
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["original", "3x3", "w0.5", "skip"]


def test_what_is_not_of_the_search_is_refused() -> None:
    for history, candidates in (([], CANDIDATES), (HISTORY, {"a": ["original", "3x3"]}), (HISTORY, {})):
        with pytest.raises(ValueError, match="choices are drawn by epochs of a search"):
            draw_choices(history, candidates)
