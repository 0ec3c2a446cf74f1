"""Columns of a table that commands fill, of a space of somebody's module: a command that costs what a test says."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest

from module_spaces import build_tiny, tiny_space
from pnas_apps.devices.columns import try_metrics, with_columns
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_export import CommandMetric, DeviceError
from pnas_latency import LatencyTable, TableEntry
from pnas_ops import AnyNet, AnyWorkload, ModuleArchitecture, ModuleBuilder, workloads
from tables import DEVICE, measurement

SPACE = tiny_space()
CALL, WHOLE = 0.5, 40.0


class Meter:
    """Of each workload its number, counted from 1; takes down what it was asked."""

    name, template = "energy_mj", "meter {model}"

    def __init__(self) -> None:
        self.asked: list[AnyWorkload | AnyNet] = []

    def measure(
        self, rows: Sequence[Sequence[AnyWorkload]], nets: Sequence[AnyNet], *, build: ModuleBuilder, progress: Any
    ) -> Iterator[tuple[AnyWorkload | AnyNet | None, float]]:
        assert build is build_tiny
        yield None, CALL
        for number, key in enumerate([*(one for row in rows for one in row), *nets], 1):
            self.asked.append(key)
            yield key, WHOLE if isinstance(key, ModuleArchitecture) else float(number)

    def of_a_call(self) -> float:
        raise DeviceError("it did not tell energy_mj of an empty call", "run it by hand")


def filled(meter: Meter, table: LatencyTable, reporter: Reporter) -> LatencyTable:
    metrics = [cast(CommandMetric, meter)]
    return with_columns(table, SPACE, metrics, reporter, keep=lambda table: None, build=build_tiny)


def test_what_lies_between_the_places_costs_the_rest_of_the_lightest_net(reporter: Reporter) -> None:
    found = dict.fromkeys(one for row in workloads(SPACE) for one in row if not one.computes_nothing)
    entries = tuple(TableEntry(workload=one, measurement=measurement(1.0)) for one in found)
    bare, meter = LatencyTable(device=DEVICE, measured_on="2025-01-02", entries=entries), Meter()
    table = filled(meter, bare, reporter)
    assert SPACE.rest not in meter.asked
    assert meter.asked[-1] == SPACE.lightest
    assert table.metric("energy_mj").of(SPACE.lightest) == CALL + WHOLE
    # A second time there is nothing to ask.
    again = Meter()
    assert filled(again, table, reporter) == table
    assert not again.asked


def test_a_command_that_fails_is_told_when_it_is_tried(reporter: Reporter) -> None:
    with pytest.raises(UserError, match="did not tell energy_mj of an empty call: run it by hand"):
        try_metrics([cast(CommandMetric, Meter())], reporter)
