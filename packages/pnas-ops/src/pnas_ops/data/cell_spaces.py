"""Named spaces of cells, and the operations that they choose from."""

from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.cell_operations import NoneSpec, ReluConvSpec, ReluSeparableConvSpec, ResidualReductionSpec
from pnas_ops.data.cell_space import CellSpace
from pnas_ops.data.cells import CellEdge, CellSpec, CellStackSpec, Join
from pnas_ops.data.space import space_name
from pnas_ops.data.specs import CellOpSpec, ClassifierSpec, IdentitySpec, LinearConvSpec, PoolSpec

DARTS_OPERATIONS: dict[str, CellOpSpec] = {
    "max_pool_3x3": PoolSpec(mode="max", kernel_size=3),
    "avg_pool_3x3": PoolSpec(mode="average", kernel_size=3),
    "skip_connect": IdentitySpec(),
    "sep_conv_3x3": ReluSeparableConvSpec(kernel_size=3, repeats=2),
    "sep_conv_5x5": ReluSeparableConvSpec(kernel_size=5, repeats=2),
    "dil_conv_3x3": ReluSeparableConvSpec(kernel_size=3, dilation=2),
    "dil_conv_5x5": ReluSeparableConvSpec(kernel_size=5, dilation=2),
}
"""DARTS's operations under its own names; its eighth, "none", is in no net that it derives."""

NAS_BENCH_201_OPERATIONS: dict[str, CellOpSpec] = {
    "none": NoneSpec(),
    "skip_connect": IdentitySpec(),
    "nor_conv_1x1": ReluConvSpec(kernel_size=1),
    "nor_conv_3x3": ReluConvSpec(kernel_size=3),
    "avg_pool_3x3": PoolSpec(mode="average", kernel_size=3),
}
"""NAS-Bench-201's operations under its own names."""


def full_cell(*, inputs: int, nodes: int, outputs: tuple[int, ...], join: Join = "concatenation") -> CellSpec:
    """A cell in which every node has an edge, an identity, from every state before it.

    Args:
        inputs: 1 or 2.
        nodes: how many.
        outputs: the nodes that are joined, numbered after the inputs.
        join: how they are joined.
    """
    edges = (
        tuple(CellEdge(source=source, op=IdentitySpec()) for source in range(inputs + node)) for node in range(nodes)
    )
    return CellSpec(inputs=inputs, nodes=tuple(edges), outputs=outputs, join=join)


def nas_bench_201_space(
    width_mult: float = 1.0, *, blocks_per_stage: int = 5, classes: int = 10, resolution: int = 32, in_channels: int = 3
) -> CellSpace:
    """The space of NAS-Bench-201: three stages of equal cells with 16, 32 and 64 channels, 15,625 nets.

    A cell has three nodes after its input, which the paper counts as the first of four. Any two of the four have an
    edge between them, with one of five operations. The last node is the output.

    Args:
        width_mult: scales all channels.
        blocks_per_stage: cells of a stage.
        classes: of the classifier.
        resolution: of the images, in pixels.
        in_channels: of the images.

    Raises:
        ValueError: for no cells.

    References:
        Dong and Yang, arXiv 2001.00326.
    """
    channels = max(1, round(16 * width_mult))
    cell = full_cell(inputs=1, nodes=3, outputs=(3,))
    body: list[BlockSpec] = []
    for stage in range(3):
        width = channels * 2**stage
        if stage > 0:
            op = ResidualReductionSpec()
            body.append(BlockSpec(op=op, in_channels=width // 2, out_channels=width, stride=2))
        stack = CellStackSpec(channels=width, cells=(1,), normal=cell, preprocessed=False)
        body += [BlockSpec(op=stack, in_channels=width, out_channels=width)] * blocks_per_stage
    return CellSpace(
        name=space_name("nas-bench-201", width_mult, blocks_per_stage, 5),
        resolution=resolution,
        stem=(BlockSpec(op=LinearConvSpec(kernel_size=3), in_channels=in_channels, out_channels=channels),),
        body=tuple(body),
        candidates=tuple(NAS_BENCH_201_OPERATIONS.values()),
        head=BlockSpec(
            op=ClassifierSpec(hidden_channels=None, pre_activation=True),
            in_channels=4 * channels,
            out_channels=classes,
        ),
    )


def darts_space(
    width_mult: float = 1.0, *, blocks_per_stage: int = 6, classes: int = 10, resolution: int = 32, in_channels: int = 3
) -> CellSpace:
    """The space of DARTS for CIFAR-10: 20 cells, 36 channels in the first, (180 * 7^8)^2 = 1.08e18 nets.

    A cell takes the outputs of the two cells before it; each of its four nodes takes two of the states before it, with
    one of seven operations on each, and the cell concatenates the nodes. A net is 6 normal cells, a reduction cell, 6
    normal cells, a reduction cell, 6 normal cells. DARTS searches with `blocks_per_stage` 2 and 16 channels, a
    `width_mult` of 16 / 36. It also trains an auxiliary classifier, which is no part of the net.

    Args:
        width_mult: scales all channels.
        blocks_per_stage: normal cells of a stage.
        classes: of the classifier.
        resolution: of the images, in pixels.
        in_channels: of the images.

    Raises:
        ValueError: for no cells. `workloads` refuses a resolution that is no multiple of 4.

    References:
        Liu, Simonyan and Yang, arXiv 1806.09055.
    """
    channels = _even(36 * width_mult)
    stem = BlockSpec(op=LinearConvSpec(kernel_size=3), in_channels=in_channels, out_channels=3 * channels)
    return _darts_space(
        name=space_name("darts", width_mult, blocks_per_stage, 6),
        stem=(stem,),
        channels=channels,
        blocks_per_stage=blocks_per_stage,
        halved_first=False,
        classes=classes,
        resolution=resolution,
    )


def darts_imagenet_space(
    width_mult: float = 1.0, *, blocks_per_stage: int = 4, classes: int = 1000, resolution: int = 224
) -> CellSpace:
    """The space of DARTS for ImageNet: 14 cells, 48 channels in the first, after three convolutions of stride 2.

    Args, errors and reference as for `darts_space`, but the resolution must be a multiple of 32.
    """
    channels = _even(48 * width_mult)
    stem = (
        BlockSpec(op=LinearConvSpec(kernel_size=3), in_channels=3, out_channels=channels // 2, stride=2),
        BlockSpec(op=ReluConvSpec(kernel_size=3), in_channels=channels // 2, out_channels=channels, stride=2),
    )
    return _darts_space(
        name=space_name("darts-imagenet", width_mult, blocks_per_stage, 4),
        stem=stem,
        channels=channels,
        blocks_per_stage=blocks_per_stage,
        halved_first=True,
        classes=classes,
        resolution=resolution,
    )


def _darts_space(
    *,
    name: str,
    stem: tuple[BlockSpec, ...],
    channels: int,
    blocks_per_stage: int,
    halved_first: bool,
    classes: int,
    resolution: int,
) -> CellSpace:
    cell = full_cell(inputs=2, nodes=4, outputs=(2, 3, 4, 5))
    stack = CellStackSpec(
        channels=channels, cells=(blocks_per_stage,) * 3, normal=cell, reduction=cell, halved_first=halved_first
    )
    body = BlockSpec(op=stack, in_channels=stem[-1].out_channels, out_channels=stack.out_channels, stride=stack.stride)
    return CellSpace(
        name=name,
        resolution=resolution,
        stem=stem,
        body=(body,),
        candidates=tuple(DARTS_OPERATIONS.values()),
        taken=2,
        head=BlockSpec(op=ClassifierSpec(hidden_channels=None), in_channels=body.out_channels, out_channels=classes),
    )


def _even(channels: float) -> int:
    return max(2, 2 * round(channels / 2))
