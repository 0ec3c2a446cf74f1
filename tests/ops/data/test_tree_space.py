"""The space of trees: its nets, its positions and its parts."""

import json
from collections.abc import Callable
from itertools import product

import pytest
import torch
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pnas_ops import (
    Architecture,
    ConvSpec,
    GroupedConvSpec,
    IdentitySpec,
    SearchSpace,
    Space,
    TreeBlockSpec,
    TreeSpace,
    TreeStage,
    build_block,
    build_network,
    build_space,
    cifar_mbconv_space,
    cifar_tree_space,
    digits_mbconv_space,
    from_dict,
    pyramid_tree_architecture,
    released,
    to_json,
    tree_edges,
    workload_parts,
    workloads,
)
from strategies import architectures, choices, search_spaces, tree_spaces


@given(st.data())
def test_choices_and_architecture_are_inverse(data: st.DataObject) -> None:
    space = data.draw(tree_spaces())
    chosen = data.draw(choices(space))
    net = space.architecture(chosen, name="net")
    assert space.choices(net) == chosen
    assert (net.name, net.in_channels, net.classes) == ("net", space.in_channels, space.classes)
    picked = iter(row[choice].op for row, choice in zip(space.mixed, chosen, strict=True))
    for block in net.blocks[1:-1]:
        assert isinstance(block.op, TreeBlockSpec)
        assert all(edge == next(picked) for edge in block.op.edges)


def test_the_released_net_is_of_the_space() -> None:
    space, net = cifar_tree_space(), released("proxyless_cifar")
    chosen = space.choices(net)
    assert len(chosen) == 648
    assert {len(row) for row in space.mixed} == {7}
    assert space.architecture(chosen, name=net.name) == net


def test_a_small_space_has_the_blocks_of_a_small_pyramid() -> None:
    space = cifar_tree_space(0.25, blocks_per_stage=2, classes=3, resolution=16)
    edges = [tree_edges()[:1] * 12] * 6
    pyramid = pyramid_tree_architecture(
        edges, name=space.name, blocks_per_stage=2, stem_channels=4, growth=21, classes=3, resolution=16
    )
    assert space.architecture([0] * 72) == pyramid
    assert space.name == "cifar-tree-0.25-2"


@given(tree_spaces())
def test_positions_are_blocks_without_operations_and_their_edges(space: TreeSpace) -> None:
    rows, step = workloads(space), 1 + space.edges
    assert not space.of_whole_blocks
    assert len(rows) == len(space.stem) + step * len(space.blocks) + 1
    assert [[w.block.op for w in rows[index]] for index in space.searched] == [
        list(space.candidates) for _ in range(space.edges * len(space.blocks))
    ]
    for number, block in enumerate(space.blocks):
        first, *edges = rows[len(space.stem) + step * number :][:step]
        (whole,) = first
        assert whole.block == block
        after = (whole.height + block.stride - 1) // block.stride
        hidden = block.out_channels // space.expansion
        assert {w.input_shape for row in edges for w in row} == {(1, hidden, after, after)}


@given(st.data())
def test_the_parts_of_a_nets_workloads_are_those_of_its_choices(data: st.DataObject) -> None:
    space = data.draw(tree_spaces())
    chosen = data.draw(choices(space))
    net = space.architecture(chosen)
    picks = dict(zip(space.searched, chosen, strict=True))
    expected = [row[picks.get(index, 0)] for index, row in enumerate(workloads(space))]
    assert [part for (workload,) in workloads(net) for part in workload_parts(workload)] == expected


@settings(max_examples=25)
@given(architectures())
def test_other_workloads_are_their_own_parts(net: Architecture) -> None:
    for (workload,) in workloads(net):
        assert workload_parts(workload) == (workload,)


@settings(max_examples=15)
@given(st.data())
def test_shapes_of_parts_are_those_of_a_forward_pass(data: st.DataObject) -> None:
    space = data.draw(tree_spaces())
    net = space.architecture(data.draw(choices(space)))
    for (workload,) in workloads(net):
        seen: list[torch.Size] = []
        block = build_block(workload.block).eval()

        def record(module: nn.Module, args: tuple[Tensor], seen: list[torch.Size] = seen) -> None:
            seen.append(args[0].shape)

        edges = [edge for name, edge in block.named_modules() if name.split(".")[-2:-1] == ["edges"]]
        for edge in edges:
            edge.register_forward_pre_hook(record)
        with torch.inference_mode():
            block(torch.rand(workload.input_shape))
        # The edges of a tree are gone through branch by branch, and all have the same shape.
        assert seen == [part.input_shape for part in workload_parts(workload)[1:]]


@settings(max_examples=20)
@given(st.data())
def test_all_nets_in_one_are_each_of_them(data: st.DataObject) -> None:
    space: Space = data.draw(st.one_of(search_spaces(), tree_spaces()))
    chosen = data.draw(choices(space))
    picks = iter(chosen)
    counts: list[int] = []

    def pick(candidates: list[nn.Module]) -> nn.Module:
        counts.append(len(candidates))
        return candidates[next(picks)]

    picked = build_space(space, pick).eval()
    net = space.architecture(chosen)
    rebuilt = build_network(net).eval()
    rebuilt.load_state_dict(picked.state_dict())
    assert counts == [len(row) for row in space.mixed]
    images = torch.rand(2, *net.input_shape[1:])
    with torch.inference_mode():
        assert torch.equal(picked(images), rebuilt(images))


@settings(max_examples=25)
@given(st.one_of(search_spaces(), tree_spaces()))
def test_a_space_is_read_back_as_what_it_is(space: Space) -> None:
    @frozen
    class Holder:
        space: Space

    document = json.loads(to_json(Holder(space)))
    assert document["space"]["kind"] == type(space).__name__
    assert from_dict({"space": document["space"]}, Holder).space == space
    if isinstance(space, SearchSpace):
        # As it was written before there was another kind.
        del document["space"]["kind"]
        assert from_dict({"space": document["space"]}, Holder).space == space


@pytest.mark.parametrize("build", [cifar_mbconv_space, digits_mbconv_space])
def test_any_number_of_blocks_a_stage(build: Callable[..., SearchSpace]) -> None:
    space, own = build(blocks_per_stage=1), build()
    assert [stage.depth for stage in space.stages] == [1] * len(own.stages)
    assert build(blocks_per_stage=3) == own
    assert space.name == f"{own.name}-1"


def test_refuses_spaces_that_are_none() -> None:
    space = cifar_tree_space(0.25, blocks_per_stage=1)
    with pytest.raises(ValueError, match="names a candidate twice: identity, identity"):
        evolve(space, candidates=(IdentitySpec(), IdentitySpec()))
    with pytest.raises(ValueError, match="group3-3x3 needs channels that are multiples of 3"):
        evolve(space, candidates=(GroupedConvSpec(kernel_size=3, groups=3),))
    with pytest.raises(ValueError, match="hidden_channels must be even"):
        evolve(space, stages=(TreeStage(widths=(3,), stride=1),))
    with pytest.raises(ValueError, match="needs at least as many output channels as input channels, got 16->8"):
        evolve(space, stages=(TreeStage(widths=(4, 2), stride=1),))
    with pytest.raises(ValueError, match=r"gives 16 channels, block 2 .* takes 96"):
        evolve(space, stages=(TreeStage(widths=(4,), stride=1),))
    for wrong in ((), (0,)):
        with pytest.raises(ValueError, match="'widths' must be >= 1"):
            TreeStage(widths=wrong, stride=1)
    with pytest.raises(ValueError, match="a stage needs blocks, got 0"):
        cifar_tree_space(blocks_per_stage=0)


def test_refuses_an_architecture_of_another_space() -> None:
    space = cifar_tree_space(0.25, blocks_per_stage=1)
    net = space.architecture([0] * 36, name="net")
    with pytest.raises(ValueError, match=r"'net' is not of space 'cifar-tree-0\.25-2'"):
        cifar_tree_space(0.25, blocks_per_stage=2).choices(net)
    with pytest.raises(ValueError, match="'net' is not of space 'cifar-mbconv-1'"):
        cifar_mbconv_space().choices(net)
    others = evolve(space, candidates=(ConvSpec(kernel_size=3),))
    with pytest.raises(ValueError, match=r"block 2 \(identity 10->10 s1\) of architecture 'net' is not in space"):
        others.choices(net)
    with pytest.raises(ValueError, match="has 36 searched blocks, got 3 choices"):
        space.architecture([0] * 3)
    for wrong, index in product((-1, 7), (0, 35)):
        chosen = [0] * 36
        chosen[index] = wrong
        with pytest.raises(ValueError, match=f"searched block {index} has candidates 0 to 6, got {wrong}"):
            space.architecture(chosen)
