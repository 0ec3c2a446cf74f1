"""Builds the modules of operations, blocks and nets given as plain data; `build_space` does the same for spaces."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.cell_operations import (
    FactorizedReduceSpec,
    NoneSpec,
    ReluConvSpec,
    ReluSeparableConvSpec,
    ResidualReductionSpec,
)
from pnas_ops.data.cells import CellStackSpec
from pnas_ops.data.own_operation import OwnOperation, answer
from pnas_ops.data.specs import (
    BasicBlockSpec,
    BottleneckSpec,
    ClassifierSpec,
    ConvSpec,
    GlobalPoolSpec,
    GroupedConvSpec,
    IdentitySpec,
    LinearConvSpec,
    MBConvSpec,
    OpSpec,
    PoolSpec,
    PreActivationSeparableConvSpec,
    SeparableConvSpec,
    ShuffleUnitSpec,
    TreeBlockSpec,
    UpsampleSpec,
    ZeroSpec,
)
from pnas_ops.modules.build_cells import build_cell, build_stack
from pnas_ops.modules.cell_operations import FactorizedReduce, Nothing, ReluConv, ReluSeparableConv, ResidualReduction
from pnas_ops.modules.layers import (
    AveragePool,
    BasicBlock,
    Block,
    Bottleneck,
    Classifier,
    GroupedConv,
    MBConv,
    SeparableConv,
    Shortcut,
    Zero,
    conv_norm,
)
from pnas_ops.modules.shuffle_units import ShuffleUnitV1, ShuffleUnitV2
from pnas_ops.modules.trees import PreActivationSeparableConv, TreeBlock, linear_conv

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu6": nn.ReLU6,
    "relu": nn.ReLU,
    "hswish": nn.Hardswish,
    "silu": nn.SiLU,
}


def build_op(
    spec: OpSpec, *, in_channels: int, out_channels: int, stride: int = 1, generator: torch.Generator | None = None
) -> nn.Module:
    """The operation alone, without a block's shortcut.

    (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride)); upsampling gives `factor` times the sides.

    Args:
        spec: the operation.
        in_channels, out_channels, stride: of its place.
        generator: for what a user-defined operation draws itself; PyTorch's global one if None.

    Raises:
        TypeError: for a spec that is not an `OpSpec`.
        OperationError: for a user-defined operation that fails to build.
    """
    match spec:
        case ConvSpec():
            return conv_norm(
                in_channels,
                out_channels,
                spec.kernel_size,
                stride,
                dilation=spec.dilation,
                activation=_ACTIVATIONS[spec.activation],
            )
        case LinearConvSpec():
            return linear_conv(in_channels, out_channels, spec.kernel_size, stride)
        case PreActivationSeparableConvSpec():
            return PreActivationSeparableConv(
                in_channels, out_channels, kernel_size=spec.kernel_size, stride=stride, dilation=spec.dilation
            )
        case SeparableConvSpec():
            return SeparableConv(
                in_channels, out_channels, kernel_size=spec.kernel_size, stride=stride, dilation=spec.dilation
            )
        case GroupedConvSpec():
            return GroupedConv(
                in_channels,
                out_channels,
                kernel_size=spec.kernel_size,
                groups=spec.groups,
                shuffle=spec.shuffle,
                stride=stride,
            )
        case BottleneckSpec():
            body = Bottleneck(
                in_channels,
                out_channels,
                hidden_channels=out_channels // spec.reduction,
                kernel_size=spec.kernel_size,
                stride=stride,
                groups=spec.groups,
                activation=_ACTIVATIONS[spec.activation],
            )
            return _with_shortcut(spec, body, in_channels, out_channels, stride)
        case BasicBlockSpec():
            convolutions = BasicBlock(
                in_channels,
                out_channels,
                kernel_size=spec.kernel_size,
                stride=stride,
                activation=_ACTIVATIONS[spec.activation],
            )
            return _with_shortcut(spec, convolutions, in_channels, out_channels, stride)
        case ShuffleUnitSpec(version="v1"):
            return ShuffleUnitV1(
                in_channels,
                out_channels,
                kernel_size=spec.kernel_size,
                groups=spec.groups,
                stride=stride,
                activation=_ACTIVATIONS[spec.activation],
            )
        case ShuffleUnitSpec():
            return ShuffleUnitV2(
                in_channels,
                out_channels,
                kernel_size=spec.kernel_size,
                stride=stride,
                activation=_ACTIVATIONS[spec.activation],
            )
        case MBConvSpec():
            return MBConv(
                in_channels,
                out_channels,
                kernel_size=spec.kernel_size,
                expansion=spec.expansion,
                stride=stride,
                squeeze_excitation=spec.squeeze_excitation,
                activation=_ACTIVATIONS[spec.activation],
                squeeze_from=spec.squeeze_from,
            )
        case TreeBlockSpec():
            hidden = spec.hidden_channels
            edges = [
                build_op(edge, in_channels=hidden, out_channels=hidden, generator=generator) for edge in spec.edges
            ]
            return TreeBlock(in_channels, out_channels, hidden_channels=hidden, edges=edges, stride=stride)
        case PoolSpec(mode="average"):
            return AveragePool(spec.kernel_size, stride=stride)
        case PoolSpec():
            return nn.MaxPool2d(spec.kernel_size, stride, spec.kernel_size // 2)
        case UpsampleSpec():
            return nn.Upsample(scale_factor=spec.factor, mode=spec.mode)
        case GlobalPoolSpec():
            return nn.AdaptiveAvgPool2d(1)
        case ZeroSpec():
            return Zero()
        case IdentitySpec():
            return nn.Identity()
        case ClassifierSpec():
            return Classifier(
                in_channels,
                out_channels,
                hidden_channels=spec.hidden_channels,
                pre_activation=spec.pre_activation,
                activation=_ACTIVATIONS[spec.activation],
            )
        case ReluConvSpec():
            return ReluConv(in_channels, out_channels, kernel_size=spec.kernel_size, stride=stride)
        case ReluSeparableConvSpec():
            return ReluSeparableConv(
                in_channels,
                out_channels,
                kernel_size=spec.kernel_size,
                dilation=spec.dilation,
                repeats=spec.repeats,
                stride=stride,
            )
        case FactorizedReduceSpec():
            return FactorizedReduce(in_channels, out_channels)
        case ResidualReductionSpec():
            return ResidualReduction(in_channels, out_channels, stride=stride)
        case NoneSpec():
            return Nothing(stride=stride)
        case CellStackSpec():
            build = partial(build_block_op, generator=generator)
            return build_stack(spec, in_channels, block=build, cell=lambda place: build_cell(place, build))
        case OwnOperation():
            with _drawing_from(generator):
                return answer(
                    spec,
                    "build",
                    lambda: spec.build(in_channels=in_channels, out_channels=out_channels, stride=stride),
                )
    raise TypeError(f"{spec!r} is not an operation that pnas_ops can build")


def _with_shortcut(
    spec: BottleneckSpec | BasicBlockSpec, body: nn.Module, in_channels: int, out_channels: int, stride: int
) -> nn.Module:
    if not spec.shortcut:
        return body
    activation = _ACTIVATIONS[spec.activation]
    return Shortcut(body, in_channels, out_channels, stride=stride, activation=activation)


@contextmanager
def _drawing_from(generator: torch.Generator | None) -> Iterator[None]:
    """In the `with` block, draws from PyTorch's global generator come from this one, if given."""
    if generator is None:
        yield
        return
    seed = int(torch.randint(2**63 - 1, (), generator=generator, device=generator.device))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def build_block(spec: BlockSpec, *, generator: torch.Generator | None = None) -> Block:
    """The block, with its shortcut where it is residual; `generator` as `build_op` takes it."""
    return Block(build_block_op(spec, generator), residual=spec.residual)


def build_block_op(spec: BlockSpec, generator: torch.Generator | None) -> nn.Module:
    """The block's operation alone, as `build_op` makes it."""
    return build_op(
        spec.op,
        in_channels=spec.in_channels,
        out_channels=spec.out_channels,
        stride=spec.stride,
        generator=generator,
    )


def build_network(architecture: Architecture, *, generator: torch.Generator | None = None) -> nn.Sequential:
    """The net as a `Block` for each position, in training mode: (N, C, resolution, resolution) to (N, classes).

    Args:
        architecture: the blocks.
        generator: for the initial weights; PyTorch's global one if None.
    """
    network = nn.Sequential(*(build_block(block, generator=generator) for block in architecture.blocks))
    initialize_weights(network, generator=generator)
    return network


def initialize_weights(module: nn.Module, *, generator: torch.Generator | None = None) -> None:
    """Draws all weights as the original does.

    Convolutions from N(0, 2 / fan_out) (He et al. 2015), linear layers uniformly within 1 / sqrt(inputs), biases zero.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", generator=generator)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.Linear):
            bound = part.in_features**-0.5
            nn.init.uniform_(part.weight, -bound, bound, generator=generator)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
