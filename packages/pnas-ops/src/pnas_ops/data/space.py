"""Spaces of nets that are searched position by position."""

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property

from attrs import field, frozen
from attrs.validators import min_len, optional

from pnas_ops.data.architecture import Architecture, check_chain
from pnas_ops.data.base_space import OneResolutionSpace, Row, check_candidates
from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.choice_space import foreign_net
from pnas_ops.data.listings import counted, images_to_classes
from pnas_ops.data.misfits import misfit, resizes
from pnas_ops.data.ranges import POSITIVE_INTEGER
from pnas_ops.data.specs import ClassifierSpec, IdentitySpec, OpSpec, ZeroSpec


@frozen(kw_only=True)
class Stage:
    """`depth` blocks of `width` output channels; the first has `stride`, the others 1."""

    width: int = field(validator=POSITIVE_INTEGER)
    depth: int = field(validator=POSITIVE_INTEGER)
    stride: int = field(validator=POSITIVE_INTEGER)


@frozen(kw_only=True, repr=False)
class PositionSpace(OneResolutionSpace):
    """A space where some positions are searched, each a choice of its own, and the others are the same in all nets."""

    @property
    @abstractmethod
    def searched(self) -> tuple[int, ...]:
        """The indices of the searched positions, in order; the candidates of a position have the same shapes."""

    @abstractmethod
    def _blocks(self, chosen: Sequence[BlockSpec]) -> tuple[BlockSpec, ...]:
        """The blocks of the net with these candidates, one for each searched position."""

    @abstractmethod
    def _taken(self, architecture: Architecture) -> tuple[BlockSpec, ...]:
        """The net's block at every position; any blocks for a net of another space."""

    @property
    def mixed(self) -> tuple[Row, ...]:
        """The candidates of each searched position, in the order of the net."""
        positions = self.positions
        return tuple(positions[index] for index in self.searched)

    @property
    def option_names(self) -> tuple[tuple[str, ...], ...]:
        """The names of each choice's options."""
        return tuple(tuple(str(block.op) for block in row) for row in self.mixed)

    @property
    def options(self) -> tuple[int, ...]:
        """How many candidates each searched position has."""
        return tuple(map(len, self.mixed))

    def architecture(self, choices: Sequence[int], *, name: str = "") -> Architecture:
        """The net that takes candidate `choices[i]` at searched position i.

        Raises:
            ValueError: for a wrong number of choices, or a candidate that does not exist.
        """
        mixed = self.mixed
        if len(choices) != len(mixed):
            raise ValueError(f"space {self.name!r} has {len(mixed)} searched blocks, got {len(choices)} choices")
        for index, (choice, blocks) in enumerate(zip(choices, mixed, strict=True)):
            if not 0 <= choice < len(blocks):
                raise ValueError(f"searched block {index} has candidates 0 to {len(blocks) - 1}, got {choice}")
        chosen = [blocks[choice] for choice, blocks in zip(choices, mixed, strict=True)]
        return Architecture(name=name or self.name, resolution=self.resolution, blocks=self._blocks(chosen))

    def choices(self, architecture: object) -> tuple[int, ...]:
        """The inverse of `architecture`.

        Raises:
            ValueError: for anything but a net of this space.
        """
        if not isinstance(architecture, Architecture):
            raise foreign_net(architecture, self.name)
        positions, taken = self.positions, self._taken(architecture)
        if architecture.resolution != self.resolution or len(taken) != len(positions):
            raise foreign_net(architecture, self.name)
        for index, (block, blocks) in enumerate(zip(taken, positions, strict=True)):
            if block not in blocks:
                raise ValueError(
                    f"block {index} ({block}) of architecture {architecture.name!r} is not in space {self.name!r}"
                )
        return tuple(positions[index].index(taken[index]) for index in self.searched)

    def _outline(self) -> str:
        searched = counted(len(self.searched), "searched block" if self.of_whole_blocks else "searched edge")
        return f"{searched}, {self._size_text()}, {images_to_classes(self.resolution, self.in_channels, self.classes)}"


@frozen(kw_only=True, repr=False)
class SearchSpace(PositionSpace):
    """All nets of `stem`, then one of `candidates` at each block of `stages`, then `head`.

    With `residual`, a block that keeps its shape (stride 1, equal widths) has a shortcut, and `ZeroSpec` may be a
    candidate there; without, `IdentitySpec` may. Any other operation is a candidate wherever it is possible: pooling
    where the widths are equal, groups and reductions where they divide the channels. Blocks that change the shape have
    candidates of their own if `reducing_candidates` names them.
    """

    stages: tuple[Stage, ...] = field(validator=min_len(1))
    candidates: tuple[OpSpec, ...] = field(validator=min_len(1))
    residual: bool = True
    reducing_candidates: tuple[OpSpec, ...] | None = field(default=None, validator=optional(min_len(1)))

    def __attrs_post_init__(self) -> None:
        check_candidates(self.name, self.candidates)
        check_candidates(self.name, self.reducing_candidates or ())
        everywhere = (*self.candidates, *(self.reducing_candidates or ()))
        if any(isinstance(op, ClassifierSpec) for op in everywhere):
            raise ValueError(f"space {self.name!r} has a classifier among its candidates: it can only be the head")
        if resizing := [op for op in everywhere if resizes(op)]:
            raise ValueError(f"space {self.name!r} has {resizing[0]} among its candidates: it has another output size")
        mixed = self.mixed
        if any(not blocks for blocks in mixed):
            raise ValueError(f"space {self.name!r} has a block at which none of its candidates can stand")
        placed = {block.op for blocks in mixed for block in blocks}
        for op in everywhere:
            # A space needs only one of the two ways to skip a block, but may name both.
            if op not in placed and not isinstance(op, ZeroSpec | IdentitySpec):
                raise ValueError(f"space {self.name!r} has the candidate {op}, which can stand at none of its blocks")
        check_chain([blocks[0] for blocks in self.positions])

    @cached_property
    def positions(self) -> tuple[Row, ...]:
        """The candidate blocks of every position: one for stem and head, several for the searched ones."""
        rows: list[Row] = [(block,) for block in self.stem]
        in_channels = self.stem[-1].out_channels
        for stage in self.stages:
            for index in range(stage.depth):
                rows.append(self._candidate_blocks(in_channels, stage.width, stage.stride if index == 0 else 1))
                in_channels = stage.width
        return (*rows, (self.head,))

    @property
    def searched(self) -> tuple[int, ...]:
        """All but stem and head."""
        return tuple(range(len(self.stem), len(self.stem) + sum(stage.depth for stage in self.stages)))

    @property
    def of_whole_blocks(self) -> bool:
        """True."""
        return True

    def _blocks(self, chosen: Sequence[BlockSpec]) -> tuple[BlockSpec, ...]:
        return (*self.stem, *chosen, self.head)

    def _taken(self, architecture: Architecture) -> tuple[BlockSpec, ...]:
        return architecture.blocks

    def _shown(self) -> Sequence[tuple[str, BlockSpec]]:
        searched = frozenset(self.searched)
        return [
            (f"one of {' '.join(str(block.op) for block in row)}" if index in searched else str(row[0].op), row[0])
            for index, row in enumerate(self.positions)
        ]

    def _candidate_blocks(self, in_channels: int, out_channels: int, stride: int) -> Row:
        keeps_shape = stride == 1 and in_channels == out_channels
        residual = self.residual and keeps_shape
        candidates = self.candidates if keeps_shape else self.reducing_candidates or self.candidates
        return tuple(
            BlockSpec(op=op, in_channels=in_channels, out_channels=out_channels, stride=stride, residual=residual)
            for op in candidates
            if misfit(op, in_channels, out_channels, stride=stride, residual=residual) is None
        )


def space_name(kind: str, width_mult: float, blocks_per_stage: int, usual: int) -> str:
    """The name of a named space at a width and depth: "cifar-mbconv-0.5", with "-2" if 2 blocks are unusual."""
    return f"{kind}-{width_mult:g}" + ("" if blocks_per_stage == usual else f"-{blocks_per_stage}")
