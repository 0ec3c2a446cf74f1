"""What a device computes fast: how many MACs it does per millisecond, block by block."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from statistics import geometric_mean

from attrs import field, fields, frozen, has
from attrs.validators import min_len

from pnas_latency.metrics.counts import MACS
from pnas_latency.tables.ranks import rank_correlation
from pnas_latency.tables.table import LatencyTable
from pnas_ops import BlockSpec, ClassifierSpec, OpSpec, PnasError, Workload


class NoBlocksError(PnasError, ValueError):
    """A table holds no blocks that compute, so no speed can be derived from it."""


@frozen(kw_only=True)
class TimedBlock:
    """A block of a table.

    Attributes:
        block: the operation and its place.
        resolution: height of its input in pixels.
        macs: multiply-accumulates of all images of a batch.
        latency_ms: what they take.
    """

    block: BlockSpec
    resolution: int
    macs: float
    latency_ms: float

    @property
    def macs_per_ms(self) -> float:
        """MACs per millisecond."""
        return self.macs / self.latency_ms


@frozen(kw_only=True)
class Price:
    """The cost of the larger of two options relative to the smaller: geometric means over blocks alike in all else.

    Attributes:
        time: ratio of their latencies.
        macs: ratio of their MACs.
        pairs: how many pairs of blocks were compared.
    """

    time: float
    macs: float
    pairs: int


@frozen(kw_only=True)
class Taste:
    """What one device computes, and how fast.

    Attributes:
        name: what it is called in sentences and pictures.
        device: its full description.
        blocks: those of its table that compute and do not end a net.
    """

    name: str
    device: str
    blocks: tuple[TimedBlock, ...] = field(validator=min_len(1))

    @property
    def macs_per_ms(self) -> float:
        """The speed of all blocks together."""
        return _speed(self.blocks)

    def speeds(self, key: Callable[[TimedBlock], Hashable]) -> dict[Hashable, float]:
        """MACs per millisecond of all blocks that have the same key, such as their operation or resolution."""
        groups = defaultdict[Hashable, list[TimedBlock]](list)
        for one in self.blocks:
            groups[key(one)].append(one)
        return {name: _speed(group) for name, group in groups.items()}

    @property
    def size_correlation(self) -> float | None:
        """Spearman's rank correlation of a block's MACs with its MACs per millisecond.

        1 where larger blocks are always computed faster; None where all blocks are alike.
        """
        return rank_correlation([one.macs for one in self.blocks], [one.macs_per_ms for one in self.blocks])

    @property
    def size_gain(self) -> float:
        """How many times as fast the quarter of the blocks with the most MACs is computed as that with the fewest."""
        ordered = sorted(self.blocks, key=lambda one: one.macs)
        quarter = max(1, len(ordered) // 4)
        return _speed(ordered[-quarter:]) / _speed(ordered[:quarter])

    def prices(self, option: str, *, large: int, small: int) -> dict[int, Price]:
        """The cost of a large kernel or expansion relative to a small one, by resolution, the largest first.

        Args:
            option: of operations: "kernel_size" or "expansion".
            large, small: the options to compare.
        """
        by_kind = {_kind(one, option): one for one in self.blocks if option in _fields(one.block.op)}
        pairs = defaultdict[int, list[tuple[TimedBlock, TimedBlock]]](list)
        for (key, value), one in by_kind.items():
            other = by_kind.get((key, small))
            if value == large and other is not None:
                pairs[one.resolution].append((one, other))
        return {
            resolution: Price(
                time=geometric_mean([one.latency_ms / other.latency_ms for one, other in pairs[resolution]]),
                macs=geometric_mean([one.macs / other.macs for one, other in pairs[resolution]]),
                pairs=len(pairs[resolution]),
            )
            for resolution in sorted(pairs, reverse=True)
        }


def taste_of(table: LatencyTable, *, name: str = "") -> Taste:
    """The taste of a table's device, from the blocks in the table.

    Args:
        table: of blocks.
        name: a short name of the device; by default its full description.

    Raises:
        NoBlocksError: for a table of a user's own module, or without blocks.
    """
    found = []
    for workload, measured in table.measurements.items():
        latency_ms = measured.latency_ms
        if not isinstance(workload, Workload) or isinstance(workload.block.op, ClassifierSpec) or latency_ms <= 0:
            continue
        ((macs,),) = MACS.rows([[workload]])
        if macs:
            macs *= table.device.batch
            found.append(TimedBlock(block=workload.block, resolution=workload.height, macs=macs, latency_ms=latency_ms))
    if not found:
        raise NoBlocksError(
            f"the table of {table.device} holds no blocks that compute", "name one that the command table wrote"
        )
    return Taste(name=name or str(table.device), device=str(table.device), blocks=tuple(found))


def _speed(blocks: Sequence[TimedBlock]) -> float:
    return sum(one.macs for one in blocks) / sum(one.latency_ms for one in blocks)


def _kind(one: TimedBlock, option: str) -> tuple[Hashable, int]:
    """The block without the option, as a key, and the option's value."""
    block, op = one.block, one.block.op
    others = tuple(getattr(op, name) for name in _fields(op) if name != option)
    place = (block.in_channels, block.out_channels, block.stride, block.residual, one.resolution)
    return (type(op), others, place), getattr(op, option)


def _fields(op: OpSpec) -> tuple[str, ...]:
    kind = type(op)
    return tuple(one.name for one in fields(kind)) if has(kind) else ()
