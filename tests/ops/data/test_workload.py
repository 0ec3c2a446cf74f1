"""The shape walk against PyTorch's own shapes."""

from typing import Any

import pytest
import torch
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pnas_ops import (
    RELEASED,
    AnyWorkload,
    Architecture,
    Block,
    BlockSpec,
    Space,
    Workload,
    build_block,
    build_network,
    cifar_mbconv_space,
    cifar_tree_space,
    digits_mbconv_space,
    imagenet_mbconv_space,
    released,
    workload_parts,
    workloads,
)
from strategies import architectures, block_specs, search_spaces


@settings(max_examples=40)
@given(architectures())
def test_shapes_are_those_of_a_forward_pass(net: Architecture) -> None:
    seen: list[torch.Size] = []

    def record(module: nn.Module, args: tuple[Tensor]) -> None:
        seen.append(args[0].shape)

    network = build_network(net).eval()
    for block in network:
        block.register_forward_pre_hook(record)
    with torch.inference_mode():
        output = network(torch.rand(1, net.in_channels, net.resolution, net.resolution))

    rows = workloads(net)
    assert [row[0].input_shape for row in rows] == seen
    assert [row[0].block for row in rows] == list(net.blocks)
    assert output.shape == (1, net.classes)


@settings(max_examples=20)
@given(st.data())
def test_every_candidate_of_a_position_gives_the_next_position_its_input(data: st.DataObject) -> None:
    rows = workloads(data.draw(search_spaces()))
    following = [row[0].input_shape for row in rows[1:]]
    for row, shape in zip(rows, following, strict=False):
        assert len({workload.input_shape for workload in row}) == 1
        for workload in row:
            with torch.inference_mode():
                assert build_block(workload.block).eval()(torch.rand(workload.input_shape)).shape == shape


@settings(max_examples=20)
@given(st.data())
def test_a_block_that_computes_nothing_returns_its_input(data: st.DataObject) -> None:
    for workload in {workload for row in workloads(data.draw(search_spaces())) for workload in row}:
        block, x = build_block(workload.block).eval(), torch.rand(workload.input_shape)
        assert isinstance(block, Block)
        with torch.inference_mode():
            assert (block(x) is x) == workload.block.computes_nothing


def test_refuses_an_image_that_the_strides_use_up() -> None:
    with pytest.raises(ValueError, match="resolution 2 of 'small' is used up before block 5"):
        workloads(evolve(digits_mbconv_space(), name="small", resolution=2))


def test_the_name_says_the_block_and_its_image() -> None:
    _, _, (workload, *_), *_ = workloads(digits_mbconv_space())
    assert workload.name == "mb3-3x3 16->24 s2 @16x16"
    assert evolve(workload, width=8).name == "mb3-3x3 16->24 s2 @16x8"
    assert evolve(workload, block=released("proxyless_mobile").blocks[3]).name == "mb3-3x3 32->32 s1 +x @16x16"


def test_the_edges_of_a_block_see_the_image_that_its_stride_leaves() -> None:
    block = next(block for block in released("proxyless_cifar").blocks if block.stride == 2)
    first, *edges = workload_parts(Workload(block=block, height=6, width=9))
    assert (first.height, first.width) == (6, 9)
    assert {(edge.height, edge.width) for edge in edges} == {(3, 5)}
    assert len(edges) == 12


def test_no_two_workloads_of_the_named_spaces_and_nets_share_a_name() -> None:
    nets: list[Space | Architecture] = [imagenet_mbconv_space(), cifar_mbconv_space(), digits_mbconv_space()]
    nets += [cifar_tree_space(), *map(released, RELEASED)]
    found: set[AnyWorkload] = {workload for net in nets for row in workloads(net) for workload in row}
    found |= {part for workload in found for part in workload_parts(workload)}
    assert len(found) > 500
    assert len({workload.name for workload in found}) == len(found)


@given(block_specs(), block_specs(), st.integers(1, 9), st.integers(1, 9), st.data())
def test_workloads_that_differ_anywhere_differ_in_name(
    block: BlockSpec, other: BlockSpec, height: int, width: int, data: st.DataObject
) -> None:
    first = Workload(block=block, height=height, width=width)
    changed = [
        evolve(first, block=other),
        evolve(first, height=height + 1),
        evolve(first, width=width + 1),
        *(evolve(first, block=nearby) for nearby in neighbours(block)),
    ]
    second = data.draw(st.sampled_from(changed))
    assert (first == second) == (first.name == second.name)


def neighbours(block: BlockSpec) -> list[BlockSpec]:
    """Blocks that differ from this one in one field."""
    found = []
    changes: list[dict[str, Any]] = [
        {"stride": block.stride + 1},
        {"residual": not block.residual},
        {"out_channels": 2 * block.out_channels},
    ]
    for change in changes:
        try:
            found.append(evolve(block, **change))
        except ValueError:
            continue
    return found
