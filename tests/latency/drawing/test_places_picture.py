"""The picture of what stands at the places of nets, read back from the figure."""

from pathlib import Path
from typing import cast

import pytest
from attrs import evolve
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from PIL import Image

from module_spaces import tiny_space
from pnas_latency import Calibration, LatencyTable, TableEntry, draw_places
from pnas_ops import KERNEL_COLORS, ModuleWorkload, save_figure, workloads
from tables import DEVICE, measurement

SPACE = tiny_space()


@pytest.fixture
def table() -> LatencyTable:
    """1 ms for the first workload, 2 ms for the second and so on, and all of it doubled."""
    found = dict.fromkeys(one for row in workloads(SPACE) for one in row if not one.computes_nothing)
    entries = (TableEntry(workload=one, measurement=measurement(1.0 + n)) for n, one in enumerate(found))
    calibration = Calibration(scale=2.0, offset_ms=0.5)
    return LatencyTable(device=DEVICE, measured_on="2025-01-02", entries=tuple(entries), calibration=calibration)


def test_every_place_of_every_net_has_a_bar_as_long_as_it_takes(table: LatencyTable, tmp_path: Path) -> None:
    nets = [evolve(SPACE.original, name="$a_{ $"), SPACE.architecture([1, 0], name="b"), SPACE.architecture([3, 1])]
    figure = draw_places(table, nets)
    save_figure(figure, tmp_path / "picture.png")
    Image.open(tmp_path / "picture.png").verify()
    assert len(figure.axes) == 3
    for axes, net in zip(figure.axes, nets, strict=True):
        standing = [cast(ModuleWorkload, row[0]) for row in workloads(net)[1:]]
        costs_ms = [0.0 if one.computes_nothing else table.latency_ms(one) for one in standing]
        bars = [cast(Rectangle, bar) for bar in axes.patches]
        assert [bar.get_width() for bar in bars] == pytest.approx(costs_ms)
        assert [to_hex(bar.get_facecolor()) for bar in bars] == [KERNEL_COLORS[one.kernel_size] for one in standing]
        assert [text.get_text().split()[-1] for text in axes.texts] == [one.title for one in standing]
        originals = [place.candidates[0].title for place in SPACE.original.places]
        bold = [text.get_fontweight() == "bold" for text in axes.texts]
        assert bold == [one.title != title for one, title in zip(standing, originals, strict=True)]
        beside_ms = table.predict_ms(net) - sum(costs_ms)
        wanted = f"{net.name}: {table.predict_ms(net):.3f} ms predicted, {beside_ms:.3f} beside the places"
        assert axes.get_title(loc="left") == wanted
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["filtering", "mixing"]


def test_nets_that_cannot_stand_side_by_side_are_refused(table: LatencyTable) -> None:
    with pytest.raises(ValueError, match="no net to draw"):
        draw_places(table, [])
    other = evolve(SPACE.original, name="other", places=SPACE.original.places[:1])
    with pytest.raises(ValueError, match="net 'other' has other places than 'original': draw nets of one space"):
        draw_places(table, [SPACE.original, other])
