"""Tables: predictions, files, and what is missing."""

import json
from pathlib import Path

import pytest
import torch
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from pnas_latency import LatencyTable, MissingWorkloadsError, TableEntry, expected_cost
from pnas_ops import (
    from_json,
    imagenet_mbconv_space,
    save_json,
    to_json,
    workloads,
)
from strategies import calibrations, choices, full_tables, latency_tables, search_spaces
from tables import DEVICE, measurement


@given(st.data())
def test_predicts_the_expectation_of_a_certain_choice(data: st.DataObject) -> None:
    space = data.draw(search_spaces())
    table = data.draw(latency_tables(space))
    chosen = data.draw(choices(space))
    one_hot = [
        torch.nn.functional.one_hot(torch.tensor(choice), len(blocks)).double()
        for choice, blocks in zip(chosen, space.mixed, strict=True)
    ]

    expected = table.fixed_ms(space) + expected_cost(one_hot, table.costs(space))

    assert table.predict_ms(space.architecture(chosen)) == pytest.approx(expected.item())


@given(st.data())
def test_prediction_is_the_sum_of_the_blocks_and_one_overhead(data: st.DataObject) -> None:
    space = data.draw(search_spaces())
    table = data.draw(latency_tables(space))
    entries = (evolve(e, measurement=evolve(e.measurement, overhead_ms=0.25)) for e in table.entries)
    table = evolve(table, entries=tuple(entries))
    net = space.architecture(data.draw(choices(space)))

    blocks = [table.latency_ms(workload) for (workload,) in workloads(net)]

    assert table.predict_ms(net) == pytest.approx(0.25 + sum(blocks))


@given(st.data())
def test_a_calibration_corrects_every_net_and_all_parts_of_it_alike(data: st.DataObject) -> None:
    space = data.draw(search_spaces())
    plain, calibration = data.draw(latency_tables(space)), data.draw(calibrations)
    table = evolve(plain, calibration=calibration)
    chosen = data.draw(choices(space))
    net = space.architecture(chosen)

    corrected = calibration.scale * plain.predict_ms(net) + calibration.offset_ms
    parts = table.fixed_ms(space) + sum(row[i] for row, i in zip(table.costs(space), chosen, strict=True))

    assert table.predict_ms(net) == pytest.approx(corrected, rel=1e-12, abs=1e-9)
    assert parts == pytest.approx(corrected, rel=1e-12, abs=1e-9)
    for (workload,) in workloads(net):
        assert table.latency_ms(workload) == pytest.approx(calibration.scale * plain.latency_ms(workload))
    assert table.measurements == plain.measurements


@given(st.data())
def test_a_block_that_computes_nothing_costs_nothing(data: st.DataObject) -> None:
    space = data.draw(search_spaces())
    table = LatencyTable(device=DEVICE, measured_on="2025-01-02", entries=())
    for workload in (workload for row in workloads(space) for workload in row):
        if workload.block.computes_nothing:
            assert table.latency_ms(workload) == 0.0
        else:
            with pytest.raises(MissingWorkloadsError, match="lacks 1 workloads"):
                table.latency_ms(workload)


@given(st.data())
def test_missing_lists_exactly_what_was_taken_out(data: st.DataObject) -> None:
    space = data.draw(search_spaces())
    table = data.draw(latency_tables(space))
    kept = tuple(entry for entry in table.entries if data.draw(st.booleans()))
    taken = {entry.workload for entry in table.entries} - {entry.workload for entry in kept}
    table = evolve(table, entries=kept)

    missing = table.missing(workloads(space))

    assert set(missing) == taken
    assert len(missing) == len(taken)
    if taken:
        for predict in (table.costs, table.fixed_ms):
            with pytest.raises(MissingWorkloadsError, match=f"lacks {len(taken)} workloads") as caught:
                predict(space)
            assert caught.value.missing == missing
            assert all(str(workload) in str(caught.value) for workload in missing[:10])


def test_a_very_long_list_of_missing_workloads_is_cut() -> None:
    table = LatencyTable(device=DEVICE, measured_on="2025-01-02", entries=())
    with pytest.raises(MissingWorkloadsError, match=r"and \d+ more: measure them .* measure_table") as caught:
        table.costs(imagenet_mbconv_space())
    assert str(caught.value).count("@") == 10
    assert "\n" not in str(caught.value)


@settings(max_examples=30)
@given(st.data())
def test_survives_a_round_trip_through_json(data: st.DataObject) -> None:
    table = data.draw(full_tables(data.draw(search_spaces())))
    assert from_json(to_json(table), LatencyTable) == table


@settings(max_examples=20)
@given(st.data())
def test_a_file_from_before_there_were_nets_and_columns_is_read(data: st.DataObject) -> None:
    table = data.draw(latency_tables(data.draw(search_spaces())))
    document = json.loads(to_json(table))
    for name in ("nets", "calibration", "noise_floor"):
        del document[name]
    for entry in document["entries"]:
        del entry["columns"]
    assert from_json(json.dumps(document), LatencyTable) == table


def test_saves_and_loads(tmp_path: Path) -> None:
    ((workload,), *_) = workloads(imagenet_mbconv_space())
    entry = TableEntry(workload=workload, measurement=measurement(1.5, overhead_ms=0.01))
    table = LatencyTable(device=DEVICE, measured_on="2025-01-02", entries=(entry,))
    path = tmp_path / "new folder" / "table.json"

    table.save(path)

    assert LatencyTable.load(path) == table
    assert json.loads(path.read_text())["entries"][0]["measurement"]["latency_ms"] == 1.5
    assert LatencyTable.load(path).latency_ms(workload) == 1.5


def test_a_damaged_or_foreign_file_is_named_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    LatencyTable(device=DEVICE, measured_on="2025-01-02", entries=()).save(path)
    path.write_text(path.read_text()[:-20])
    with pytest.raises(ValueError, match=r"table\.json: not JSON") as caught:
        LatencyTable.load(path)
    assert "\n" not in str(caught.value)
    save_json(DEVICE, path)
    with pytest.raises(ValueError, match=r"table\.json: holds DeviceInfo version 1, expected LatencyTable"):
        LatencyTable.load(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"table\.json: "):
        LatencyTable.load(path)


def test_refuses_a_date_that_is_none_and_a_workload_named_twice() -> None:
    with pytest.raises(ValueError, match="measured_on must be a date like 2025-12-31, got 'yesterday'"):
        LatencyTable(device=DEVICE, measured_on="yesterday", entries=())
    ((workload,), *_) = workloads(imagenet_mbconv_space())
    entries = tuple(TableEntry(workload=workload, measurement=measurement(ms)) for ms in (1.0, 2.0))
    with pytest.raises(ValueError, match="entries holds conv3 3->32 s2 @224x224 twice"):
        LatencyTable(device=DEVICE, measured_on="2025-01-02", entries=entries)


def test_sessions_of_different_overhead_count_with_their_median() -> None:
    row = workloads(imagenet_mbconv_space())[2][:3]
    entries = tuple(
        TableEntry(workload=workload, measurement=measurement(1.0, overhead_ms=ms))
        for workload, ms in zip(row, (0.1, 0.2, 9.0), strict=True)
    )
    assert LatencyTable(device=DEVICE, measured_on="2025-01-02", entries=entries).overhead_ms == 0.2
