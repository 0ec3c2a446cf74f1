"""From plain data to modules: the only place that knows both."""

from collections.abc import Callable

import torch
from torch import nn

from pnas_ops.data.space import Architecture, Row, SearchSpace
from pnas_ops.data.specs import (
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
from pnas_ops.data.tree_space import Space, TreeSpace
from pnas_ops.modules.layers import (
    AveragePool,
    Block,
    Bottleneck,
    Classifier,
    GroupedConv,
    MBConv,
    SeparableConv,
    Zero,
    conv_norm,
)
from pnas_ops.modules.trees import PreActivationSeparableConv, TreeBlock, linear_conv

_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu6": nn.ReLU6, "relu": nn.ReLU, "hswish": nn.Hardswish}


def build_op(spec: OpSpec, *, in_channels: int, out_channels: int, stride: int = 1) -> nn.Module:
    """The operation alone, without a shortcut: (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride)).

    Raises:
        TypeError: for a spec that is not an `OpSpec`.
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
            edges = [build_op(edge, in_channels=hidden, out_channels=hidden) for edge in spec.edges]
            return TreeBlock(in_channels, out_channels, hidden_channels=hidden, edges=edges, stride=stride)
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
    initialize_weights(network, generator=generator)
    return network


Mix = Callable[[list[nn.Module]], nn.Module]
"""Makes one module of the candidates of one position, such as `pnas_supernet.MixedOp`."""


def build_space(space: Space, mix: Mix, *, generator: torch.Generator | None = None) -> nn.Sequential:
    """All nets of a space in one, as `build_network` builds each of them, with a mixture at every searched position.

    Args:
        space: the search space.
        mix: called with the candidates of each searched position, in the order of `space.mixed`.
        generator: source of the initial weights; PyTorch's global one if None.

    Raises:
        TypeError: for a space that is not a `Space`.
    """
    match space:
        case SearchSpace():
            body = [Block(mix(_candidates(row)), residual=row[0].residual) for row in space.mixed]
        case TreeSpace():
            body = [_searched_trees(space, block, mix) for block in space.blocks]
        case _:
            raise TypeError(f"{space!r} is not a space that pnas_ops can build")
    network = nn.Sequential(*map(build_block, space.stem), *body, build_block(space.head))
    initialize_weights(network, generator=generator)
    return network


def _searched_trees(space: TreeSpace, block: BlockSpec, mix: Mix) -> Block:
    row = space.edge_candidates(block)
    trees = TreeBlock(
        block.in_channels,
        block.out_channels,
        hidden_channels=row[0].in_channels,
        edges=[mix(_candidates(row)) for _ in range(space.edges)],
        stride=block.stride,
    )
    return Block(trees, residual=block.residual)


def _candidates(row: Row) -> list[nn.Module]:
    return [build_op(b.op, in_channels=b.in_channels, out_channels=b.out_channels, stride=b.stride) for b in row]


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
            nn.init.zeros_(part.bias)
