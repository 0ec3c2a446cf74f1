"""The space of cells: its nets, its choices, and the parts that these cost."""

import json
from collections import Counter
from itertools import product
from math import comb, prod

import pytest
import torch
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from cell_nets import DARTS_V2
from pnas_ops import (
    Architecture,
    BlockSpec,
    CellEdge,
    CellSpace,
    CellSpec,
    CellStackSpec,
    ClassifierSpec,
    GroupedConvSpec,
    IdentitySpec,
    LinearConvSpec,
    NoneSpec,
    PoolSpec,
    ReluConvSpec,
    Space,
    ZeroSpec,
    cifar_mbconv_space,
    darts_imagenet_space,
    darts_space,
    from_dict,
    from_json,
    full_cell,
    nas_bench_201_space,
    read_genotype,
    space_from_dict,
    to_json,
    workload_parts,
    workloads,
)
from strategies import cell_spaces, choices

POOL, CONV = PoolSpec(mode="max", kernel_size=3), ReluConvSpec(kernel_size=3)


def tiny_space(taken: int | None = 1, *, inputs: int = 2, nodes: int = 2) -> CellSpace:
    """Normal and reduction cells of two nodes, whose every net can be looked at."""
    cell = full_cell(inputs=inputs, nodes=nodes, outputs=(inputs + nodes - 1,))
    stack = CellStackSpec(channels=2, cells=(1, 1), normal=cell, reduction=cell)
    return CellSpace(
        name="tiny",
        resolution=8,
        stem=(BlockSpec(op=LinearConvSpec(kernel_size=1), in_channels=1, out_channels=2),),
        body=(BlockSpec(op=stack, in_channels=2, out_channels=4, stride=2),),
        candidates=(POOL, CONV),
        taken=taken,
        head=BlockSpec(op=ClassifierSpec(hidden_channels=None), in_channels=4, out_channels=3),
    )


def every_net(space: CellSpace) -> list[Architecture]:
    return [space.architecture(chosen) for chosen in product(*map(range, space.options))]


def test_named_spaces_have_as_many_nets_as_their_papers_say() -> None:
    assert nas_bench_201_space().size() == 15_625
    of_a_cell = prod(comb(node + 2, 2) * 7**2 for node in range(4))
    assert darts_space().size() == darts_imagenet_space().size() == of_a_cell**2
    assert f"{darts_space().size():.2e}" == "1.08e+18"
    assert repr(darts_space()) == "<CellSpace 'darts-1': 34 choices, about 10^18 nets, 32x32x3 to 10 classes>"


@pytest.mark.parametrize("taken", [None, 1, 2])
def test_the_size_is_that_of_all_different_nets(taken: int | None) -> None:
    space = tiny_space(taken, inputs=1)
    assert space.size() == len({net.blocks for net in every_net(space)})


@settings(max_examples=30)
@given(st.data())
def test_choices_and_architecture_are_inverse(data: st.DataObject) -> None:
    space = data.draw(cell_spaces())
    net = space.architecture(data.draw(choices(space)), name="net")
    chosen = space.choices(net)
    assert space.architecture(chosen, name="net") == net
    assert space.has(net)
    assert (net.name, net.in_channels, net.classes) == ("net", space.in_channels, space.classes)


def test_what_is_chosen_at_an_edge_that_no_node_takes_makes_no_other_net() -> None:
    space = tiny_space()
    # Of the normal cell: 2 + 3 edges, then both nodes; each takes its first state, the others' operations are idle.
    first, same, other = [0] * 14, [0, 1, 0, 1, 1, 0, 0, *[0] * 7], [1, *[0] * 13]
    assert space.architecture(first) == space.architecture(same) != space.architecture(other)
    assert space.choices(space.architecture(same)) == tuple(first)


def test_cells_of_a_kind_share_their_choices() -> None:
    space = nas_bench_201_space(blocks_per_stage=2)
    net = space.architecture([3, 0, 1, 2, 4, 3])
    cells = [block.op for block in net.blocks if isinstance(block.op, CellStackSpec)]
    assert len(cells) == 6
    assert len({cell.normal for cell in cells}) == 1
    assert space.mixtures == (*range(6),) * 6
    darts = darts_space(blocks_per_stage=1)
    assert Counter(darts.mixtures) == {**dict.fromkeys(range(17), 3), **dict.fromkeys(range(17, 34), 2)}


def test_random_nets_are_equally_probable() -> None:
    space = tiny_space(inputs=1)
    generator = torch.Generator().manual_seed(0)
    count = 40 * space.size()
    found = Counter(space.sample(generator).blocks for _ in range(count))
    assert len(found) == space.size()
    # Chi-square: its mean is the number of degrees of freedom, its variance twice that.
    statistic = sum((number - 40) ** 2 / 40 for number in found.values())
    assert abs(statistic - (space.size() - 1)) < 4 * (2 * space.size()) ** 0.5


def test_neighbours_differ_in_one_operation_or_in_what_one_node_takes() -> None:
    space = tiny_space(inputs=1)
    net = space.architecture([0, 1, 1, 0, *[0] * 4])
    # Of each cell two operations, and one other input of its second node.
    found = space.neighbours(net)
    assert len({one.blocks for one in found}) == len(found) == 2 * (2 + 1)
    assert all(space.has(one) and one.blocks != net.blocks for one in found)
    for other in every_net(space):
        differing = sum(
            sum(
                one != another
                for one, another in (
                    (edge.op, edge_.op) if part == "op" else (edge.source, edge_.source) for part in ("op", "source")
                )
            )
            for cell, cell_ in zip(cells_of(net), cells_of(other), strict=True)
            for edge, edge_ in zip(cell.edges, cell_.edges, strict=True)
        )
        assert (other.blocks in {one.blocks for one in found}) == (differing == 1)


def cells_of(net: Architecture) -> list[CellSpec]:
    (stack,) = (block.op for block in net.blocks if isinstance(block.op, CellStackSpec))
    return [*stack.kinds.values()]


def test_a_mutation_moves_an_operation_with_its_place_in_the_node() -> None:
    space = darts_space()
    generator = torch.Generator().manual_seed(0)
    net = read_genotype(DARTS_V2, space)
    assert space.mutate(net, generator, probability=0.0) == evolve(net, name=space.name)
    for _ in range(5):
        changed = space.mutate(net, generator, probability=1.0)
        for cell, other in zip(cells_of(net), cells_of(changed), strict=True):
            assert all(edge.op != edge_.op for edge, edge_ in zip(cell.edges, other.edges, strict=True))
    child = space.crossover(net, space.sample(generator), generator)
    assert space.has(child)


def test_the_code_of_a_net_is_that_of_no_other() -> None:
    space = tiny_space(inputs=1)
    nets = {net.blocks: net for net in every_net(space)}
    codes = {tuple(space.encode(net).tolist()) for net in nets.values()}
    assert len(codes) == space.size()
    code = space.encode(space.architecture([0, 1, 1, 0, *[0] * 4]))
    assert code.shape == (sum(space.options),)
    # The edge from the input to the second node is not taken: of its operations there is no 1.
    assert code[:8].tolist() == [1, 0, 0, 0, 0, 1, 0, 1] or code[:8].tolist() == [1, 0, 0, 1, 0, 0, 1, 0]


@settings(max_examples=20)
@given(st.data())
def test_the_parts_of_a_net_are_what_its_choices_cost(data: st.DataObject) -> None:
    space = data.draw(cell_spaces())
    chosen = data.draw(choices(space))
    net = space.architecture(chosen)
    parts = Counter(part for (workload,) in workloads(net) for part in workload_parts(workload))
    terms = Counter(part for term in space.cost_terms() for part in term.of(chosen))
    assert parts == terms
    everywhere = {workload for row in workloads(space) for workload in row}
    assert {*parts} <= everywhere


def test_an_edge_costs_something_where_its_node_takes_it() -> None:
    space = tiny_space()
    edges = [term for term in space.cost_terms() if term.choices]
    assert len(edges) == 2 * (2 + 3)
    assert [term.choices for term in edges[:5]] == [(5, 0), (5, 1), (6, 2), (6, 3), (6, 4)]
    first = edges[0]
    assert first.options == (2, 2)
    assert [len(row) for row in first.computed] == [2, 2, 0, 0]  # two normal cells, of a node that takes it or not
    assert [term.choices for term in nas_bench_201_space().cost_terms()] == [(), *[(number,) for number in range(6)]]


@settings(max_examples=20)
@given(cell_spaces())
def test_a_space_is_read_back_as_what_it_is(space: CellSpace) -> None:
    @frozen
    class Holder:
        space: Space

    document = json.loads(to_json(Holder(space)))
    assert document["space"]["kind"] == "CellSpace"
    assert from_dict({"space": document["space"]}, Holder).space == space
    assert space_from_dict(json.loads(to_json(space))) == space
    net = space.architecture([0] * len(space.options))
    assert from_json(to_json(net), Architecture) == net


def test_says_what_it_is() -> None:
    space = darts_space(blocks_per_stage=2)
    assert "8 cells, one of maxpool-3x3 avgpool-3x3 identity" in str(space)
    assert ", 2 of them into a node" in str(space)
    assert space.option_names[0][2] == "identity"
    assert space.option_names[14] == ("0+1", "0+2", "1+2")
    net = read_genotype(DARTS_V2, space)
    assert "2+2+2 normal: sep3~0 sep3~1 | sep3~0 sep3~1 | id~0 sep3~1 | id~0 dil3~2; 2 reduction: max3~0" in str(net)


def test_refuses_what_is_no_net_of_it() -> None:
    space, other = darts_space(), nas_bench_201_space()
    with pytest.raises(ValueError, match="architecture 'nas-bench-201-1' is not of space 'darts-1'"):
        space.choices(other.architecture([0] * 6))
    net = cifar_mbconv_space().architecture([0] * 9)
    assert not space.has(net)
    assert not space.has("net")
    assert not space.has(darts_space(blocks_per_stage=2).architecture([0] * 34))
    with pytest.raises(ValueError, match="space 'nas-bench-201-1' has 6 choices, got 90"):
        other.architecture([0] * 90)
    with pytest.raises(ValueError, match=r"choice 2 of space .* has options 0 to 4, got 5"):
        other.architecture([0, 0, 5, 0, 0, 0])


def test_refuses_spaces_that_are_none() -> None:
    space = tiny_space()
    with pytest.raises(ValueError, match="names a candidate twice"):
        evolve(space, candidates=(POOL, POOL))
    with pytest.raises(ValueError, match="names a candidate twice"):
        evolve(space, candidates=(NoneSpec(), POOL, NoneSpec()))
    with pytest.raises(ValueError, match="skip cannot stand at an edge of a cell"):
        evolve(space, candidates=(ZeroSpec(),))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="group3-3x3 needs channels that are multiples of 3"):
        evolve(space, candidates=(GroupedConvSpec(kernel_size=3, groups=3),))
    with pytest.raises(ValueError, match="has no cells in its body"):
        evolve(space, body=(BlockSpec(op=LinearConvSpec(kernel_size=1), in_channels=2, out_channels=4),))
    twice = CellSpec(inputs=1, nodes=((CellEdge(source=0, op=POOL), CellEdge(source=0, op=CONV)),), outputs=(1,))
    stack = CellStackSpec(channels=4, cells=(1,), normal=twice)
    with pytest.raises(ValueError, match="a node with two edges from the same state"):
        evolve(space, body=(BlockSpec(op=stack, in_channels=2, out_channels=4),))
    cells = [
        BlockSpec(op=CellStackSpec(channels=4, cells=(1,), normal=cell), in_channels=width, out_channels=4)
        for width, cell in (
            (2, full_cell(inputs=1, nodes=1, outputs=(1,))),
            (4, full_cell(inputs=1, nodes=2, outputs=(1,))),
        )
    ]
    with pytest.raises(ValueError, match="has normal cells of several graphs"):
        evolve(space, body=tuple(cells))
    with pytest.raises(ValueError, match="has the candidate none, which stands at edges of cells alone"):
        evolve(cifar_mbconv_space(), candidates=(NoneSpec(),))


@pytest.mark.parametrize("resolution", [30, 2, 1])
def test_refuses_a_resolution_that_the_strides_do_not_divide(resolution: int) -> None:
    with pytest.raises(ValueError, match=f"resolution {resolution} of 'darts-1'"):
        workloads(darts_space(resolution=resolution))


def test_refuses_cells_that_are_none() -> None:
    edge = CellEdge(source=0, op=IdentitySpec())
    with pytest.raises(ValueError, match=r"node 1 of a cell takes the states \[2\]: .* among the first 2"):
        CellSpec(inputs=1, nodes=((edge,), (CellEdge(source=2, op=POOL),)), outputs=(1,))
    with pytest.raises(ValueError, match=r"a cell joins some of its nodes \[1\], each once, got \(1, 1\)"):
        CellSpec(inputs=1, nodes=((edge,),), outputs=(1, 1))
    with pytest.raises(ValueError, match=r"a cell joins some of its nodes \[1\], each once, got \(0,\)"):
        CellSpec(inputs=1, nodes=((edge,),), outputs=(0,))
    cell = CellSpec(inputs=1, nodes=((edge,), (edge,)), outputs=(1, 2))
    with pytest.raises(ValueError, match="a stack of 2 stages lacks a reduction cell"):
        CellStackSpec(channels=2, cells=(1, 1), normal=cell)
    with pytest.raises(ValueError, match="a stack of 1 stages has no place for a reduction cell"):
        CellStackSpec(channels=2, cells=(1,), normal=cell, reduction=cell)
    with pytest.raises(ValueError, match="a stack of several cells that concatenate needs preprocessed inputs"):
        CellStackSpec(channels=2, cells=(2,), normal=cell, preprocessed=False)
    with pytest.raises(ValueError, match="changes size or channels needs preprocessed inputs"):
        CellStackSpec(channels=2, cells=(1,), normal=cell, preprocessed=False, halved_first=True)
