"""What stands in the pictures of cells."""

from collections import Counter

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from cell_nets import DARTS_V2
from pnas_ops import (
    KERNEL_COLORS,
    PricedNet,
    darts_space,
    draw_architectures,
    draw_recurrent_cell,
    nas_bench_201_space,
    read_genotype,
)

NET = read_genotype(DARTS_V2, darts_space(), name="DARTS_V2")
TEXT = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|none~2|"
BENCH = read_genotype(TEXT, nas_bench_201_space())


def panels(figure: Figure) -> list[Axes]:
    return [axes for part in figure.subfigs for axes in part.axes if axes.texts]


def test_every_different_cell_is_drawn_once_with_its_edges() -> None:
    normal, reduction, bench = panels(draw_architectures([NET, BENCH]))
    assert normal.get_title() == "normal: 6 of 36 channels, 6 of 72 channels, 6 of 144 channels"
    assert reduction.get_title() == "reduction: 1 of 72 channels, 1 of 144 channels"
    states = ["in 0", "in 1", "2", "3", "4", "5", "out\nconcat"]
    words = Counter(text.get_text() for text in normal.texts)
    assert words == Counter([*states, *["sep3"] * 5, *["id"] * 2, "dil3"])
    assert Counter(text.get_text() for text in reduction.texts) == Counter([*states, *["max3"] * 5, *["id"] * 3])
    # Edges that are not there are not drawn, and neither is a join of a single state.
    assert Counter(text.get_text() for text in bench.texts) == Counter(
        ["in", "1", "2", "3", "out", "conv3", "avg3", "id", "conv1"]
    )


def test_lines_tell_kernels_poolings_and_identities() -> None:
    _, reduction, bench = panels(draw_architectures([NET, BENCH]))
    looks = [(to_hex(line.get_color()), line.get_linestyle()) for line in reduction.lines]
    assert Counter(looks) == {(KERNEL_COLORS[3], "--"): 5, (KERNEL_COLORS[1], "-"): 3, ("#bbbbbb", "-"): 4}
    widths = {line.get_linewidth() for line in bench.lines if to_hex(line.get_color()) == KERNEL_COLORS[1]}
    assert widths == {1.0, 3.0}  # the identity and the convolution 1x1


def test_edges_end_where_their_states_are() -> None:
    (bench,) = panels(draw_architectures([BENCH]))
    places = {text.get_text(): text.get_position() for text in bench.texts}
    ends = set()
    for line in bench.lines:
        first, *_, last = np.asarray(line.get_xydata()).tolist()
        ends.add((tuple(first), tuple(last)))
    wanted = [("in", "1"), ("1", "2"), ("in", "3"), ("1", "3"), ("3", "out")]
    assert ends == {(places[start], places[end]) for start, end in wanted}


def test_a_priced_net_says_what_its_cells_take() -> None:
    priced = PricedNet(architecture=NET, block_ms=(0.5, 4.25, 0.125), total_ms=4.9, device="board")
    figure = draw_architectures([priced])
    assert all(axes.get_title().endswith("; all cells 4.250 ms") for axes in panels(figure))


def test_a_recurrent_cell_is_what_is_chosen_in_it() -> None:
    (axes,) = draw_recurrent_cell(inputs=2, operations=5, joins=3, blocks=2).axes
    words = Counter(text.get_text() for text in axes.texts)
    assert words["one of 2 states"] == words["one of 5 operations"] == 4
    assert words["one of 3 joins"] == words["h2"] + words["h3"] == 2
    assert axes.get_title() == "(2 x 2 x 5 x 5 x 3)^2 = 9.0e4 cells"
    (axes,) = draw_recurrent_cell(operations=5, joins=2, blocks=60).axes
    assert Counter(text.get_text() for text in axes.texts)["one of 2 joins"] == 8
    assert any("60 blocks in all" in text.get_text() for text in axes.texts)
