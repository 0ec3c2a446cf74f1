"""What has a latency: a block at an input shape."""

from itertools import chain
from typing import overload

from attrs import evolve, field, frozen

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.block_parts import placed_parts
from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.cell_space import CellSpace
from pnas_ops.data.cost_terms import CostTerm, HasCostTerms
from pnas_ops.data.module_space import ModuleArchitecture, ModuleSpace, ModuleWorkload
from pnas_ops.data.ranges import POSITIVE_INTEGER
from pnas_ops.data.tree_space import Space


@frozen(kw_only=True)
class Workload:
    """A block applied to one input of `height` x `width`."""

    block: BlockSpec
    height: int = field(validator=POSITIVE_INTEGER)
    width: int = field(validator=POSITIVE_INTEGER)

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """(1, C, H, W)."""
        return (1, self.block.in_channels, self.height, self.width)

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of its inputs; there is one."""
        return (self.input_shape,)

    @property
    def computes_nothing(self) -> bool:
        """Whether it returns its input, or zeros, so that it costs nothing on any device."""
        return self.block.computes_nothing

    @property
    def name(self) -> str:
        """Its name in files, tables and messages: "mb3-5x5 16->24 s2 @16x16"."""
        return f"{self.block} @{self.height}x{self.width}"

    def __str__(self) -> str:
        return self.name


AnySpace = Space | ModuleSpace
"""A space of blocks, or of places in a user's own module."""

AnyNet = Architecture | ModuleArchitecture
"""A net of any of them."""

AnyWorkload = Workload | ModuleWorkload
"""What has a latency: a block at an input shape, or a module at its inputs."""


@overload
def workload_parts(workload: Workload) -> tuple[Workload, ...]: ...


@overload
def workload_parts(workload: AnyWorkload) -> tuple[AnyWorkload, ...]: ...


def workload_parts(workload: AnyWorkload) -> tuple[AnyWorkload, ...]:
    """Workloads whose latencies add up to that of this one: the parts of a block of trees or cells, else itself."""
    if isinstance(workload, ModuleWorkload):
        return (workload,)
    return tuple(
        Workload(block=part, height=-(-workload.height // divided), width=-(-workload.width // divided))
        for part, divided in placed_parts(workload.block)
    )


@overload
def workloads(net: Space | Architecture) -> tuple[tuple[Workload, ...], ...]: ...


@overload
def workloads(net: AnySpace | AnyNet | HasCostTerms) -> tuple[tuple[AnyWorkload, ...], ...]: ...


def workloads(net: AnySpace | AnyNet | HasCostTerms) -> tuple[tuple[AnyWorkload, ...], ...]:
    """The workloads of every position of a space or an architecture; the only place that propagates shapes.

    Returns:
        One row for each position, in the order of the net, with one workload for each candidate. For a user's own
        module: first the rest, then a row for each place. For a space with its own terms: a row for each term, each
        workload once.

    Raises:
        ValueError: where the image is too small for the strides, or not a multiple of what blocks need.
    """
    if isinstance(net, ModuleSpace | ModuleArchitecture):
        return ((net.rest,), *(place.candidates for place in net.places))
    if isinstance(net, CellSpace):
        parts = chain.from_iterable(workload_parts(workload) for (workload,) in workloads(net.widest))
        return tuple(
            tuple(evolve(part, block=block) for block in row) for part, row in zip(parts, net.positions, strict=True)
        )
    if isinstance(net, HasCostTerms):
        rows_of_terms = (tuple(dict.fromkeys(chain(*term.computed))) for term in net.cost_terms())
        return tuple(row for row in rows_of_terms if row)
    rows: list[tuple[Workload, ...]] = []
    size = net.resolution
    for blocks in net.positions:
        if size < max(block.stride for block in blocks):
            raise ValueError(f"resolution {net.resolution} of {net.name!r} is used up before block {len(rows)}")
        if size % (unit := max(block.size_unit for block in blocks)):
            raise ValueError(
                f"resolution {net.resolution} of {net.name!r} comes to {size} pixels at block {len(rows)}, which takes "
                f"multiples of {unit}"
            )
        rows.append(tuple(Workload(block=block, height=size, width=size) for block in blocks))
        size = blocks[0].output_size(size)
    return tuple(rows)


def cost_terms(space: AnySpace) -> tuple[CostTerm, ...]:
    """What the nets of a space compute, as terms that a few choices decide: by default one for each position.

    Raises:
        ValueError: as `workloads`.
    """
    if isinstance(space, HasCostTerms):
        return space.cost_terms()
    numbers = {position: number for number, position in enumerate(space.searched)}
    return tuple(
        CostTerm(choices=(numbers[position],), options=(len(row),), computed=tuple((one,) for one in row))
        if position in numbers
        else CostTerm(choices=(), options=(), computed=(row,))
        for position, row in enumerate(workloads(space))
    )
