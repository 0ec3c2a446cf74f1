"""A space without a single MBConv works from plain data to a trained step."""

import torch

from pnas_ops import (
    Architecture,
    BlockSpec,
    ClassifierSpec,
    ConvSpec,
    IdentitySpec,
    SearchSpace,
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
