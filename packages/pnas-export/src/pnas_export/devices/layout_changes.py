"""The time that onnxruntime spends at both ends of a separate block, but not of a block inside a net.

It computes convolutions in its own layout. A net changes to it once and back once, but a separate block does so each
time. So the changes are measured, for each shape that blocks pass on, with one 1x1 convolution P and with two of them
in sequence, PP. P takes r + p, for the changes r and the convolution p, and PP takes r + 2 p, so r = 2 P - PP.
"""

from collections.abc import Mapping, Sequence

from attrs import evolve

from pnas_ops import AnyWorkload, BlockSpec, ClassifierSpec, ConvSpec, Measurement, Workload


def probes(rows: Sequence[Sequence[AnyWorkload]]) -> tuple[tuple[Workload, ...], ...]:
    """The convolutions P to be timed at each position, for the shapes that its blocks pass on.

    None for places of a user's own module, for which a whole net is measured too.
    """
    blocks = [[block for block in row if isinstance(block, Workload)] for row in rows]
    shapes = [dict.fromkeys(shape for block in row if (shape := _output(block))) for row in blocks]
    return tuple(tuple(_probe(*shape) for shape in row) for row in shapes)


def without_changes(
    measured: Mapping[AnyWorkload, Measurement],
    once: Mapping[Workload, Measurement],
    twice: Mapping[Workload, Measurement],
) -> dict[AnyWorkload, Measurement]:
    """The measurements of blocks, less half of the changes at each end that has a neighbour in a net.

    Args:
        measured: the separate blocks.
        once, twice: P and PP of `probes`.
    """
    changes = {probe: max(0.0, 2 * one.latency_ms - twice[probe].latency_ms) for probe, one in once.items()}

    def inside(block: AnyWorkload, one: Measurement) -> Measurement:
        if not isinstance(block, Workload):
            return one
        ends = [_probe(*block.input_shape[1:]), *(_probe(*shape) for shape in [_output(block)] if shape)]
        # The first convolution takes an image in its original layout.
        saved = sum(changes[end] / 2 for end in ends if end in changes)
        return evolve(one, latency_ms=max(0.0, one.latency_ms - saved))

    return {block: inside(block, one) for block, one in measured.items()}


def _output(workload: Workload) -> tuple[int, int, int] | None:
    """Channels, height and width that a block passes on; None for the end of a net."""
    block = workload.block
    if isinstance(block.op, ClassifierSpec):
        return None
    return block.out_channels, block.output_size(workload.height), block.output_size(workload.width)


def _probe(channels: int, height: int, width: int) -> Workload:
    block = BlockSpec(op=ConvSpec(kernel_size=1), in_channels=channels, out_channels=channels)
    return Workload(block=block, height=height, width=width)
