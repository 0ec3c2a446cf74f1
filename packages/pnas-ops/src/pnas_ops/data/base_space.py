"""What all spaces of block-based nets have in common."""

from abc import abstractmethod
from collections.abc import Sequence

from attrs import field, frozen
from attrs.validators import min_len

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.cell_operations import NoneSpec
from pnas_ops.data.choice_space import ChoiceSpace
from pnas_ops.data.listings import block_rows, html_listing, listing, shortened
from pnas_ops.data.ranges import POSITIVE_INTEGER

Row = tuple[BlockSpec, ...]
"""The candidates of one position."""


class BaseSpace(ChoiceSpace[Architecture]):
    """A space of nets of blocks that begin with the same `stem` and end with the same `head`.

    The subclasses declare the fields, since files keep their order.

    Attributes:
        name: of the space, and of its nets that are given none.
        stem: the first blocks, which are not searched.
        head: the last block, which is not searched.
    """

    __slots__ = ()

    name: str
    stem: tuple[BlockSpec, ...]
    head: BlockSpec

    @property
    @abstractmethod
    def resolution(self) -> int:
        """Side in pixels of the images that a search is given."""

    @property
    @abstractmethod
    def positions(self) -> tuple[Row, ...]:
        """All blocks that can stand at each place, in the order of the net."""

    @property
    @abstractmethod
    def of_whole_blocks(self) -> bool:
        """Whether each position is a block of a net, and not an edge inside one."""

    @abstractmethod
    def _outline(self) -> str:
        """A summary: what there is to choose, how many nets there are, and their inputs and outputs."""

    @abstractmethod
    def _shown(self) -> Sequence[tuple[str, BlockSpec]]:
        """The blocks of a net, each with a text for the candidates at its place."""

    @property
    def in_channels(self) -> int:
        """Channels of an image."""
        return self.stem[0].in_channels

    @property
    def classes(self) -> int:
        """Outputs of the head."""
        return self.head.out_channels

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {shortened(self.name)!r}: {self._outline()}>"

    def __str__(self) -> str:
        return listing(f"{self.name}: {self._outline()}", block_rows(self._shown(), self.resolution))

    def _repr_html_(self) -> str:
        return html_listing(f"{self.name}: {self._outline()}", block_rows(self._shown(), self.resolution))


@frozen(kw_only=True, repr=False)
class OneResolutionSpace(BaseSpace):
    """A space whose nets all take images of one size.

    A net is a walk through the `positions`. These have latencies, and the cost of a net is the sum over them.

    Attributes:
        resolution: side of the images in pixels.
    """

    name: str
    resolution: int = field(validator=POSITIVE_INTEGER)
    stem: tuple[BlockSpec, ...] = field(validator=min_len(1))
    head: BlockSpec


def check_candidates(name: str, candidates: Sequence[object], *, in_cells: bool = False) -> None:
    """Refuses a space that names a candidate twice, or, unless `in_cells`, one that can only be in cells."""
    if not in_cells and any(isinstance(op, NoneSpec) for op in candidates):
        raise ValueError(f"space {name!r} has the candidate none, which stands at edges of cells alone")
    names = list(map(str, candidates))
    if len(set(candidates)) != len(candidates) or len(set(names)) != len(names):
        raise ValueError(f"space {name!r} names a candidate twice: {', '.join(names)}")
