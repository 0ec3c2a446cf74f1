"""Changes of layout, deducted from blocks whose true costs are known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pnas_export.devices.layout_changes import probes, without_changes
from pnas_ops import ConvSpec, Measurement, Workload, digits_mbconv_space, workloads

SPACE = digits_mbconv_space()
ROWS = [[one for one in row if not one.block.computes_nothing] for row in workloads(SPACE)]
PROBES = probes(ROWS)


def measured(latency_ms: float) -> Measurement:
    return Measurement(latency_ms=latency_ms, p25_ms=0, median_ms=0, p75_ms=0, count=1)


def shapes(workload: Workload) -> list[tuple[int, int]]:
    """Channels and height at both ends of a block that has a neighbour there."""
    block = workload.block
    entrance = [] if workload in ROWS[0] else [(block.in_channels, workload.height)]
    return entrance + ([] if workload in ROWS[-1] else [(block.out_channels, block.output_size(workload.height))])


def test_every_shape_that_is_handed_on_has_a_probe_at_its_position() -> None:
    assert len(PROBES) == len(ROWS)
    assert PROBES[-1] == ()
    for row, here in zip(ROWS[:-1], PROBES[:-1], strict=True):
        (probe,) = here
        assert probe.block.op == ConvSpec(kernel_size=1)
        assert probe.block.in_channels == probe.block.out_channels == row[0].block.out_channels
        assert probe.height == probe.width == row[0].block.output_size(row[0].height)


@given(st.data())
def test_what_is_left_is_the_block_inside_a_net(data: st.DataObject) -> None:
    cost = st.floats(0.01, 10)
    handed_on = sorted({shape for row in ROWS for one in row for shape in shapes(one)})
    change = {shape: data.draw(cost) for shape in handed_on}
    inside = {one: data.draw(cost) for row in ROWS for one in row}
    convolution = {probe: data.draw(cost) for row in PROBES for probe in row}
    edge = {probe: change[probe.block.in_channels, probe.height] for probe in convolution}

    found = without_changes(
        {one: measured(value + sum(change[shape] / 2 for shape in shapes(one))) for one, value in inside.items()},
        {probe: measured(edge[probe] + value) for probe, value in convolution.items()},
        {probe: measured(edge[probe] + 2 * value) for probe, value in convolution.items()},
    )

    assert found.keys() == inside.keys()
    for one, value in inside.items():
        assert found[one].latency_ms == pytest.approx(value, abs=1e-9)


def test_noise_deducts_nothing_that_is_not_there() -> None:
    (block, *_), (probe, *_) = ROWS[0], PROBES[0]
    found = without_changes({block: measured(0.5)}, {probe: measured(1.0)}, {probe: measured(2.5)})
    assert found[block].latency_ms == 0.5
