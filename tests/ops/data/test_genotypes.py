"""Cells as DARTS and NAS-Bench-201 write them down."""

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from cell_nets import ALL_CONVOLUTIONS, DARTS_V2
from pnas_ops import (
    BlockSpec,
    CellStackSpec,
    ClassifierSpec,
    ConvSpec,
    GenotypeError,
    cifar_mbconv_space,
    darts_space,
    full_cell,
    genotype_text,
    nas_bench_201_space,
    read_genotype,
)
from strategies import choices

DARTS, BENCH = darts_space(), nas_bench_201_space()
HEAD = BlockSpec(op=ClassifierSpec(hidden_channels=None), in_channels=16, out_channels=10)


@settings(max_examples=25)
@given(st.data())
def test_what_is_written_is_read_back(data: st.DataObject) -> None:
    for space in (DARTS, BENCH):
        net = space.architecture(data.draw(choices(space)), name="net")
        assert read_genotype(genotype_text(net), space, name="net") == net


def test_published_genotypes_are_nets() -> None:
    net = read_genotype(DARTS_V2, DARTS, name="v2")
    (stack,) = (block.op for block in net.blocks if isinstance(block.op, CellStackSpec))
    assert [(str(edge.op), edge.source) for edge in stack.normal.nodes[2]] == [("identity", 0), ("relusep-3x3-x2", 1)]
    assert stack.reduction is not None
    assert [str(edge) for edge in stack.reduction.nodes[1]] == ["maxpool-3x3~1", "identity~2"]
    assert genotype_text(read_genotype(ALL_CONVOLUTIONS, BENCH)) == ALL_CONVOLUTIONS
    assert net.name == "v2"


def test_ranges_and_arguments_in_order_are_the_same() -> None:
    of_ranges = DARTS_V2.replace("[2, 3, 4, 5]", "range(2, 6)")
    in_order = DARTS_V2
    for field in ("normal=", "normal_concat=", "reduce=", "reduce_concat="):
        in_order = in_order.replace(field, "")
    assert read_genotype(of_ranges, DARTS) == read_genotype(in_order, DARTS) == read_genotype(DARTS_V2, DARTS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (DARTS_V2.replace("sep_conv_3x3", "conv_9x9"), "a genotype with the unknown operation 'conv_9x9'"),
        (DARTS_V2.replace("'sep_conv_3x3'", "3"), "a genotype with the unknown operation '3'"),
        (DARTS_V2.replace("sep_conv_3x3", "nor_conv_3x3"), "is not of space 'darts-1'"),
        (DARTS_V2.replace("normal_concat=[2, 3, 4, 5]", "normal_concat=[2, 3, 4]"), "is not of space 'darts-1'"),
        (DARTS_V2.replace("('dil_conv_3x3', 2)", "('dil_conv_3x3', 7)"), r"describes no cell: node 3 .* \[0, 7\]"),
        (DARTS_V2.replace("('dil_conv_3x3', 2)", "('dil_conv_3x3',)"), "describes no cell"),
        (DARTS_V2.replace("[2, 3, 4, 5]", "range(2)"), "is no genotype"),
        (DARTS_V2.replace("[2, 3, 4, 5]", "range(2, 10**9)"), "is no genotype"),
        (DARTS_V2.replace("[2, 3, 4, 5]", "range(2, 1000000000)"), "describes no cell"),
        ("Genotype(normal=[])", "is no genotype"),
        ("print(1)", "is no genotype"),
        ("__import__('os').system('true')", "is no genotype"),
        ("(" * 500, "is no genotype"),
        ("", "is no genotype"),
        ("|nor_conv_3x3~0|+|none~0", "is no genotype"),
        ("|nor_conv_3x3~x|", "is no genotype"),
        (ALL_CONVOLUTIONS, "has normal cells, 'darts-1' normal and reduction"),
    ],
)
def test_refuses_in_one_line_what_is_no_net_of_the_space(text: str, message: str) -> None:
    with pytest.raises(GenotypeError, match=message) as caught:
        read_genotype(text, DARTS)
    assert "\n" not in str(caught.value)
    assert caught.value.way_out


def test_refuses_a_cell_of_another_graph() -> None:
    with pytest.raises(GenotypeError, match="is not of space 'nas-bench-201-1'"):
        read_genotype("|nor_conv_3x3~0|", BENCH)
    with pytest.raises(GenotypeError, match="known are max_pool_3x3, "):
        read_genotype("|conv~0|", BENCH)


def test_a_net_without_a_genotype_is_told() -> None:
    with pytest.raises(GenotypeError, match="'cifar-mbconv-1' has no cells"):
        genotype_text(cifar_mbconv_space().architecture([0] * 9))
    strange = evolve(BENCH, candidates=(ConvSpec(kernel_size=3),))
    with pytest.raises(GenotypeError, match="conv3 has no name in genotypes"):
        genotype_text(strange.architecture([0] * 6))
    cell = full_cell(inputs=1, nodes=2, outputs=(1, 2), join="sum")
    stack = CellStackSpec(channels=16, cells=(1,), normal=cell, preprocessed=False)
    other = evolve(BENCH, body=(BlockSpec(op=stack, in_channels=16, out_channels=16),), head=HEAD)
    with pytest.raises(GenotypeError, match="the cells of 'nas-bench-201-1' are no graphs that genotypes can say"):
        genotype_text(other.architecture([0] * 3))
