"""A space without a single MBConv works from plain data to a trained step."""

import pytest
import torch
from attrs import evolve

from pnas_ops import (
    Architecture,
    BasicBlockSpec,
    BlockSpec,
    BottleneckSpec,
    ClassifierSpec,
    ConvSpec,
    IdentitySpec,
    SearchSpace,
    ShuffleUnitSpec,
    Stage,
    architecture_macs,
    build_network,
    from_json,
    to_json,
    workloads,
)

SPACE = SearchSpace(
    name="plain",
    resolution=8,
    stem=(BlockSpec(op=ConvSpec(kernel_size=3), in_channels=1, out_channels=4),),
    stages=(Stage(width=8, depth=3, stride=2),),
    candidates=(ConvSpec(kernel_size=1), ConvSpec(kernel_size=3), IdentitySpec()),
    head=BlockSpec(op=ClassifierSpec(hidden_channels=16), in_channels=8, out_channels=3),
    residual=False,
)


def test_works_end_to_end() -> None:
    assert [len(blocks) for blocks in SPACE.mixed] == [2, 3, 3]
    net = SPACE.architecture([1, 2, 0], name="found")

    read = from_json(to_json(net), Architecture)
    network = build_network(read, generator=torch.Generator().manual_seed(0))
    loss = network(torch.rand(4, 1, 8, 8)).logsumexp(1).sum()
    loss.backward()

    assert read == net
    assert [workload.input_shape for (workload,) in workloads(net)] == [
        (1, 1, 8, 8),
        (1, 4, 8, 8),
        (1, 8, 4, 4),
        (1, 8, 4, 4),
        (1, 8, 4, 4),
    ]
    assert architecture_macs(net) == 64 * 4 * 9 + 16 * 8 * 4 * 9 + 16 * 8 * 8 + 16 * 16 * 8 + 16 * 3
    assert all(parameter.grad is not None for parameter in network.parameters())


WITH_SHORTCUTS = evolve(
    SPACE,
    name="with shortcuts",
    candidates=(
        BasicBlockSpec(kernel_size=3, activation="relu", shortcut=True),
        BottleneckSpec(kernel_size=3, reduction=2, groups=2, activation="silu", shortcut=True),
        ShuffleUnitSpec(version="v1", kernel_size=3, groups=2),
        ShuffleUnitSpec(version="v2", kernel_size=5),
        IdentitySpec(),
    ),
)


@pytest.mark.parametrize("candidate", range(4))
def test_blocks_with_a_shortcut_of_their_own_are_candidates_too(candidate: int) -> None:
    # An identity skips a block of stride 1.
    assert [len(blocks) for blocks in WITH_SHORTCUTS.mixed] == [4, 5, 5]
    net = WITH_SHORTCUTS.architecture([candidate] * 3)
    assert from_json(to_json(net), Architecture) == net
    network = build_network(net, generator=torch.Generator().manual_seed(0))
    network(torch.rand(4, 1, 8, 8)).logsumexp(1).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_in_a_residual_space_they_stand_where_the_shape_changes() -> None:
    space = evolve(WITH_SHORTCUTS, residual=True, candidates=(*WITH_SHORTCUTS.candidates[:4], ConvSpec(kernel_size=3)))
    assert [len(blocks) for blocks in space.mixed] == [5, 1, 1]
