"""The original's names for the layers of a net in its checkpoints.

The names follow from the attributes of its modules, as read in its source. Those of the mobile nets were compared with
the keys of an original net; for CIFAR-10 nets no checkpoint was available.
"""

from collections.abc import Iterator

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.specs import (
    ClassifierSpec,
    ConvSpec,
    EdgeSpec,
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


def layer_names(architecture: Architecture) -> tuple[str, ...]:
    """The original's name of every layer that has weights, in the order of `build_network(architecture).modules()`.

    Raises:
        ValueError: for an operation that the original's nets do not have.
    """
    stem, *middle, head = (block.op for block in architecture.blocks)
    if isinstance(stem, LinearConvSpec):
        names = ["blocks.0.layers.0.conv", "blocks.0.layers.1.bn"]
        for index, op in enumerate(middle, 1):
            names += [f"blocks.{index}.{name}" for name in _tree_block(op)]
        return (*names, f"blocks.{len(middle) + 1}.layers.0.bn", *_head(head, pre_activation=True))
    names = [f"first_conv.{name}" for name in _layer(stem)]
    for index, op in enumerate(middle):
        names += [f"blocks.{index}.mobile_inverted_conv.{name}" for name in _layer(op)]
    return (*names, *_head(head, pre_activation=False))


def _refusal(op: OpSpec) -> ValueError:
    return ValueError(f"the original's checkpoints have no name for {op} at this place")


def _head(op: OpSpec, *, pre_activation: bool) -> tuple[str, ...]:
    if not isinstance(op, ClassifierSpec) or op.pre_activation != pre_activation:
        raise _refusal(op)
    if op.hidden_channels is None:
        return ("classifier.linear",)
    if pre_activation:
        raise _refusal(op)
    return ("feature_mix_layer.conv", "feature_mix_layer.bn", "classifier.linear")


def _layer(op: OpSpec) -> tuple[str, ...]:
    match op:
        case ConvSpec(activation="relu6" | "relu") | GroupedConvSpec(shuffle=False):
            return ("conv", "bn")
        case SeparableConvSpec():
            return ("depth_conv", "point_conv", "bn")
        case MBConvSpec(squeeze_excitation=False, activation="relu6"):
            parts = ("inverted_bottleneck", "depth_conv", "point_linear")[0 if op.expansion > 1 else 1 :]
            return tuple(f"{part}.{layer}" for part in parts for layer in ("conv", "bn"))
        case ZeroSpec() | IdentitySpec() | PoolSpec():
            return ()
    raise _refusal(op)


def _tree_block(op: OpSpec) -> Iterator[str]:
    if not isinstance(op, TreeBlockSpec):
        raise _refusal(op)
    yield from ("in_bottle.bn", "in_bottle.conv", "cell.edges.0.bn", "cell.edges.0.conv")
    split, half = "cell.child_nodes.0", len(op.edges) // 2
    for index, edges in enumerate((op.edges[:half], op.edges[half:])):
        for number, edge in enumerate(edges):
            node = _node(f"{split}.child_nodes.{index}", number // 2)
            yield from (f"{node}.edges.{number % 2}.{name}" for name in _edge(edge))
    yield from (f"{split}.branch_bns.0", f"{split}.branch_bns.1")
    yield from ("out_bottle.bn", "out_bottle.conv", "final_bn")


def _node(tree: str, number: int) -> str:
    """The node at the end of edge `number - 1`, an edge of node `(number - 1) // 2`; 0 is the root."""
    if number == 0:
        return tree
    return f"{_node(tree, (number - 1) // 2)}.child_nodes.{(number - 1) % 2}"


def _edge(op: EdgeSpec) -> tuple[str, ...]:
    match op:
        case PreActivationSeparableConvSpec():
            return ("bn", "depth_conv", "point_conv")
        case PoolSpec() | IdentitySpec():
            return ()
    raise _refusal(op)
