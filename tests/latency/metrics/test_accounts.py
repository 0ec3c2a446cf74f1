"""The accounts of pnas_ops and the costs that are counted here: one peak where TFLite's file has no copies."""

import pytest
from attrs import evolve

from pnas_latency import peak_activation_bytes
from pnas_ops import (
    Architecture,
    BlockSpec,
    BottleneckSpec,
    ClassifierSpec,
    ConvSpec,
    MBConvSpec,
    PoolSpec,
    Primitive,
    SeparableConvSpec,
    Workload,
    architecture_account,
    primitives,
    released,
)

PLAIN = [
    BlockSpec(op=ConvSpec(kernel_size=3), in_channels=4, out_channels=12),
    BlockSpec(op=ConvSpec(kernel_size=5, activation="relu"), in_channels=4, out_channels=4, residual=True),
    BlockSpec(op=SeparableConvSpec(kernel_size=5), in_channels=4, out_channels=8),
    BlockSpec(op=BottleneckSpec(kernel_size=3, reduction=4), in_channels=8, out_channels=8, residual=True),
    BlockSpec(op=MBConvSpec(kernel_size=3, expansion=6), in_channels=4, out_channels=4, residual=True),
    BlockSpec(op=MBConvSpec(kernel_size=3, expansion=4, squeeze_excitation=True), in_channels=4, out_channels=8),
    BlockSpec(op=PoolSpec(mode="max", kernel_size=3), in_channels=8, out_channels=8, residual=True),
    BlockSpec(op=ClassifierSpec(hidden_channels=24), in_channels=8, out_channels=3),
]


def peak_of_file(block: BlockSpec) -> float:
    ((peak,),) = peak_activation_bytes("float32").rows([[Workload(block=block, height=6, width=6)]])
    return peak


@pytest.mark.parametrize("block", PLAIN, ids=str)
def test_a_block_without_copies_has_one_peak(block: BlockSpec) -> None:
    net = Architecture(name="", resolution=6, blocks=(block,))
    assert architecture_account(net).peak_activation_bytes == peak_of_file(block)


WITHOUT_COPIES = [
    one
    for one in primitives(32)
    # A padding for a stride of 2 is a copy in a file, and so are the halves of what is split.
    if len(one.blocks) == 1 and not one.name.endswith("/2") and one.name != "shuffle unit v2"
]


@pytest.mark.parametrize("one", WITHOUT_COPIES, ids=lambda one: one.name)
def test_so_has_every_primitive_without_copies(one: Primitive) -> None:
    assert architecture_account(one.net(6)).peak_activation_bytes == peak_of_file(one.blocks[0])


def test_a_padding_for_a_stride_of_two_is_a_copy_in_a_file_only() -> None:
    plain = BlockSpec(op=ConvSpec(kernel_size=3), in_channels=4, out_channels=4)
    halving = evolve(plain, stride=2)
    net = Architecture(name="", resolution=6, blocks=(halving,))
    assert architecture_account(net).peak_activation_bytes == 4 * 4 * (36 + 9)
    assert peak_of_file(halving) == 4 * 4 * (36 + 64)


def test_a_whole_net_has_the_peak_of_its_worst_block() -> None:
    net = released("proxyless_mobile")
    account = architecture_account(net)
    peaks = [
        architecture_account(Architecture(name="", resolution=size, blocks=(block,))).peak_activation_bytes
        for block, size in zip(net.blocks, _sizes(net), strict=True)
        if not block.computes_nothing
    ]
    assert account.peak_activation_bytes == max(peaks)


def _sizes(net: Architecture) -> list[int]:
    sizes = [net.resolution]
    for block in net.blocks[:-1]:
        sizes.append(block.output_size(sizes[-1]))
    return sizes
