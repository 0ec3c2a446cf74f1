"""Nets that halve, keep or double the feature map at each layer: paths through a trellis of resolutions."""

from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise, product

import torch
from attrs import evolve, field, frozen
from attrs.validators import min_len

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.choice_space import ChoiceSpace, as_shares, foreign_net, random_changes
from pnas_ops.data.cost_terms import CostTerm
from pnas_ops.data.listings import counted, images_to_classes, shortened
from pnas_ops.data.ranges import POSITIVE_INTEGER
from pnas_ops.data.sizes import trellis_paths
from pnas_ops.data.specs import OpSpec, UpsampleSpec

_UPSAMPLE = UpsampleSpec(mode="bilinear", factor=2)


@frozen(kw_only=True, repr=False)
class TrellisSpace(ChoiceSpace[Architecture]):
    """All paths of `layers` layers through levels of resolution, between `stem` and `head`.

    A net is the level of each of its layers. The first is at the finest level. Each later one is a level coarser
    (stride 2, twice the channels), at the same level, or a level finer (half the channels, then twice the height and
    width), as in Auto-DeepLab (arXiv 1901.02985). So a layer's level depends on the one before: not every combination
    of `options` is a net.

    Attributes:
        name: of the space, and of its nets that are given none.
        resolution: side of the images in pixels.
        stem: the first blocks; the last gives the channels of the finest level.
        layers: number of layers of a net.
        levels: number of resolutions, each half of the one before.
        op: of every layer.
        head: the last block, for the finest level.
    """

    name: str
    resolution: int = field(validator=POSITIVE_INTEGER)
    stem: tuple[BlockSpec, ...] = field(validator=min_len(1))
    layers: int = field(validator=POSITIVE_INTEGER)
    levels: int = field(validator=POSITIVE_INTEGER)
    op: OpSpec
    head: BlockSpec

    def __attrs_post_init__(self) -> None:
        if self._finest % (1 << self.levels - 1):
            raise ValueError(
                f"the {self._finest} pixels after the stem of space {self.name!r} cannot be halved {self.levels - 1} "
                f"times: take fewer levels, or a multiple of {1 << self.levels - 1}"
            )
        self.architecture([0] * self.layers)  # refuses what cannot stand there
        for level in range(self.levels):
            for before in self._near(level):
                self.layer(before, level)

    @property
    def options(self) -> tuple[int, ...]:
        """The number of levels that each layer can have; that of layer i, counted from 0, is at most i."""
        return tuple(min(layer + 1, self.levels) for layer in range(self.layers))

    def size(self) -> int:
        """The exact number of paths: see `trellis_paths`."""
        return trellis_paths(layers=self.layers, levels=self.levels)

    def architecture(self, choices: Sequence[int], *, name: str = "") -> Architecture:
        """The net whose layers are at these levels, 0 being the finest.

        Raises:
            ValueError: for a wrong number of layers, a level that does not exist, and adjacent layers two levels apart.
        """
        if len(choices) != self.layers:
            raise ValueError(f"space {self.name!r} has {self.layers} layers, got {len(choices)}")
        for layer, (level, count) in enumerate(zip(choices, self.options, strict=True)):
            if not 0 <= level < count:
                raise ValueError(f"layer {layer} of space {self.name!r} has levels 0 to {count - 1}, got {level}")
        blocks = [*self.stem]
        for before, level in pairwise((0, *choices)):
            if abs(level - before) > 1:
                raise ValueError(f"a path goes from level {before} to one next to it, got {level}")
            blocks += self.layer(before, level)
        head = evolve(self.head, in_channels=self._channels(choices[-1]))
        return Architecture(name=name or self.name, resolution=self.resolution, blocks=(*blocks, head))

    def layer(self, before: int, level: int) -> tuple[BlockSpec, ...]:
        """The blocks of a layer, by the level before it and its own; a path costs the sum over its layers."""
        inside, outside = self._channels(before), self._channels(level)
        block = BlockSpec(op=self.op, in_channels=inside, out_channels=outside, stride=2 if level > before else 1)
        up = (BlockSpec(op=_UPSAMPLE, in_channels=outside, out_channels=outside),)
        return (block, *(up if level < before else ()))

    def choices(self, architecture: object) -> tuple[int, ...]:
        """The level of each layer.

        Raises:
            ValueError: for anything but a net of this space.
        """
        if isinstance(architecture, Architecture):
            blocks = [block for block in architecture.blocks[len(self.stem) : -1] if block.op != _UPSAMPLE]
            levels = [(block.out_channels // self._channels(0)).bit_length() - 1 for block in blocks]
            try:
                if self.architecture(levels, name=architecture.name) == architecture:
                    return tuple(levels)
            except ValueError:  # it is no path
                pass
        raise foreign_net(architecture, self.name)

    def sample_choices(self, generator: torch.Generator) -> tuple[int, ...]:
        """The levels of a random path; all paths are equally probable.

        Args:
            generator: on the CPU; the same state gives the same path.
        """
        path = [0]
        for ahead in reversed(range(self.layers - 1)):
            near = self._near(path[-1])
            # A level's share is the number of paths that continue from it.
            shares = as_shares([self._ways[ahead][level] for level in near])
            path.append(near[int(shares.multinomial(1, generator=generator))])
        return tuple(path)

    def mutate(self, net: object, generator: torch.Generator, *, probability: float = 0.1) -> Architecture:
        """A net where each layer in turn moves, with this probability, to another level that its neighbours permit.

        Args:
            net: of this space.
            generator: on the CPU; the same state gives the same net.
            probability: of a change, from 0 to 1.

        Raises:
            ValueError: for a net of another space, or another probability.
        """
        path = [*self.choices(net)]
        changes = random_changes(self.layers, probability, generator)
        for layer in range(1, self.layers):
            others = [level for level in self._permitted(path, layer) if level != path[layer]]
            if changes[layer] and others:
                path[layer] = others[int(torch.randint(len(others), (), generator=generator))]
        return self.architecture(path)

    def crossover(self, one: object, other: object, generator: torch.Generator) -> Architecture:
        """A net that follows one path up to some layer, and another from there on, where they are close enough.

        Args:
            one, other: of this space; all layers where one can change to the other are equally probable.
            generator: on the CPU; the same state gives the same net.

        Raises:
            ValueError: for a net of another space.
        """
        first, second = self.choices(one), self.choices(other)
        cuts = [layer for layer in range(1, self.layers) if abs(first[layer - 1] - second[layer]) <= 1] or [self.layers]
        cut = cuts[int(torch.randint(len(cuts), (), generator=generator))]
        return self.architecture([*first[:cut], *second[cut:]])

    def neighbours(self, net: object) -> tuple[Architecture, ...]:
        """All nets that differ from this one in the level of a single layer.

        Raises:
            ValueError: for a net of another space.
        """
        path = self.choices(net)
        return tuple(
            self.architecture([*path[:layer], level, *path[layer + 1 :]])
            for layer in range(1, self.layers)
            for level in self._permitted(path, layer)
            if level != path[layer]
        )

    def cost_terms(self) -> tuple[CostTerm, ...]:
        """What its nets compute: a term for each layer, decided by its level and the one before it.

        Levels that are not adjacent compute nothing together, since no path has them.
        """
        # Late: workloads know all spaces.
        from pnas_ops.data.workload import Workload

        def computed(blocks: Sequence[BlockSpec], size: int) -> tuple[Workload, ...]:
            found = []
            for block in blocks:
                found.append(Workload(block=block, height=size, width=size))
                size = block.output_size(size)
            return tuple(found)

        size = self._finest
        terms = [CostTerm(choices=(), options=(), computed=(computed(self.stem, self.resolution),))]
        for layer, (before, count) in enumerate(pairwise((1, *self.options))):
            rows = tuple(
                computed(self.layer(one, level), size >> one) if abs(one - level) <= 1 else ()
                for one, level in product(range(before), range(count))
            )
            choices, options = ((layer - 1, layer), (before, count)) if layer else ((layer,), (count,))
            terms.append(CostTerm(choices=choices, options=options, computed=rows))
        heads = (evolve(self.head, in_channels=self._channels(level)) for level in range(self.options[-1]))
        rows = tuple(computed([head], size >> level) for level, head in enumerate(heads))
        return (*terms, CostTerm(choices=(self.layers - 1,), options=(len(rows),), computed=rows))

    @property
    def _finest(self) -> int:
        """Pixels of a side after the stem."""
        size = self.resolution
        for block in self.stem:
            size = block.output_size(size)
        return size

    @cached_property
    def _ways(self) -> list[list[int]]:
        """The number of paths that continue from a level, by the number of layers to come, and by level."""
        ways = [[1] * self.levels]
        for _ in range(self.layers - 1):
            ways.append([sum(ways[-1][near] for near in self._near(level)) for level in range(self.levels)])
        return ways

    def _near(self, level: int) -> range:
        return range(max(0, level - 1), min(self.levels, level + 2))

    def _permitted(self, path: Sequence[int], layer: int) -> list[int]:
        """The levels of a layer that the levels of its neighbours permit."""
        after = self._near(path[layer + 1]) if layer + 1 < self.layers else range(self.levels)
        return [level for level in self._near(path[layer - 1]) if level in after]

    def _channels(self, level: int) -> int:
        return self.stem[-1].out_channels << level

    def __repr__(self) -> str:
        images = images_to_classes(self.resolution, self.stem[0].in_channels, self.head.out_channels)
        what = f"{counted(self.layers, 'layer')} of {counted(self.levels, 'level')}"
        return f"<TrellisSpace {shortened(self.name)!r}: {what}, {counted(self.size(), 'path')}, {images}>"
