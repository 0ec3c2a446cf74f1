"""Measuring a table measures what is missing, once."""

import statistics
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import islice

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from pnas_latency import MACS, LatencyTable, measure_table, validation_nets
from pnas_ops import Architecture, DeviceInfo, Measurement, Progress, Workload, digits_mbconv_space, workloads
from strategies import full_tables, search_spaces


class CountingDevice:
    """Remembers what it was asked, and answers with the number of its answers so far."""

    def __init__(self, info: DeviceInfo) -> None:
        self.info = info
        self.calls: list[Sequence[Sequence[Workload]]] = []
        self.nets: list[list[Architecture]] = []

    def measure(
        self,
        rows: Sequence[Sequence[Workload]],
        *,
        nets: Sequence[Architecture] = (),
        progress: Progress | None = None,
    ) -> Iterator[tuple[Workload | Architecture, Measurement]]:
        self.calls.append(rows)
        self.nets.append(list(nets))
        keys: list[Workload | Architecture] = [*dict.fromkeys(workload for row in rows for workload in row), *nets]
        for index, key in enumerate(keys):
            yield key, Measurement(latency_ms=index, p25_ms=1, median_ms=1, p75_ms=1, count=2, drift=index / 1000)


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
    assert (table.nets, table.calibration) == (known.nets, known.calibration)
    if not missing:
        assert table == known
    assert set(table.measurements) == set(full.measurements)


def test_whole_nets_are_measured_among_the_workloads_and_never_twice() -> None:
    space = digits_mbconv_space()
    judges = validation_nets(space, cost=MACS, fit=2, held_out=4)
    device = CountingDevice(INFO)

    table = measure_table(device, space, validation=judges[:3])
    more = measure_table(device, space, known=table, validation=judges)

    architectures = [judge.architecture for judge in judges]
    assert device.nets == [architectures[:3], architectures[3:]]
    assert device.calls[1] == []
    assert [entry.architecture for entry in more.nets] == architectures
    assert [(entry.held_out, entry.band) for entry in more.nets] == [(one.held_out, one.band) for one in judges]
    drifts = [entry.measurement.drift for entry in more.nets]
    assert more.noise_floor == statistics.median(drifts)
    renamed = [evolve(judges[0], architecture=evolve(judges[0].architecture, name="same"))]
    assert measure_table(device, space, known=more, validation=renamed) == more


def test_an_interrupted_measuring_goes_on_where_it_was() -> None:
    class Vanishing(CountingDevice):
        def measure(self, rows, *, nets=(), progress=None):
            yield from islice(super().measure(rows, nets=nets, progress=progress), 7)
            raise OSError("gone")

    space = digits_mbconv_space()
    kept: list[LatencyTable] = []
    with pytest.raises(OSError, match="gone"):
        measure_table(Vanishing(INFO), space, keep=kept.append)
    assert [len(table.entries) for table in kept] == list(range(1, 8))
    device = CountingDevice(INFO)
    table = measure_table(device, space, known=kept[-1])
    measured_again = {workload for row in device.calls[0] for workload in row} & set(kept[-1].measurements)
    assert measured_again == set()
    assert table.missing(workloads(space)) == ()


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
