"""Which table a run takes: the one it was begun with, whatever a command line names later."""

import io
from pathlib import Path

import pytest
from attrs import evolve
from rich.console import Console

from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.run.objective_config import ObjectiveConfig
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.steps.table import TableChoice, check_limits, table_for
from pnas_latency import Budget, LatencyTable
from pnas_ops import digits_mbconv_space, from_json, to_json
from tables import DEVICE, RowsDevice, uniform_table

SPACE = digits_mbconv_space()
# As a file gives it: with 1.0 for 1.
TABLE = from_json(to_json(uniform_table(SPACE)), LatencyTable)
OBJECTIVE = ObjectiveConfig(
    form="constrained",
    weight=0.1,
    log_unit_ms=1.0,
    multiplier_rate=0.1,
    damping=1.0,
    tightening=0.5,
    samples=1,
    reward_cost="table",
    file_bytes=1e5,
)


def check(folder: RunFolder, given: Path) -> None:
    cache = Cache(folder.path.parent / "cache")
    check_limits(
        SPACE, DEVICE, folder, cache, TableChoice(path=given), budget=Budget(), metrics=(), objective=OBJECTIVE
    )


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    (tmp_path / "run").mkdir()
    folder = RunFolder(tmp_path / "run")
    folder.files.save(TABLE, folder.table)
    return folder


@pytest.fixture
def other(tmp_path: Path) -> Path:
    uniform_table(SPACE, 2.0).save(tmp_path / "other.json")
    return tmp_path / "other.json"


def test_before_the_search_any_table_of_the_space_will_do(folder: RunFolder, other: Path) -> None:
    check(folder, other)


def test_a_search_goes_on_with_the_table_that_it_was_begun_with(folder: RunFolder, other: Path) -> None:
    folder.search_checkpoint.touch()
    check(folder, folder.table)
    with pytest.raises(UserError, match=r"run was started with another table than .*other\.json: leave out --table$"):
        check(folder, other)


def test_a_search_whose_table_is_damaged_goes_on_with_that_very_one(folder: RunFolder, other: Path) -> None:
    folder.search_checkpoint.touch()
    folder.table.write_text("damaged")
    with pytest.raises(UserError, match=r"used the table in table\.json before it was damaged"):
        check(folder, other)
    TABLE.save(other)
    check(folder, other)


def test_a_latency_that_no_net_exceeds_is_told_as_soon_as_there_is_a_table(folder: RunFolder) -> None:
    file, cache = io.StringIO(), Cache(folder.path.parent / "cache")
    reporter = Reporter(Console(file=file, width=80))
    slowest = TABLE.predict_ms(TABLE.metric().dearest(SPACE))
    for latency_ms in (slowest, slowest - 0.5):
        budget = Budget(latency_ms=latency_ms)
        table_for(
            SPACE, RowsDevice(), folder, cache, TableChoice(), budget=budget, objective=OBJECTIVE, reporter=reporter
        )
    told = [line for line in file.getvalue().splitlines() if "excludes" in line]
    assert told == [
        f"  No net of {SPACE.name!r} exceeds {slowest:.4f} latency_ms: the limit of {slowest:.4f} excludes none"
    ]


@pytest.mark.parametrize("is_given", [False, True])
def test_predictions_from_noisy_measurements_are_doubted(folder: RunFolder, is_given: bool) -> None:
    entry = TABLE.entries[2]
    noisy = evolve(entry, measurement=evolve(entry.measurement, noisy=True))
    table = evolve(TABLE, entries=(*TABLE.entries[:2], noisy, *TABLE.entries[3:]))
    given = folder.path.parent / "noisy.json"
    table.save(given)
    folder.files.save(TABLE if is_given else table, folder.table)
    file, cache = io.StringIO(), Cache(folder.path.parent / "cache")
    choice = TableChoice(path=given if is_given else None)
    reporter = Reporter(Console(file=file, width=1000))
    table_for(SPACE, RowsDevice(), folder, cache, choice, budget=Budget(), objective=OBJECTIVE, reporter=reporter)
    said = (
        f"  1 measurement of the table stayed noisy when repeated ({entry.workload}), so predictions from "
        "them may be far off. If you can, start while the machine is idle: "
    )
    assert said + ("measure a new table" if is_given else "a new run measures these again") in file.getvalue()
