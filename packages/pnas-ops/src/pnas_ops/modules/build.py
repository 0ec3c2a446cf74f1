"""From plain data to modules: the only place that knows both."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from pnas_ops.data.own_operation import OwnOperation, answer
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


def build_op(
    spec: OpSpec, *, in_channels: int, out_channels: int, stride: int = 1, generator: torch.Generator | None = None
) -> nn.Module:
    """The operation alone, without a shortcut: (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride)).

    Args:
        spec: the operation.
        in_channels, out_channels, stride: of its place.
        generator: source of what an operation of one's own draws for itself; PyTorch's global one if None.

    Raises:
        TypeError: for a spec that is not an `OpSpec`.
        OperationError: for an operation of one's own that fails to build.
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
            edges = [
                build_op(edge, in_channels=hidden, out_channels=hidden, generator=generator) for edge in spec.edges
            ]
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
        case OwnOperation():
            with _drawing_from(generator):
                return answer(
                    spec,
                    "build",
                    lambda: spec.build(in_channels=in_channels, out_channels=out_channels, stride=stride),
                )
    raise TypeError(f"{spec!r} is not an operation that pnas_ops can build")


@contextmanager
def _drawing_from(generator: torch.Generator | None) -> Iterator[None]:
    """What is drawn from PyTorch's global generator in the `with` block comes from this one, if there is one."""
    if generator is None:
        yield
        return
    seed = int(torch.randint(2**63 - 1, (), generator=generator, device=generator.device))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def build_block(spec: BlockSpec, *, generator: torch.Generator | None = None) -> Block:
    """The block, with its shortcut where it is residual; `generator` as `build_op` takes it."""
    return Block(_built(spec, generator), residual=spec.residual)


def _built(spec: BlockSpec, generator: torch.Generator | None) -> nn.Module:
    return build_op(
        spec.op,
        in_channels=spec.in_channels,
        out_channels=spec.out_channels,
        stride=spec.stride,
        generator=generator,
    )


def build_network(architecture: Architecture, *, generator: torch.Generator | None = None) -> nn.Sequential:
    """The net as one `Block` a position, in training mode: (N, C, resolution, resolution) to (N, classes).

    Args:
        architecture: the blocks.
        generator: source of the initial weights; PyTorch's global one if None.
    """
    network = nn.Sequential(*(build_block(block, generator=generator) for block in architecture.blocks))
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
            body = [Block(mix(_candidates(row, generator)), residual=row[0].residual) for row in space.mixed]
        case TreeSpace():
            body = [_searched_trees(space, block, mix, generator) for block in space.blocks]
        case _:
            raise TypeError(f"{space!r} is not a space that pnas_ops can build")
    stem = [build_block(block, generator=generator) for block in space.stem]
    network = nn.Sequential(*stem, *body, build_block(space.head, generator=generator))
    initialize_weights(network, generator=generator)
    return network


def _searched_trees(space: TreeSpace, block: BlockSpec, mix: Mix, generator: torch.Generator | None) -> Block:
    row = space.edge_candidates(block)
    trees = TreeBlock(
        block.in_channels,
        block.out_channels,
        hidden_channels=row[0].in_channels,
        edges=[mix(_candidates(row, generator)) for _ in range(space.edges)],
        stride=block.stride,
    )
    return Block(trees, residual=block.residual)


def _candidates(row: Row, generator: torch.Generator | None) -> list[nn.Module]:
    return [_built(block, generator) for block in row]


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
