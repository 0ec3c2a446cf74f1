"""Readable texts for trees and cells."""

from collections.abc import Iterator

from pnas_ops.data.cell_operations import ReluConvSpec, ReluSeparableConvSpec
from pnas_ops.data.cells import CellSpec, CellStackSpec
from pnas_ops.data.specs import (
    CellOpSpec,
    EdgeSpec,
    IdentitySpec,
    PoolSpec,
    PreActivationSeparableConvSpec,
    TreeBlockSpec,
)


def edge_name(edge: CellOpSpec) -> str:
    """A short name for the operation of an edge: "id", "avg3", "max3", "sep5", "dil3" (sep3, dilated by 2), "conv3"."""
    match edge:
        case IdentitySpec():
            return "id"
        case PoolSpec():
            return f"{'avg' if edge.mode == 'average' else 'max'}{edge.kernel_size}"
        case ReluConvSpec():
            return f"conv{edge.kernel_size}"
        case PreActivationSeparableConvSpec() | ReluSeparableConvSpec():
            kind = {1: "sep", 2: "dil"}.get(edge.dilation, f"d{edge.dilation}-")
            return f"{kind}{edge.kernel_size}"
    return str(edge)


def half_edges(spec: TreeBlockSpec) -> tuple[tuple[EdgeSpec, ...], tuple[EdgeSpec, ...]]:
    """The edges of both trees."""
    half = len(spec.edges) // 2
    return spec.edges[:half], spec.edges[half:]


def tree_text(edges: tuple[EdgeSpec, ...]) -> str:
    """A tree as a sum, such as "sep7(max3+id) + id(sep5+avg3)": what is in brackets takes the output before it."""
    return " + ".join(_branches(edges, 0))


def trees_text(spec: TreeBlockSpec) -> str:
    """Both trees as sums, with a bar between them."""
    return " | ".join(map(tree_text, half_edges(spec)))


def cell_text(cell: CellSpec) -> str:
    """A cell node by node, such as "conv3~0 | id~0 conv1~1": each operation and the state that it takes."""
    return " | ".join(" ".join(f"{edge_name(edge.op)}~{edge.source}" for edge in node) for node in cell.nodes)


def cells_texts(spec: CellStackSpec) -> tuple[str, ...]:
    """The number of cells of each kind in a stack, and the cells: "6+6+6 normal: sep3~0 sep3~1 | ..."."""
    counts = {"normal": "+".join(map(str, spec.cells)), "reduction": str(len(spec.cells) - 1)}
    return tuple(f"{counts[kind]} {kind}: {cell_text(cell)}" for kind, cell in spec.kinds.items())


def _branches(edges: tuple[EdgeSpec, ...], node: int) -> Iterator[str]:
    # As in `pnas_ops.Tree`: node n has the edges 2 n and 2 n + 1, and edge e ends at node e + 1.
    for edge in (2 * node, 2 * node + 1):
        following = "+".join(_branches(edges, edge + 1)) if 2 * (edge + 1) < len(edges) else ""
        yield edge_name(edges[edge]) + (f"({following})" if following else "")
