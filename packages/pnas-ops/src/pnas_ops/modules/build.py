"""From plain data to modules: the only place that knows both."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import nn

from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.cell_operations import (
    FactorizedReduceSpec,
    NoneSpec,
    ReluConvSpec,
    ReluSeparableConvSpec,
    ResidualReductionSpec,
)
from pnas_ops.data.cell_space import CellSpace
from pnas_ops.data.cells import CellStackSpec
from pnas_ops.data.network_space import NetworkSpace
from pnas_ops.data.own_operation import OwnOperation, answer
from pnas_ops.data.space import Architecture, Row, SearchSpace
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
from pnas_ops.data.tree_space import Space, TreeSpace
from pnas_ops.modules.build_cells import build_cell, build_mixed_cell, build_stack
from pnas_ops.modules.cell_operations import FactorizedReduce, Nothing, ReluConv, ReluSeparableConv, ResidualReduction
from pnas_ops.modules.elastic import ElasticMBConv, ElasticNetwork, ElasticStage, Mix, Option
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

    (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride)); an upsampling has `factor` times the pixels.

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
            build = partial(_built, generator=generator)
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


def build_space(space: Space, mix: Mix, *, generator: torch.Generator | None = None) -> nn.Module:
    """All nets of a space in one, as `build_network` builds each of them, with a mixture for every choice.

    Args:
        space: the search space.
        mix: called with the options of each choice, in the order of `space.options`: the candidates of a searched
            position, or what says which width, depth or resolution is taken. Cells that share a choice have a mixture
            each, in the order of `space.mixtures`.
        generator: source of the initial weights; PyTorch's global one if None.

    Raises:
        TypeError: for a space that is not a `Space`.
    """
    match space:
        case SearchSpace():
            body = [Block(mix(_candidates(row, generator)), residual=row[0].residual) for row in space.mixed]
        case TreeSpace():
            body = [_searched_trees(space, block, mix, generator) for block in space.blocks]
        case CellSpace():
            body = [_searched_cells(space, block, mix, generator) for block in space.body]
        case NetworkSpace():
            elastic = _elastic(space, mix, generator)
            initialize_weights(elastic, generator=generator)
            return elastic
        case _:
            raise TypeError(f"{space!r} is not a space that pnas_ops can build")
    stem = [build_block(block, generator=generator) for block in space.stem]
    network = nn.Sequential(*stem, *body, build_block(space.head, generator=generator))
    initialize_weights(network, generator=generator)
    return network


def _elastic(space: NetworkSpace, mix: Mix, generator: torch.Generator | None) -> ElasticNetwork:
    def choice(count: int) -> nn.Module:
        return mix([Option(number, count) for number in range(count)])

    resolution = choice(len(space.resolutions))
    stages = []
    in_channels = space.stem[-1].out_channels
    for stage in space.stages:
        width, depth = choice(len(stage.widths)), choice(len(stage.depths))
        widest = stage.widths[-1]
        rows = [[stage.first_block(op, in_channels, widest) for op in space.candidates]]
        rows += [[stage.other_block(op, widest) for op in space.candidates]] * (stage.deepest - 1)
        stages.append(
            ElasticStage(stage, width=width, depth=depth, blocks=[mix(_elastic_ops(row, generator)) for row in rows])
        )
        in_channels = widest
    stem = [build_block(block, generator=generator) for block in space.stem]
    head = build_block(space.head, generator=generator)
    return ElasticNetwork(space, resolution=resolution, stem=stem, stages=stages, head=head)


def _elastic_ops(row: Sequence[BlockSpec], generator: torch.Generator | None) -> list[nn.Module]:
    made: list[nn.Module] = []
    for block in row:
        op = _built(block, generator)
        assert isinstance(block.op, MBConvSpec)
        assert isinstance(op, MBConv)
        made.append(ElasticMBConv(op, expansion=block.op.expansion))
    return made


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


def _searched_cells(space: CellSpace, block: BlockSpec, mix: Mix, generator: torch.Generator | None) -> Block:
    if not isinstance(block.op, CellStackSpec):
        return build_block(block, generator=generator)
    build = partial(_built, generator=generator)
    stack = build_stack(
        block.op,
        block.in_channels,
        block=build,
        cell=lambda place: build_mixed_cell(place, space.kinds[place.kind], build, mix),
    )
    return Block(stack, residual=False)


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
