"""Runs of the program whose tables are known, up to a step before which a user loses patience."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

import pnas_own.pipeline
from own_nets import Run
from pnas_latency import LatencyTable, TableEntry
from pnas_ops import AnySpace, ModuleWorkload, workloads
from tables import measurement

REST_MS = 1.0
TITLES_MS = {"original": 3.0, "g2": 2.0, "g4": 1.0}


class Tables:
    """Tables of a device that is the machine's, but takes what its test says; counts how often it is measured with."""

    measured = 0
    nets_measured = 0

    def cached_table(self, device: Any, space: AnySpace, *others: object, build: object) -> LatencyTable:
        self.measured += 1
        entries = {
            one: TableEntry(workload=one, measurement=measurement(TITLES_MS.get(one.title, REST_MS)))
            for row in workloads(space)
            for one in row
            if isinstance(one, ModuleWorkload) and not one.computes_nothing
        }
        return LatencyTable(device=device.info, measured_on="2025-01-02", entries=tuple(entries.values()))


def interrupted_before(monkeypatch: pytest.MonkeyPatch, step: str, run: Run, *arguments: str | Path) -> Result:
    """The program, which a user interrupts before a step."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pnas_own.pipeline, step, interrupt)
        return run(*arguments)
