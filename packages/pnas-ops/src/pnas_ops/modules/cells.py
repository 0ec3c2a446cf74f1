"""The modules of cells and stacks of them. Shapes: N images, C channels, H x W pixels."""

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import add

import torch
from torch import Tensor, nn

from pnas_ops.data.cells import CellSpec
from pnas_ops.modules.cell_operations import Nothing


class EdgeOutputs:
    """The outputs of a node's edges, computed when first asked for: an edge that no sum takes is never run.

    Args:
        edges: of the node.
        states: the input of each edge, (N, C, H, W).
    """

    def __init__(self, edges: Sequence[nn.Module], states: Sequence[Tensor]) -> None:
        self._edges, self._states = edges, states
        self._known: dict[int, Tensor] = {}

    def __getitem__(self, number: int) -> Tensor:
        if number not in self._known:
            self._known[number] = self._edges[number](self._states[number])
        return self._known[number]


class Sum(nn.Module):
    """The sum of some of several tensors of equal shape.

    Args:
        taken: the indices of its terms.
    """

    def __init__(self, taken: Iterable[int]) -> None:
        super().__init__()
        self.taken = tuple(taken)

    def forward(self, outputs: EdgeOutputs | Sequence[Tensor]) -> Tensor:
        """Tensors of one shape to their sum; only those that are taken are computed."""
        first, *others = [outputs[number] for number in self.taken]
        # A single term may also be in another sum, which in-place changes of this result must not affect.
        return reduce(add, others, first) if others else first.clone()


class Cell(nn.Module):
    """A graph of edges: one or two of (N, C, H, W) to (N, C or several C, ceil(H / stride), ceil(W / stride)).

    Args:
        cell: its graph; its operations are ignored.
        edges: any modules, one for each edge, node by node; a mixture too.
        sums: for each node, what adds up the outputs of its edges: a `Sum`, or a mixture of several; None for the sum
            of all edges.
    """

    def __init__(self, cell: CellSpec, edges: Sequence[nn.Module], sums: Sequence[nn.Module] | None = None) -> None:
        super().__init__()
        given = iter(edges)
        self.outputs, self.concatenates = cell.outputs, cell.join == "concatenation"
        self.sources = [[edge.source for edge in node] for node in cell.nodes]
        self.edges = nn.ModuleList(nn.ModuleList(next(given) for _ in node) for node in cell.nodes)
        self.sums = nn.ModuleList(sums or [Sum(range(len(node))) for node in cell.nodes])

    def forward(self, *inputs: Tensor) -> Tensor:
        """The inputs, each (N, C, H, W), to the output."""
        states = [*inputs]
        for sources, edges, node in zip(self.sources, self.edges, self.sums, strict=True):
            assert isinstance(edges, nn.ModuleList)
            states.append(_node([states[source] for source in sources], [*edges], node))
        joined = [states[number] for number in self.outputs]
        if len(joined) == 1:
            return joined[0]
        return torch.cat(joined, dim=1) if self.concatenates else reduce(add, joined)

    def keep_what_is_taken(self) -> None:
        """Drops the edges that no node sums up; the sums must be fixed by now."""
        for number, node in enumerate(self.sums):
            assert isinstance(node, Sum)
            edges = self.edges[number]
            assert isinstance(edges, nn.ModuleList)
            self.sources[number] = [self.sources[number][taken] for taken in node.taken]
            self.edges[number] = nn.ModuleList(edges[taken] for taken in node.taken)
            self.sums[number] = Sum(range(len(node.taken)))


def _node(states: Sequence[Tensor], edges: Sequence[nn.Module], node: nn.Module) -> Tensor:
    if not isinstance(node, Sum):
        return node(EdgeOutputs(edges, states))  # type: ignore[no-any-return]
    # Adding zeros would leave an operation in every exported file.
    passing = [taken for taken in node.taken if not isinstance(edges[taken], Nothing)] or node.taken[:1]
    total: Tensor = reduce(add, [edges[taken](states[taken]) for taken in passing])
    return total


class CellStack(nn.Module):
    """Cells in sequence, each of which takes the outputs of the one or two cells before it.

    (N, in, H, W) to (N, out, H / stride, W / stride).

    Args:
        cells: each with the modules that preprocess its inputs, that of the earlier cell first.
        first: applied to the stack's input before the cells; the first cell takes both its input and its output.
    """

    def __init__(self, cells: Sequence[tuple[Sequence[nn.Module], Cell]], first: nn.Module) -> None:
        super().__init__()
        self.first = first
        self.cells = nn.ModuleList(cell for _, cell in cells)
        self.preprocessing = nn.ModuleList(nn.ModuleList(preprocessing) for preprocessing, _ in cells)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in, H, W) to (N, out, H / stride, W / stride)."""
        earlier, latest = x, self.first(x)
        for preprocessing, cell in zip(self.preprocessing, self.cells, strict=True):
            assert isinstance(preprocessing, nn.ModuleList)
            inputs = (earlier, latest)[-len(preprocessing) :]
            states = [prepare(state) for prepare, state in zip(preprocessing, inputs, strict=True)]
            earlier, latest = latest, cell(*states)
        return latest  # type: ignore[no-any-return]


def drop_what_is_not_taken(network: nn.Module) -> nn.Module:
    """The same network, changed in place: its cells lose the edges that no node takes, as in `build_network`."""
    for part in list(network.modules()):
        if isinstance(part, Cell):
            part.keep_what_is_taken()
    return network
