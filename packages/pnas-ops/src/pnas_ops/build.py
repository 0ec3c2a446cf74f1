"""From plain data to modules: the only place that knows both."""

import torch
from torch import nn

from pnas_ops.layers import AveragePool, Block, Bottleneck, Classifier, Conv, GroupedConv, MBConv, SeparableConv, Zero
from pnas_ops.pyramid import LinearConv, PreActivationSeparableConv, TreeBlock
from pnas_ops.space import Architecture
from pnas_ops.specs import (
    BlockSpec,
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
    TreeBlockSpec,
    ZeroSpec,
)

_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu6": nn.ReLU6, "relu": nn.ReLU, "hswish": nn.Hardswish}


def build_op(spec: OpSpec, *, in_channels: int, out_channels: int, stride: int = 1) -> nn.Module:
    """The operation alone, without a shortcut: (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride)).

    Raises:
        TypeError: for a spec that is not an `OpSpec`.
    """
    match spec:
        case ConvSpec():
            conv: nn.Module = Conv(
                in_channels,
                out_channels,
                spec.kernel_size,
                stride,
                dilation=spec.dilation,
                activation_layer=_ACTIVATIONS[spec.activation],
            )
            return conv
        case LinearConvSpec():
            linear: nn.Module = LinearConv(in_channels, out_channels, spec.kernel_size, stride)
            return linear
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
            return Bottleneck(
                in_channels,
                out_channels,
                hidden_channels=out_channels // spec.reduction,
                kernel_size=spec.kernel_size,
                stride=stride,
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
            )
        case TreeBlockSpec():
            hidden = spec.hidden_channels
            return TreeBlock(
                in_channels,
                out_channels,
                hidden_channels=hidden,
                edges=[build_op(edge, in_channels=hidden, out_channels=hidden) for edge in spec.edges],
                stride=stride,
            )
        case PoolSpec(mode="average"):
            return AveragePool(spec.kernel_size, stride=stride)
        case PoolSpec():
            return nn.MaxPool2d(spec.kernel_size, stride, spec.kernel_size // 2)
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
            )
    raise TypeError(f"{spec!r} is not an operation that pnas_ops can build")


def build_block(spec: BlockSpec) -> Block:
    """The block, with its shortcut where it is residual."""
    op = build_op(spec.op, in_channels=spec.in_channels, out_channels=spec.out_channels, stride=spec.stride)
    return Block(op, residual=spec.residual)


def build_network(architecture: Architecture, *, generator: torch.Generator | None = None) -> nn.Sequential:
    """The net as one `Block` a position, in training mode: (N, C, resolution, resolution) to (N, classes).

    Args:
        architecture: the blocks.
        generator: source of the initial weights; PyTorch's global one if None.
    """
    network = nn.Sequential(*(build_block(block) for block in architecture.blocks))
    initialize(network, generator=generator)
    return network


def initialize(module: nn.Module, *, generator: torch.Generator | None = None) -> None:
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
            nn.init.zeros_(part.bias)
