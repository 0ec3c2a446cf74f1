"""Cells as DARTS and NAS-Bench-201 write them down."""

import ast
import re
from collections.abc import Sequence
from typing import Any

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.cell_space import CellSpace
from pnas_ops.data.cell_spaces import DARTS_OPERATIONS, NAS_BENCH_201_OPERATIONS
from pnas_ops.data.cells import CellEdge, CellKind, CellSpec, CellStackSpec
from pnas_ops.data.errors import PnasError
from pnas_ops.data.listings import shortened
from pnas_ops.data.specs import CellOpSpec

_KNOWN = DARTS_OPERATIONS | NAS_BENCH_201_OPERATIONS
_NAMES = {op: name for name, op in _KNOWN.items()}
_FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")


class GenotypeError(PnasError, ValueError):
    """A text that is no genotype, or that of another space; a net that has no genotype."""


def read_genotype(text: str, space: CellSpace, *, name: str = "") -> Architecture:
    """The net of a space whose cells a genotype describes.

    Args:
        text: "|nor_conv_3x3~0|+|none~0|skip_connect~1|+...", as NAS-Bench-201 writes a cell; or "Genotype(normal=[(
            'sep_conv_3x3', 0), ...], normal_concat=range(2, 6), reduce=[...], reduce_concat=range(2, 6))", as DARTS
            writes two, with two edges for each node. The order of a node's edges is lost.
        space: such as `darts_space()`.
        name: of the net; the space's by default.

    Raises:
        GenotypeError: in one line, for an unknown operation, a text that is no genotype, and a net of another space.
    """
    stripped = text.strip()
    cells = _cells(stripped)
    if cells.keys() != space.kinds.keys():
        raise GenotypeError(
            f"{shortened(stripped)!r} has {' and '.join(cells)} cells, {space.name!r} {' and '.join(space.kinds)}",
            "name a space that has its graph and operations",
        )
    try:
        net = space.with_cells(cells, name=name)
    except ValueError:
        net = None
    if net is None or not space.has(net):
        raise GenotypeError(
            f"{shortened(stripped)!r} is not of space {space.name!r}", "name a space that has its graph and operations"
        )
    return net


def genotype_text(net: Architecture) -> str:
    """The inverse of `read_genotype`, for a net of cells with operations that DARTS or NAS-Bench-201 have.

    Raises:
        GenotypeError: for any other net.
    """
    cells: dict[CellKind, CellSpec] = {}
    for block in net.blocks:
        cells |= block.op.kinds if isinstance(block.op, CellStackSpec) else {}
    if not cells:
        raise GenotypeError(f"{net.name!r} has no cells", "write it as JSON")
    if "reduction" in cells:
        parts = [
            f"{field}={[(_name(edge.op), edge.source) for edge in cell.edges]}, {field}_concat={[*cell.outputs]}"
            for field, cell in (("normal", cells["normal"]), ("reduce", cells["reduction"]))
        ]
        text = f"Genotype({', '.join(parts)})"
    else:
        nodes = ("|".join(f"{_name(edge.op)}~{edge.source}" for edge in node) for node in cells["normal"].nodes)
        text = "+".join(f"|{node}|" for node in nodes)
    if _cells(text) != cells:
        raise GenotypeError(f"the cells of {net.name!r} are no graphs that genotypes can say", "write it as JSON")
    return text


def _cells(text: str) -> dict[CellKind, CellSpec]:
    return _of_text(text) if text.startswith("|") else _of_call(text)


def _of_text(text: str) -> dict[CellKind, CellSpec]:
    nodes = []
    for part in text.split("+"):
        edges = [re.fullmatch(r"(\w+)~(\d+)", edge) for edge in part.strip().strip("|").split("|")]
        if not all(edges) or not part.strip().endswith("|"):
            raise _no_genotype(text)
        nodes.append([(edge[1], int(edge[2])) for edge in edges if edge])
    return {"normal": _cell(text, nodes, inputs=1, outputs=[len(nodes)])}


def _of_call(text: str) -> dict[CellKind, CellSpec]:
    try:
        call = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _no_genotype(text) from None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id != "Genotype":
        raise _no_genotype(text)
    fields = dict(zip(_FIELDS, call.args, strict=False)) | {one.arg: one.value for one in call.keywords}
    if fields.keys() != {*_FIELDS}:
        raise _no_genotype(text)
    found: dict[CellKind, CellSpec] = {}
    kinds: dict[CellKind, str] = {"normal": "normal", "reduction": "reduce"}
    for kind, field in kinds.items():
        edges, outputs = (_literal(text, fields[name]) for name in (field, f"{field}_concat"))
        pairs = [edges[start : start + 2] for start in range(0, len(edges), 2)]
        found[kind] = _cell(text, pairs, inputs=2, outputs=outputs)
    return found


def _literal(text: str, node: ast.expr) -> list[Any]:
    """A list, or a range of two numbers."""
    try:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
            first, end = map(ast.literal_eval, node.args)
            return list(range(first, min(end, first + 100)))
        return list(ast.literal_eval(node))
    except (TypeError, ValueError):
        raise _no_genotype(text) from None


def _cell(text: str, nodes: Sequence[Sequence[Any]], *, inputs: int, outputs: Sequence[Any]) -> CellSpec:
    try:
        edges = [sorted(((_operation(op), source) for op, source in node), key=lambda edge: edge[1]) for node in nodes]
        return CellSpec(
            inputs=inputs,
            nodes=tuple(tuple(CellEdge(source=source, op=op) for op, source in node) for node in edges),
            outputs=tuple(outputs),
        )
    except GenotypeError:
        raise
    except (TypeError, ValueError) as error:
        raise GenotypeError(f"{shortened(text)} describes no cell: {error}", "look at the genotype") from None


def _operation(name: object) -> CellOpSpec:
    if name not in _KNOWN:
        raise GenotypeError(
            f"a genotype with the unknown operation {shortened(str(name))!r}", f"known are {', '.join(_KNOWN)}"
        )
    return _KNOWN[str(name)]


def _name(op: CellOpSpec) -> str:
    if op not in _NAMES:
        raise GenotypeError(f"{op} has no name in genotypes", "write the net as JSON")
    return _NAMES[op]


def _no_genotype(text: str) -> GenotypeError:
    return GenotypeError(
        f"{shortened(text)!r} is no genotype", "write |op~0|+|op~0|op~1|+... or Genotype(normal=[...], ...)"
    )
