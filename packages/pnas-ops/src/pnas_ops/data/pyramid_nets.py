"""ProxylessNAS's CIFAR-10 net with any trees, and the space that it was found in."""

from collections.abc import Sequence

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.space import space_name
from pnas_ops.data.specs import (
    ClassifierSpec,
    EdgeSpec,
    IdentitySpec,
    LinearConvSpec,
    PoolSpec,
    PreActivationSeparableConvSpec,
    TreeBlockSpec,
)
from pnas_ops.data.tree_space import TreeSpace, TreeStage

_END = ClassifierSpec(hidden_channels=None, pre_activation=True)


def tree_edges() -> tuple[EdgeSpec, ...]:
    """The seven operations that the original chooses from at every edge of a tree."""
    return (
        IdentitySpec(),
        PoolSpec(mode="average", kernel_size=3),
        PoolSpec(mode="max", kernel_size=3),
        PreActivationSeparableConvSpec(kernel_size=3),
        PreActivationSeparableConvSpec(kernel_size=3, dilation=2),
        PreActivationSeparableConvSpec(kernel_size=5),
        PreActivationSeparableConvSpec(kernel_size=7),
    )


def pyramid_widths(blocks: int, *, start: int, growth: int) -> tuple[int, ...]:
    """The bottleneck widths of `blocks` blocks: even numbers that grow linearly from `start` to `start + growth`.

    References:
        PyramidNet, arXiv 1610.02915, equation 3; rounded down to even ones, for the two groups.
    """
    return tuple(round(start + growth * number / blocks) // 2 * 2 for number in range(1, blocks + 1))


def pyramid_tree_architecture(
    edges: Sequence[Sequence[EdgeSpec]],
    *,
    name: str,
    blocks_per_stage: int = 18,
    stem_channels: int = 16,
    growth: int = 84,
    expansion: int = 4,
    classes: int = 10,
    resolution: int = 32,
) -> Architecture:
    """A PyramidNet of tree blocks; its defaults are those of the released CIFAR-10 net, which has 54 of them.

    Args:
        edges: the edges of each block, see `TreeBlockSpec`; one row for each block.
        name: of the net.
        blocks_per_stage: every stage but the first begins with a stride of 2.
        stem_channels: of the first convolution; the bottleneck widths grow from this number.
        growth: by how much they have grown at the last block.
        expansion: a block's output channels divided by its bottleneck width.
        classes: of the classifier.
        resolution: of the images, in pixels.

    Raises:
        ValueError: for no blocks, and for rows of edges that fill no trees.
    """
    if not edges or blocks_per_stage < 1:
        raise ValueError(f"a pyramid needs blocks, got {len(edges)} rows of edges, {blocks_per_stage} blocks a stage")
    blocks = [BlockSpec(op=LinearConvSpec(kernel_size=3), in_channels=3, out_channels=stem_channels)]
    widths = pyramid_widths(len(edges), start=stem_channels, growth=growth)
    for number, (row, width) in enumerate(zip(edges, widths, strict=True)):
        blocks.append(
            BlockSpec(
                op=TreeBlockSpec(hidden_channels=width, edges=tuple(row)),
                in_channels=blocks[-1].out_channels,
                out_channels=expansion * width,
                stride=2 if number and number % blocks_per_stage == 0 else 1,
            )
        )
    blocks.append(BlockSpec(op=_END, in_channels=blocks[-1].out_channels, out_channels=classes))
    return Architecture(name=name, resolution=resolution, blocks=tuple(blocks))


def cifar_tree_space(
    width_mult: float = 1.0, *, blocks_per_stage: int = 18, classes: int = 10, resolution: int = 32
) -> TreeSpace:
    """The original's space for CIFAR-10: three stages of tree blocks, with one of `tree_edges` at each of 648 edges.

    Args:
        width_mult: scales all channels.
        blocks_per_stage: blocks of a stage; with few, two CPU cores can search the space.
        classes: of the classifier.
        resolution: of the images, in pixels.

    Raises:
        ValueError: for no blocks, and for a width that leaves a bottleneck without channels.
    """
    if blocks_per_stage < 1:
        raise ValueError(f"a stage needs blocks, got {blocks_per_stage}")
    stem_channels, growth = max(1, round(16 * width_mult)), round(84 * width_mult)
    widths = pyramid_widths(3 * blocks_per_stage, start=stem_channels, growth=growth)
    stages = (widths[start : start + blocks_per_stage] for start in range(0, len(widths), blocks_per_stage))
    return TreeSpace(
        name=space_name("cifar-tree", width_mult, blocks_per_stage, 18),
        resolution=resolution,
        stem=(BlockSpec(op=LinearConvSpec(kernel_size=3), in_channels=3, out_channels=stem_channels),),
        stages=tuple(TreeStage(widths=part, stride=2 if index else 1) for index, part in enumerate(stages)),
        candidates=tree_edges(),
        head=BlockSpec(op=_END, in_channels=4 * widths[-1], out_channels=classes),
    )
