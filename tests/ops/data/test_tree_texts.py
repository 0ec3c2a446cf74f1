"""What trees are called."""

from pnas_ops import (
    ConvSpec,
    PreActivationSeparableConvSpec,
    TreeBlockSpec,
    edge_name,
    half_edges,
    tree_edges,
    tree_text,
)

SAME, AVERAGE, LARGEST, THREE, DILATED, FIVE, SEVEN = tree_edges()


def test_edges_have_short_names() -> None:
    assert [edge_name(edge) for edge in tree_edges()] == ["id", "avg3", "max3", "sep3", "dil3", "sep5", "sep7"]
    assert edge_name(PreActivationSeparableConvSpec(kernel_size=3, dilation=4)) == "d4-3"
    assert edge_name(ConvSpec(kernel_size=5)) == "conv5"


def test_a_tree_is_a_sum_of_what_its_branches_are() -> None:
    assert tree_text((DILATED, SAME)) == "dil3 + id"
    assert tree_text((SEVEN, SAME, LARGEST, THREE, FIVE, AVERAGE)) == "sep7(max3+sep3) + id(sep5+avg3)"
    # Depth 3: the eight leaves are the last edges, two after each of the four before them.
    deep = (
        SEVEN,
        SAME,
        LARGEST,
        THREE,
        FIVE,
        AVERAGE,
        *(SAME, DILATED),
        *(THREE, THREE),
        *(FIVE, SAME),
        *(SEVEN, LARGEST),
    )
    assert tree_text(deep) == "sep7(max3(id+dil3)+sep3(sep3+sep3)) + id(sep5(sep5+id)+avg3(sep7+max3))"


def test_a_block_has_two_halves() -> None:
    first, second = (SEVEN, SAME, LARGEST, THREE, FIVE, AVERAGE), (SAME, SAME, DILATED, THREE, FIVE, AVERAGE)
    assert half_edges(TreeBlockSpec(hidden_channels=2, edges=(*first, *second))) == (first, second)
