"""What stands in the pictures of nets."""

import sys
from collections import Counter
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from attrs import evolve
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure, SubFigure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text

from pnas_ops import (
    KERNEL_COLORS,
    Architecture,
    BlockSpec,
    ClassifierSpec,
    ConvSpec,
    MBConvSpec,
    PricedNet,
    cifar_tree_space,
    digits_mbconv_space,
    draw_architectures,
    edge_name,
    kernel_color,
    new_figure,
    save_figure,
    tree_edges,
    workloads,
)

SPACE = digits_mbconv_space(blocks_per_stage=2)
NET = SPACE.architecture([2, 6, 4, 0], name="searched")
OTHER = SPACE.architecture([5, 5, 5, 5], name="biggest")
TREES = cifar_tree_space(0.25, blocks_per_stage=3)
TREE_NET = TREES.architecture([number % 7 for number in range(9 * 12)], name="trees")
FEW_TREES = cifar_tree_space(0.25, blocks_per_stage=1).architecture([0] * (3 * 12), name="few trees")
GREY, BLUE, ORANGE, RED = (KERNEL_COLORS[size] for size in (1, 3, 5, 7))


def priced(net: Architecture, device: str) -> PricedNet:
    block_ms = tuple(0.5 * number for number in range(len(net.blocks)))
    return PricedNet(architecture=net, block_ms=block_ms, total_ms=sum(block_ms) + 0.125, device=device)


def title(part: Figure | SubFigure) -> str:
    return part.get_suptitle().replace("\n", " ")


def titles(figure: Figure) -> list[str]:
    return [title(part) for part in figure.subfigs]


def boxes(part: SubFigure) -> list[FancyBboxPatch]:
    return [patch for axes in part.axes for patch in axes.patches if isinstance(patch, FancyBboxPatch)]


def words(part: SubFigure) -> list[str]:
    """What stands in and below the boxes, one text a block after the other."""
    return [text.get_text() for axes in part.axes for text in axes.texts]


def legend_of(figure: Figure) -> list[str]:
    (legend,) = (artist for artist in figure.legends if isinstance(artist, Legend))
    return [text.get_text() for text in legend.get_texts()]


def drawn(figure: Figure) -> RendererAgg:
    """Knows where everything is."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def test_a_net_is_a_row_of_boxes_in_the_colours_of_their_kernels() -> None:
    (part,) = draw_architectures([NET]).subfigs
    # conv3, mb1-3x3, mb3-7x7, skip, mb6-5x5, mb3-3x3, classifier
    found = boxes(part)
    assert [to_hex(box.get_facecolor()) for box in found] == [BLUE, BLUE, RED, ORANGE, BLUE, GREY]
    centers = [box.get_x() + box.get_width() / 2 for box in found]
    assert centers == pytest.approx([0, 1, 2, 4, 5, 6])
    conv, one, three, six, _, end = (box.get_height() for box in found)
    assert conv == one == end < three < six
    assert three - one == pytest.approx(2 * (six - three) / 3)
    assert all(box.get_y() == pytest.approx(-box.get_height() / 2) for box in found)


def test_what_computes_nothing_is_a_line_without_a_box() -> None:
    (part,) = draw_architectures([NET]).subfigs
    (line,) = (line for axes in part.axes for line in axes.lines)
    assert line.get_linestyle() == ":"
    assert np.asarray(line.get_xdata()).sum() / 2 == pytest.approx(3)
    assert words(part)[6] == "skip"


def test_blocks_have_their_names_of_tables_their_shapes_and_their_prices() -> None:
    plain, costly = draw_architectures([NET, priced(NET, "board")]).subfigs
    assert words(plain)[::2] == ["conv3", "mb1\n3x3", "mb3\n7x7", "skip", "mb6\n5x5", "mb3\n3x3", "pool\nfc"]
    shapes = [f"{w.block.in_channels}→{w.block.out_channels}\n{w.height}x{w.width}" for (w,) in workloads(NET)]
    assert words(plain)[1::2] == shapes
    assert words(costly)[1::2] == [f"{shape}\n{number / 2:.3f} ms" for number, shape in enumerate(shapes)]


def test_the_device_of_all_nets_stands_above_them_once() -> None:
    figure = draw_architectures([priced(NET, "board"), priced(OTHER, "board")])
    assert title(figure) == "board"
    assert titles(figure) == ["searched: 10.625 ms predicted", "biggest: 10.625 ms predicted"]


def test_with_two_devices_each_title_says_whose_milliseconds_they_are() -> None:
    figure = draw_architectures([priced(NET, "a board"), priced(OTHER, "a phone")])
    assert title(figure) == ""
    assert titles(figure) == ["searched: 10.625 ms predicted on a board", "biggest: 10.625 ms predicted on a phone"]


def test_a_net_without_a_price_has_its_name_alone() -> None:
    figure = draw_architectures([NET, priced(OTHER, "board")])
    assert title(figure) == "board"
    assert titles(figure) == ["searched", "biggest: 10.625 ms predicted"]
    assert title(draw_architectures([NET, OTHER])) == ""


def test_nets_of_trees_are_drawn_edge_by_edge() -> None:
    (part,) = draw_architectures([priced(TREE_NET, "board")]).subfigs
    cells = [axes for axes in part.axes if axes.get_title()]
    assert len(cells) == 9
    found = Counter(text.get_text() for axes in cells for text in axes.texts)
    assert found == Counter(edge_name(tree_edges()[number % 7]) for number in range(9 * 12))
    assert all(len(axes.lines) == 12 for axes in cells)
    looks = {edge_name(edge): set[object]() for edge in tree_edges()}
    for axes in cells:
        for line, text in zip(axes.lines, axes.texts, strict=True):
            looks[text.get_text()].add((line.get_color(), line.get_linestyle()))
    assert looks == {
        "id": {(GREY, "-")},
        "avg3": {(BLUE, "--")},
        "max3": {(BLUE, "--")},
        "sep3": {(BLUE, "-")},
        "dil3": {(BLUE, "-")},
        "sep5": {(ORANGE, "-")},
        "sep7": {(RED, "-")},
    }


def test_an_edge_ends_where_those_below_it_begin() -> None:
    (part,) = draw_architectures([TREE_NET]).subfigs
    ends = [np.asarray(line.get_xydata()).tolist() for line in part.axes[0].lines]
    for tree in (ends[:6], ends[6:]):
        root, *_ = tree[0]
        assert [edge[0] for edge in tree] == [root, root, tree[0][1], tree[0][1], tree[1][1], tree[1][1]]
        assert [edge[1][1] for edge in tree] == [0.5, 0.5, 0, 0, 0, 0]
        assert [edge[1][0] for edge in tree[2:]] == sorted(edge[1][0] for edge in tree[2:])
    assert max(x for edge in ends[:6] for x, _ in edge) < min(x for edge in ends[6:] for x, _ in edge)


def test_a_cell_says_its_number_its_channels_its_image_and_its_price() -> None:
    (part,) = draw_architectures([priced(TREE_NET, "board")]).subfigs
    first, *_, fourth = (axes.get_title() for axes in part.axes[:4])
    block = TREE_NET.blocks[4]
    assert first == "1: 4→6→24, 32x32, 0.500 ms"
    assert fourth == f"4: {block.in_channels}→{block.op.hidden_channels}→{block.out_channels} /2, 32x32, 2.000 ms"


def test_nets_with_and_without_trees_share_a_picture() -> None:
    figure = draw_architectures([TREE_NET, NET])
    first, second = figure.subfigs
    assert boxes(first) == []
    assert len(boxes(second)) == 6
    kernels = ["3x3", "5x5", "7x7"]
    assert legend_of(figure) == [*kernels, "other", "pooling 3x3", "identity"]
    assert legend_of(draw_architectures([NET])) == [*kernels, "other"]
    assert legend_of(draw_architectures([TREE_NET])) == [*kernels, "pooling 3x3", "identity"]


@pytest.mark.parametrize("net", [NET, FEW_TREES], ids=["blocks", "trees"])
def test_the_names_of_nets_and_devices_are_no_formulas(net: Architecture, tmp_path: Path) -> None:
    # What matplotlib takes for mathematics, and cannot read.
    net = evolve(net, name=r"costs $\frac{$")
    figure = draw_architectures([priced(net, "$x_1$"), priced(net, "$y$")])
    assert titles(figure)[0].endswith("on $x_1$")
    save_figure(figure, tmp_path / "net.png")
    save_figure(draw_architectures([priced(net, r"$\frac$")]), tmp_path / "net.png")


@pytest.mark.parametrize("kind", [str, Path])
def test_long_titles_and_names_of_operations_stay_in_the_picture(kind: type, tmp_path: Path) -> None:
    net = evolve(NET, name="a net whose name is a sentence")
    figure = draw_architectures([priced(net, "word " * 60), priced(OTHER, "phone")])
    save_figure(figure, kind(tmp_path / "new" / "net.png"))
    renderer = drawn(figure)
    texts = [text for part in figure.subfigs for text in part.findobj(Text) if text.get_text()]
    assert len(texts) > 20
    assert all(figure.bbox.x0 <= text.get_window_extent(renderer).x0 for text in texts)
    assert all(text.get_window_extent(renderer).x1 <= figure.bbox.x1 for text in texts)
    picture = matplotlib.image.imread(tmp_path / "new" / "net.png")
    height, width, _ = picture.shape
    assert (width, height) == tuple(int(side * 130) for side in figure.get_size_inches())


def test_a_box_holds_its_text_and_is_never_higher_than_the_row() -> None:
    wide = MBConvSpec(kernel_size=5, expansion=20, squeeze_excitation=True, activation="hswish")
    low = MBConvSpec(kernel_size=3, expansion=1, squeeze_excitation=True, squeeze_from="input", activation="silu")
    blocks = [BlockSpec(op=op, in_channels=1024, out_channels=1024) for op in (wide, low)]
    head = BlockSpec(op=ClassifierSpec(hidden_channels=4), in_channels=1024, out_channels=1000)
    figure = draw_architectures([Architecture(name="wide", resolution=1024, blocks=(*blocks, head))])
    renderer = drawn(figure)
    (axes,) = figure.subfigs[0].axes
    for box, text in zip(boxes(figure.subfigs[0]), axes.texts[::2], strict=True):
        inside, outside = text.get_window_extent(renderer), box.get_window_extent(renderer)
        assert outside.x0 <= inside.x0
        assert inside.x1 <= outside.x1
        assert outside.y0 <= inside.y0
        assert inside.y1 <= outside.y1
        assert axes.bbox.y0 <= outside.y0
        assert outside.y1 <= axes.bbox.y1


def test_a_kernel_without_a_colour_is_grey() -> None:
    assert [kernel_color(size) for size in (1, 3, 5, 7, 9)] == [GREY, BLUE, ORANGE, RED, GREY]
    large = BlockSpec(op=ConvSpec(kernel_size=9), in_channels=1, out_channels=1)
    (part,) = draw_architectures([Architecture(name="large", resolution=9, blocks=(large,))]).subfigs
    assert [to_hex(box.get_facecolor()) for box in boxes(part)] == [GREY]


def test_there_is_no_picture_of_nothing() -> None:
    with pytest.raises(ValueError, match=r"^there is no net to draw$"):
        draw_architectures([])


@pytest.mark.parametrize("net", [NET, TREE_NET], ids=["blocks", "trees"])
def test_without_matplotlib_the_way_out_is_named(net: Architecture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ModuleNotFoundError, match=r"^pictures need matplotlib: pip install 'pnas-ops\[plot\]'$"):
        draw_architectures([net])
    with pytest.raises(ModuleNotFoundError, match="pictures need matplotlib"):
        new_figure(1, 1)


def test_a_legend_shows_what_lines_look_like() -> None:
    figure = draw_architectures([TREE_NET])
    (legend,) = figure.legends
    *_, pooling, identity = legend.get_lines()
    assert isinstance(pooling, Line2D)
    assert (pooling.get_linestyle(), pooling.get_color(), identity.get_linestyle()) == ("--", BLUE, "-")
