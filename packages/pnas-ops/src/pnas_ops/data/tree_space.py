"""The search space of trees: a search finds an operation for every edge (ProxylessNAS, section 4.1)."""

from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from typing import cast

from attrs import evolve, field, frozen
from attrs.validators import deep_iterable, min_len

from pnas_ops.data.architecture import Architecture, check_chain
from pnas_ops.data.base_space import Row, check_candidates
from pnas_ops.data.block_parts import block_parts
from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.cell_space import CellSpace
from pnas_ops.data.network_space import NetworkSpace
from pnas_ops.data.ranges import POSITIVE_INTEGER
from pnas_ops.data.space import PositionSpace, SearchSpace
from pnas_ops.data.specs import EdgeSpec, IdentitySpec, TreeBlockSpec
from pnas_ops.data.tree_texts import edge_name


@frozen(kw_only=True)
class TreeStage:
    """Blocks of trees with bottlenecks of these `widths`, one for each block; the first has `stride`, the others 1."""

    widths: tuple[int, ...] = field(validator=[min_len(1), deep_iterable(POSITIVE_INTEGER)])
    stride: int = field(validator=POSITIVE_INTEGER)


@frozen(kw_only=True, repr=False)
class TreeSpace(PositionSpace):
    """All nets of `stem`, then blocks of trees with one of `candidates` at every edge, then `head`.

    A position is a block without its operations, or one of its edges: the cost of a block is the sum of both.

    Attributes:
        stages: of the blocks.
        expansion: a block's output channels divided by its bottleneck width.
        depth: of every tree; two trees of depth 2 have 12 edges.
        candidates: for every edge.
    """

    stages: tuple[TreeStage, ...] = field(validator=min_len(1))
    expansion: int = field(default=4, validator=POSITIVE_INTEGER)
    depth: int = field(default=2, validator=POSITIVE_INTEGER)
    candidates: tuple[EdgeSpec, ...] = field(validator=min_len(1))

    def __attrs_post_init__(self) -> None:
        check_candidates(self.name, self.candidates)
        check_chain([*self.stem, *self.blocks, self.head])
        for block in self.blocks:
            self.edge_candidates(block)  # refuses what cannot stand there

    @cached_property
    def blocks(self) -> tuple[BlockSpec, ...]:
        """The blocks between stem and head, with an identity at every edge."""
        made = []
        in_channels = self.stem[-1].out_channels
        for stage in self.stages:
            for index, width in enumerate(stage.widths):
                made.append(
                    BlockSpec(
                        op=TreeBlockSpec(hidden_channels=width, edges=(IdentitySpec(),) * self.edges),
                        in_channels=in_channels,
                        out_channels=self.expansion * width,
                        stride=stage.stride if index == 0 else 1,
                    )
                )
                in_channels = self.expansion * width
        return tuple(made)

    @property
    def edges(self) -> int:
        """Edges of a block: two trees with 2 + 4 + ... + 2^depth each."""
        return (4 << self.depth) - 4

    @cached_property
    def positions(self) -> tuple[Row, ...]:
        """Stem; each block without its operations, and the candidates of each of its edges; head."""
        rows: list[Row] = [(block,) for block in self.stem]
        for block in self.blocks:
            rows += [(block,), *[self.edge_candidates(block)] * self.edges]
        return (*rows, (self.head,))

    @cached_property
    def searched(self) -> tuple[int, ...]:
        """The edges."""
        first, step = len(self.stem), 1 + self.edges
        return tuple(i for i in range(first, first + step * len(self.blocks)) if (i - first) % step)

    @property
    def of_whole_blocks(self) -> bool:
        """False: blocks are searched edge by edge."""
        return False

    def edge_candidates(self, block: BlockSpec) -> Row:
        """The candidates at each edge of one of `blocks`."""
        assert isinstance(block.op, TreeBlockSpec)
        hidden = block.op.hidden_channels
        return tuple(BlockSpec(op=op, in_channels=hidden, out_channels=hidden) for op in self.candidates)

    def _blocks(self, chosen: Sequence[BlockSpec]) -> tuple[BlockSpec, ...]:
        edges = [chosen[start : start + self.edges] for start in range(0, len(chosen), self.edges)]
        trees = (_with_edges(block, row) for block, row in zip(self.blocks, edges, strict=True))
        return (*self.stem, *trees, self.head)

    def _shown(self) -> Sequence[tuple[str, BlockSpec]]:
        ends = [(str(block.op), block) for block in (*self.stem, self.head)]
        words = f"one of {' '.join(map(edge_name, self.candidates))} at each of {self.edges} edges"
        return [*ends[:-1], *((words, block) for block in self.blocks), ends[-1]]

    def _taken(self, architecture: Architecture) -> tuple[BlockSpec, ...]:
        return tuple(chain.from_iterable(map(block_parts, architecture.blocks)))


def _with_edges(block: BlockSpec, edges: Sequence[BlockSpec]) -> BlockSpec:
    assert isinstance(block.op, TreeBlockSpec)
    # All of them were candidates.
    ops = cast(tuple[EdgeSpec, ...], tuple(edge.op for edge in edges))
    return evolve(block, op=evolve(block.op, edges=ops))


Space = SearchSpace | TreeSpace | CellSpace | NetworkSpace
"""Any search space."""
