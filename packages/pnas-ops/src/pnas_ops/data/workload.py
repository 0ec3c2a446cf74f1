"""What has a latency: a block at an input shape."""

from typing import overload

from attrs import field, frozen
from attrs.validators import ge, instance_of

from pnas_ops.data.block_parts import block_parts
from pnas_ops.data.module_space import ModuleArchitecture, ModuleSpace, ModuleWorkload
from pnas_ops.data.space import Architecture
from pnas_ops.data.specs import BlockSpec
from pnas_ops.data.tree_space import Space


@frozen(kw_only=True)
class Workload:
    """A block applied to one input of `height` x `width`."""

    block: BlockSpec
    height: int = field(validator=[instance_of(int), ge(1)])
    width: int = field(validator=[instance_of(int), ge(1)])

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """(1, C, H, W)."""
        return (1, self.block.in_channels, self.height, self.width)

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Its only input's, as for workloads that may have several."""
        return (self.input_shape,)

    @property
    def computes_nothing(self) -> bool:
        """Whether it hands on its input, so that it costs nothing on any device."""
        return self.block.computes_nothing

    @property
    def name(self) -> str:
        """What stands for the workload in files, tables and messages: "mb3-5x5 16->24 s2 @16x16"."""
        return f"{self.block} @{self.height}x{self.width}"

    def __str__(self) -> str:
        return self.name


AnySpace = Space | ModuleSpace
"""A space of blocks, or of places in somebody's module."""

AnyNet = Architecture | ModuleArchitecture
"""A net of any of them."""

AnyWorkload = Workload | ModuleWorkload
"""What has a latency: a block at an input shape, or a module at its inputs."""


@overload
def workload_parts(workload: Workload) -> tuple[Workload, ...]: ...


@overload
def workload_parts(workload: AnyWorkload) -> tuple[AnyWorkload, ...]: ...


def workload_parts(workload: AnyWorkload) -> tuple[AnyWorkload, ...]:
    """Workloads whose latencies add up to that of this one: a block of trees in its `block_parts`, any other alone."""
    if isinstance(workload, ModuleWorkload):
        return (workload,)
    first, *edges = block_parts(workload.block)
    height, width = (workload.block.output_size(size) for size in (workload.height, workload.width))
    return (
        Workload(block=first, height=workload.height, width=workload.width),
        *(Workload(block=edge, height=height, width=width) for edge in edges),
    )


@overload
def workloads(net: Space | Architecture) -> tuple[tuple[Workload, ...], ...]: ...


@overload
def workloads(net: AnySpace | AnyNet) -> tuple[tuple[AnyWorkload, ...], ...]: ...


def workloads(net: AnySpace | AnyNet) -> tuple[tuple[AnyWorkload, ...], ...]:
    """The workloads of every position of a space or an architecture: the project's only walk over shapes.

    Returns:
        One row a position, in the order of the net; one workload a candidate of that position. Of somebody's module,
        first the rest, then a row a place.

    Raises:
        ValueError: where the image is too small for the strides to mean anything.
    """
    if isinstance(net, ModuleSpace | ModuleArchitecture):
        return ((net.rest,), *(place.candidates for place in net.places))
    rows: list[tuple[Workload, ...]] = []
    size = net.resolution
    for blocks in net.positions:
        if size < max(block.stride for block in blocks):
            raise ValueError(f"resolution {net.resolution} of {net.name!r} is used up before block {len(rows)}")
        rows.append(tuple(Workload(block=block, height=size, width=size) for block in blocks))
        size = blocks[0].output_size(size)
    return tuple(rows)
