"""The search space of whole networks: resolution, widths and depths of stages, and operations."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import product
from math import prod

import torch
from attrs import evolve, field, frozen
from attrs.validators import deep_iterable, instance_of, min_len
from torch import Tensor

from pnas_ops.data.architecture import Architecture, check_chain
from pnas_ops.data.base_space import BaseSpace, Row, check_candidates
from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.choice_space import as_shares, check_choices, foreign_net, random_choices
from pnas_ops.data.cost_terms import Condition, CostTerm
from pnas_ops.data.listings import counted, images_to_classes
from pnas_ops.data.network_stage import RISING_NUMBERS, NetworkStage
from pnas_ops.data.specs import ClassifierSpec, MBConvSpec


@frozen(kw_only=True, repr=False)
class NetworkSpace(BaseSpace):
    """All nets of `stem`, then stages of any of their widths and depths with any candidate at each block, then `head`.

    The choices are, in this order, the resolution; then for each stage its width, its depth, and the operation of each
    of its blocks. Blocks beyond the depth do not exist, and their operations do not matter.

    A block's cost depends on its own width, the width before it and the resolution: see `cost_terms`.

    Attributes:
        name: of the space, and of its nets that are given none.
        resolutions: sides in pixels to which images are resized.
        stem: the first blocks, which are not searched.
        stages: of the searched blocks.
        candidates: for every block, without squeeze-excitation. The hidden channels are those of the chosen net: its
            input width times the expansion.
        head: the last block, a classifier without pre-activation, for the largest width of the last stage.
    """

    name: str
    resolutions: tuple[int, ...] = field(validator=RISING_NUMBERS)
    stem: tuple[BlockSpec, ...] = field(validator=min_len(1))
    stages: tuple[NetworkStage, ...] = field(validator=min_len(1))
    candidates: tuple[MBConvSpec, ...] = field(
        validator=[min_len(1), deep_iterable(instance_of(MBConvSpec))]  # masks know how its hidden channels are made
    )
    head: BlockSpec

    def __attrs_post_init__(self) -> None:
        check_candidates(self.name, self.candidates)
        if squeezed := [str(op) for op in self.candidates if op.squeeze_excitation]:
            raise ValueError(
                f"space {self.name!r} has the candidate {squeezed[0]}: how far squeeze-excitation squeezes would "
                "depend on the width; take it without"
            )
        if not isinstance(self.head.op, ClassifierSpec) or self.head.op.pre_activation:
            raise ValueError(
                f"the head of space {self.name!r} is {self.head.op}: channels that a narrow net lacks stay silent in a "
                "classifier without pre-activation alone"
            )
        stride = prod(block.stride for block in self.stem) * prod(stage.stride for stage in self.stages)
        for resolution in self.resolutions:
            if resolution % stride:
                raise ValueError(
                    f"resolution {resolution} of space {self.name!r} is no multiple of {stride}, the product of its "
                    f"strides: take {max(1, round(resolution / stride)) * stride}"
                )
        widest = self.stages[-1].widths[-1]
        if self.head.in_channels != widest:
            raise ValueError(
                f"the head of space {self.name!r} takes {self.head.in_channels} channels, its last stage gives up to "
                f"{widest}"
            )
        check_chain(self.widest.blocks[:-1])

    @property
    def resolution(self) -> int:
        """The largest resolution: that of the images a search is given."""
        return self.resolutions[-1]

    @property
    def of_whole_blocks(self) -> bool:
        """True."""
        return True

    @property
    def widest(self) -> Architecture:
        """The net of the largest resolution, widths and depths, with the first candidate at every block."""
        return self.architecture(
            [0 if kind == "operation" else count - 1 for kind, count in zip(self._kinds, self.options, strict=True)],
            name="widest",
        )

    @cached_property
    def options(self) -> tuple[int, ...]:
        """How many options each choice has."""
        counts = [len(self.resolutions)]
        for stage in self.stages:
            counts += [len(stage.widths), len(stage.depths), *[len(self.candidates)] * stage.deepest]
        return tuple(counts)

    @property
    def positions(self) -> tuple[Row, ...]:
        """All blocks that can be at each place of the deepest net; of any width, so their shapes differ."""
        rows: list[Row] = [(block,) for block in self.stem]
        before: tuple[int, ...] = (self.stem[-1].out_channels,)
        for stage in self.stages:
            pairs = [*product(before, stage.widths)]
            rows.append(tuple(stage.first_block(op, *pair) for pair in pairs for op in self.candidates))
            rows += [tuple(stage.other_block(op, width) for width in stage.widths for op in self.candidates)] * (
                stage.deepest - 1
            )
            before = stage.widths
        return (*rows, tuple(evolve(self.head, in_channels=width) for width in before))

    @property
    def option_names(self) -> tuple[tuple[str, ...], ...]:
        """The options of each choice in words."""
        texts = [_texts("resolution", self.resolutions)]
        for stage in self.stages:
            texts += [_texts("width", stage.widths), _texts("depth", stage.depths)]
            texts += [tuple(map(str, self.candidates))] * stage.deepest
        return tuple(texts)

    def architecture(self, choices: Sequence[int], *, name: str = "") -> Architecture:
        """The net of these choices; those for blocks beyond the depth do not matter.

        Raises:
            ValueError: for a wrong number of choices, or an option that does not exist.
        """
        check_choices(self.name, choices, self.options)
        blocks = [*self.stem]
        for stage, (width, depth, *taken) in zip(self.stages, self._by_stage(choices), strict=True):
            channels = stage.widths[width]
            ops = [self.candidates[choice] for choice in taken[: stage.depths[depth]]]
            blocks.append(stage.first_block(ops[0], blocks[-1].out_channels, channels))
            blocks += [stage.other_block(op, channels) for op in ops[1:]]
        blocks.append(evolve(self.head, in_channels=blocks[-1].out_channels))
        return Architecture(name=name or self.name, resolution=self.resolutions[choices[0]], blocks=tuple(blocks))

    def choices(self, architecture: object) -> tuple[int, ...]:
        """The inverse of `architecture`; 0 for blocks beyond the depth.

        Raises:
            ValueError: for anything but a net of this space.
        """
        if isinstance(architecture, Architecture):
            try:
                found = self._read(architecture)
            except ValueError:  # from a value that is in no tuple of the space
                pass
            else:
                if self.architecture(found, name=architecture.name) == architecture:
                    return found
        raise foreign_net(architecture, self.name)

    def conditions(self) -> tuple[Condition | None, ...]:
        """When each choice matters: the operation of a block only if the depth reaches it."""
        found: list[Condition | None] = [None]
        for stage in self.stages:
            depth = len(found) + 1
            found += [None, None]
            for block in range(stage.deepest):
                reached = frozenset(option for option, blocks in enumerate(stage.depths) if blocks > block)
                found.append(None if len(reached) == len(stage.depths) else Condition(choice=depth, options=reached))
        return tuple(found)

    def size(self) -> int:
        """The exact number of different nets: a stage of d blocks has (candidates)^d combinations of operations."""
        ways = [len(stage.widths) * sum(stage.ways_by_depth(len(self.candidates))) for stage in self.stages]
        return len(self.resolutions) * prod(ways)

    def sample_choices(self, generator: torch.Generator) -> tuple[int, ...]:
        """The choices of a random net; all nets are equally probable, so most are deep.

        Args:
            generator: on the CPU; the same state gives the same choices.
        """
        drawn = [*random_choices(self.options, generator)]
        place = 1
        for stage in self.stages:
            shares = as_shares(stage.ways_by_depth(len(self.candidates)))
            drawn[place + 1] = int(shares.multinomial(1, generator=generator))
            place += 2 + stage.deepest
        return self._canonical(drawn)

    def neighbours(self, net: object) -> tuple[Architecture, ...]:
        """All nets that differ from this one in a single choice; blocks that a larger depth adds are first candidates.

        Raises:
            ValueError: for a net of another space.
        """
        taken = self.choices(net)
        return tuple(
            self.architecture([*taken[:number], option, *taken[number + 1 :]])
            for number, (count, means) in enumerate(zip(self.options, self._means_something(taken), strict=True))
            for option in range(count)
            if means and option != taken[number]
        )

    def encode(self, net: object) -> Tensor:
        """A net in one-hot encoding: a 1 at the option that each choice takes; zeros for blocks beyond the depth.

        Returns:
            Of shape (sum of `options`,), float32.

        Raises:
            ValueError: for a net of another space.
        """
        taken = self.choices(net)
        of_choices = zip(taken, self.options, self._means_something(taken), strict=True)
        return torch.tensor(
            [float(means and option == choice) for choice, count, means in of_choices for option in range(count)]
        )

    def cost_terms(self) -> tuple[CostTerm, ...]:
        """What its nets compute: a term for each block, decided by the resolution, the widths and the operation."""
        return self._cost_terms

    @cached_property
    def _cost_terms(self) -> tuple[CostTerm, ...]:
        # Late: workloads know all spaces.
        from pnas_ops.data.network_terms import network_terms

        return network_terms(self)

    @property
    def _kinds(self) -> list[str]:
        kinds = ["resolution"]
        for stage in self.stages:
            kinds += ["width", "depth", *["operation"] * stage.deepest]
        return kinds

    def _by_stage(self, choices: Sequence[int]) -> Iterator[Sequence[int]]:
        """The choices of each stage: its width, its depth, its operations."""
        place = 1
        for stage in self.stages:
            yield choices[place : place + 2 + stage.deepest]
            place += 2 + stage.deepest

    def _read(self, architecture: Architecture) -> tuple[int, ...]:
        """The choices of an architecture if it is of this space; otherwise a ValueError, or any choices."""
        body = architecture.blocks[len(self.stem) : -1]
        # The first block of a stage is the only one without a shortcut.
        starts = [index for index, block in enumerate(body) if not block.residual]
        found = [self.resolutions.index(architecture.resolution)]
        for stage, start, end in zip(self.stages, starts, [*starts[1:], len(body)], strict=True):
            taken = [self.candidates.index(block.op) for block in body[start:end]]
            found += [stage.widths.index(body[start].out_channels), stage.depths.index(end - start), *taken]
            found += [0] * (stage.deepest - len(taken))
        return tuple(found)

    def _canonical(self, choices: Sequence[int]) -> tuple[int, ...]:
        return tuple(
            choice if means else 0 for choice, means in zip(choices, self._means_something(choices), strict=True)
        )

    def _means_something(self, choices: Sequence[int]) -> list[bool]:
        return [condition is None or choices[condition.choice] in condition.options for condition in self.conditions()]

    def _outline(self) -> str:
        images = images_to_classes(self.resolution, self.in_channels, self.classes)
        more = f", {counted(len(self.resolutions), 'resolution')}" if len(self.resolutions) > 1 else ""
        return f"{counted(len(self.stages), 'stage')}, {self._size_text()}, {images}{more}"

    def _shown(self) -> list[tuple[str, BlockSpec]]:
        """The blocks of the widest net, each with a text for the candidates at its place."""
        blocks = iter(self.widest.blocks)
        shown = [(str(block.op), next(blocks)) for block in self.stem]
        for stage in self.stages:
            widths = f"width one of {' '.join(map(str, stage.widths))}; " if len(stage.widths) > 1 else ""
            for number in range(stage.deepest):
                optional = "perhaps " if number >= stage.depths[0] else ""
                words = f"{optional}one of {' '.join(map(str, self.candidates))}"
                shown.append((f"{'' if number else widths}{words}", next(blocks)))
        return [*shown, (str(self.head.op), next(blocks))]


def _texts(what: str, values: Sequence[int]) -> tuple[str, ...]:
    return tuple(f"{what} {value}" for value in values)
