"""Measuring a table measures what is missing, once."""

from collections.abc import Iterator, Sequence
from datetime import date

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from pnas_latency import LatencyTable, measure_table
from pnas_ops import DeviceInfo, Measurement, Progress, Workload, digits_mbconv_space, workloads
from strategies import full_tables, search_spaces


class CountingDevice:
    """Remembers what it was asked, and answers with the number of its answers so far."""

    def __init__(self, info: DeviceInfo) -> None:
        self.info = info
        self.calls: list[Sequence[Sequence[Workload]]] = []

    def measure(
        self, rows: Sequence[Sequence[Workload]], *, progress: Progress | None = None
    ) -> Iterator[tuple[Workload, Measurement]]:
        self.calls.append(rows)
        for index, workload in enumerate(dict.fromkeys(workload for row in rows for workload in row)):
            yield workload, Measurement(latency_ms=index, p25_ms=1, median_ms=1, p75_ms=1, count=2)


INFO = DeviceInfo(device="board", runtime="fake", runtime_version="1", threads=1, dtype="float32")


def test_measures_every_workload_that_computes_something() -> None:
    space = digits_mbconv_space()
    device = CountingDevice(INFO)

    table = measure_table(device, space)

    assert table.device == INFO
    assert table.measured_on == date.today().isoformat()
    assert table.missing(workloads(space)) == ()
    assert device.calls == [[[w for w in row if not w.block.computes_nothing] for row in workloads(space)]]


@given(st.data())
def test_continues_with_exactly_what_is_missing(data: st.DataObject) -> None:
    space = data.draw(search_spaces())
    full = data.draw(full_tables(space))
    known = evolve(full, entries=tuple(entry for entry in full.entries if data.draw(st.booleans())))
    missing = known.missing(workloads(space))
    device = CountingDevice(full.device)

    table = measure_table(device, space, known=known)

    assert len(device.calls) == (1 if missing else 0)
    assert {workload for rows in device.calls for row in rows for workload in row} == set(missing)
    assert all(row for rows in device.calls for row in rows)
    assert table.entries[: len(known.entries)] == known.entries
    assert (table.nets, table.calibration, table.noise_floor) == (known.nets, known.calibration, known.noise_floor)
    assert set(table.measurements) == set(full.measurements)


def test_a_complete_table_is_returned_as_it_is() -> None:
    device = CountingDevice(INFO)
    net = digits_mbconv_space().architecture([0] * 6)
    known = evolve(measure_table(device, net), measured_on="2025-01-02")

    assert measure_table(device, net, known=known) == known
    assert len(device.calls) == 1


@pytest.mark.parametrize(
    "other",
    [
        evolve(INFO, device="phone"),
        evolve(INFO, runtime="real"),
        evolve(INFO, runtime_version="2"),
        evolve(INFO, threads=2),
        evolve(INFO, dtype="int8"),
    ],
    ids=str,
)
def test_refuses_a_table_of_another_device(other: DeviceInfo) -> None:
    known = LatencyTable(device=other, measured_on="2025-01-02", entries=())
    device = CountingDevice(INFO)
    with pytest.raises(ValueError, match=r"a table of .* cannot be continued on fake 1, float32, 1 thread, board"):
        measure_table(device, digits_mbconv_space(), known=known)
    assert device.calls == []
