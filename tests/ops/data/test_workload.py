"""The shape walk against PyTorch's own shapes."""

import pytest
import torch
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pnas_ops import Architecture, Block, build_block, build_network, digits_mbconv_space, workloads
from strategies import architectures, search_spaces


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
