"""What has a latency: a block at an input shape."""

from attrs import field, frozen
from attrs.validators import ge, instance_of

from pnas_ops.space import Architecture, SearchSpace
from pnas_ops.specs import BlockSpec


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

    def __str__(self) -> str:
        return f"{self.block} @{self.height}x{self.width}"


def workloads(net: SearchSpace | Architecture) -> tuple[tuple[Workload, ...], ...]:
    """The workloads of every position of a space or an architecture: the project's only walk over shapes.

    Returns:
        One row a position, in the order of the net; one workload a candidate of that position.

    Raises:
        ValueError: where the image is too small for the strides to mean anything.
    """
    rows: list[tuple[Workload, ...]] = []
    size = net.resolution
    for blocks in net.positions:
        if size < max(block.stride for block in blocks):
            raise ValueError(f"resolution {net.resolution} of {net.name!r} is used up before block {len(rows)}")
        rows.append(tuple(Workload(block=block, height=size, width=size) for block in blocks))
        size = blocks[0].output_size(size)
    return tuple(rows)
