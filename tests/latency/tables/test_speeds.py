"""A machine that changes its speed between measurements, and knows by how much."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st

from pnas_latency import (
    MACS,
    LatencyTable,
    NetEntry,
    TableEntry,
    draw_validation,
    measure_net_ms,
    measure_table,
    read_proxylessnas_yaml,
    taste_of,
    write_proxylessnas_yaml,
)
from pnas_ops import (
    AnyNet,
    AnyWorkload,
    Architecture,
    DeviceInfo,
    MBConvSpec,
    Measurement,
    Progress,
    Workload,
    digits_mbconv_space,
)
from tables import DEVICE, measurement, uniform_table

SPACE = digits_mbconv_space(blocks_per_stage=1)
PROBE_MS = 0.2


@frozen(kw_only=True)
class Moody:
    """Takes a microsecond for 1,000 MACs, times how slow it is now."""

    slower: float
    knows: bool = True

    @property
    def info(self) -> DeviceInfo:
        return DEVICE

    def measure(
        self, rows: Sequence[Sequence[Workload]], *, nets: Sequence[Architecture] = (), progress: Progress | None = None
    ) -> Iterator[tuple[AnyWorkload | AnyNet, Measurement]]:
        keys: list[Workload | Architecture] = [*dict.fromkeys(one for row in rows for one in row), *nets]
        for key in keys:
            macs = MACS.rows([[key]])[0][0] if isinstance(key, Workload) else MACS.of(key)
            probe_ms = self.slower * PROBE_MS if self.knows else None
            yield key, evolve(measurement(self.slower * macs / 1e6), probe_ms=probe_ms)


@given(st.lists(st.floats(0.5, 2), min_size=2, max_size=2), st.integers(0, 5))
def test_a_table_measured_at_several_speeds_predicts_at_one(slower: list[float], choice: int) -> None:
    net = SPACE.architecture([choice, 1])
    first = measure_table(Moody(slower=slower[0]), net)
    table = measure_table(Moody(slower=slower[1]), SPACE, known=first)
    assert len(table.entries) > len(first.entries)
    assert table.probe_ms == pytest.approx(median(PROBE_MS * one for one in slower_of(table)))
    assert table.predict_ms(net) == pytest.approx(MACS.of(net) / 1e6 * table.probe_ms / PROBE_MS)


def slower_of(table: LatencyTable) -> list[float]:
    known = [entry.measurement.probe_ms for entry in table.entries]
    return [one / PROBE_MS for one in known if one is not None]


def test_a_net_that_judges_is_taken_at_the_speed_of_the_table() -> None:
    table = measure_table(Moody(slower=1.0), SPACE)
    net = SPACE.architecture([2, 3])
    ((_, slow),) = Moody(slower=1.7).measure([], nets=[net])
    judged = evolve(table, nets=(NetEntry(architecture=net, measurement=slow, held_out=True),))
    assert judged.validate().mape == pytest.approx(0, abs=1e-12)
    assert evolve(
        judged, nets=(evolve(judged.nets[0], measurement=evolve(slow, probe_ms=None)),)
    ).validate().mape == pytest.approx(1 - 1 / 1.7)


def test_a_net_is_told_at_the_speed_that_is_asked_for() -> None:
    net = SPACE.architecture([2, 3])
    at_first = measure_net_ms(Moody(slower=1.0), net)
    later = Moody(slower=1.3)
    assert measure_net_ms(later, net) == pytest.approx(1.3 * at_first)
    assert measure_net_ms(later, net, probe_ms=PROBE_MS) == pytest.approx(at_first)
    # What has no probe is told as it was measured.
    assert measure_net_ms(Moody(slower=1.3, knows=False), net, probe_ms=PROBE_MS) == pytest.approx(1.3 * at_first)


def test_tables_of_earlier_versions_predict_as_they_did() -> None:
    table = uniform_table(SPACE, 0.5)
    assert table.probe_ms is None
    known = table.with_entry(
        TableEntry(workload=table.entries[0].workload, measurement=evolve(measurement(0.5), probe_ms=0.1))
    )
    assert known.probe_ms == 0.1
    net = SPACE.architecture([2, 3])
    assert known.predict_ms(net) == table.predict_ms(net)


def test_what_is_made_of_a_table_is_told_at_its_speed(tmp_path: Path) -> None:
    net = SPACE.architecture([2, 3])
    table = measure_table(Moody(slower=1.9), SPACE, known=measure_table(Moody(slower=1.0), net))
    at_once = measure_table(Moody(slower=1.9), SPACE)
    assert table.probe_ms == at_once.probe_ms
    assert table.at_one_speed().at_one_speed() == table.at_one_speed() != table

    assert taste_of(table).macs_per_ms == pytest.approx(taste_of(at_once).macs_per_ms)
    # The format has no key for the classifier.
    blocks = [
        tuple(one for one in each.entries if isinstance(one.workload.block.op, MBConvSpec)) for each in (table, at_once)
    ]
    for name, entries in zip(("mixed", "once"), blocks, strict=True):
        write_proxylessnas_yaml(evolve(table, entries=entries), tmp_path / f"{name}.yaml")
    mixed, once = (read_proxylessnas_yaml(tmp_path / f"{name}.yaml").measurements for name in ("mixed", "once"))
    assert mixed.keys() == once.keys()
    assert [mixed[one].latency_ms for one in once] == [pytest.approx(found.latency_ms) for found in once.values()]

    ((_, slow),) = Moody(slower=1.2).measure([], nets=[net])
    judged = evolve(table, nets=(NetEntry(architecture=net, measurement=slow, held_out=True),))
    _, error = draw_validation(judged).axes
    errors = [float(y) for points in error.collections for _, y in np.asarray(points.get_offsets())]
    assert errors[0] == pytest.approx(0, abs=1e-9)
