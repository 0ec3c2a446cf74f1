"""Limits, and what ships: the files of a real run, which nothing here has counted."""

from pathlib import Path
from typing import Literal

import pytest
from attrs import evolve

from pnas_apps.run.results import LimitResult, limit_results
from pnas_apps.showing.limit_lines import excess_lines, landing_line
from pnas_export import FileSizes, tflite_sizes
from pnas_latency import Attempt, Budget, Landing, LatencyTable, file_bytes, peak_activation_bytes, weight_bytes
from pnas_ops import Architecture, architecture_macs, architecture_parameters, load_json

SAMPLE = Path(__file__).parents[2] / "samples" / "finished-run"
NET = load_json(SAMPLE / "architecture.json", Architecture)
TABLE = LatencyTable.load(SAMPLE / "table.json")
FILES = {"float32": SAMPLE / "bundle" / "model.tflite", "int8": SAMPLE / "bundle" / "model-int8.tflite"}

Dtype = Literal["float32", "int8"]


@pytest.mark.parametrize("dtype", FILES)
def test_limits_count_what_is_in_the_file_to_the_byte(dtype: Dtype) -> None:
    sizes = tflite_sizes(FILES[dtype])
    assert weight_bytes(dtype).of(NET) == sizes.constants
    assert peak_activation_bytes(dtype).of(NET) == sizes.peak_activations


@pytest.mark.parametrize("dtype", FILES)
def test_the_size_of_the_file_is_foreseen_and_rather_too_large(dtype: Dtype) -> None:
    size = tflite_sizes(FILES[dtype]).file
    # The names of an earlier version's modules, and so of its tensors, are shorter; metadata has 308 bytes.
    assert size <= file_bytes(dtype, metadata_bytes=308).of(NET) <= 1.05 * size


def test_every_limit_stands_beside_what_ships() -> None:
    table = evolve(TABLE, device=evolve(TABLE.device, dtype="int8"))
    budget = Budget(
        latency_ms=1.0,
        macs=2e6,
        parameters=3e4,
        weight_bytes=4e4,
        peak_activation_bytes=5e4,
        file_bytes=6e4,
        metadata_bytes=308,
    )
    sizes = FileSizes(file=71, constants=72, peak_activations=73)
    limits = limit_results(budget, table, NET, sizes, measured_ms=0.5, columns={})
    assert [(limit.name, limit.asked, limit.shipped) for limit in limits] == [
        ("latency_ms", 1.0, 0.5),
        ("macs", 2e6, architecture_macs(NET)),
        ("parameters", 3e4, architecture_parameters(NET)),
        ("weight_bytes_int8", 4e4, 72),
        ("peak_activation_bytes_int8", 5e4, 73),
        ("file_bytes_int8", 6e4, 71),
    ]
    assert [limit.predicted for limit in limits] == [limit.metric.of(NET) for limit in budget.limits(table)]
    assert limit_results(Budget(), table, NET, sizes, measured_ms=None, columns={}) == ()


def landed(measured_ms: float | None, shipped: float | None, noise_floor: float | None) -> str | None:
    attempt = Attempt(architecture=NET, predicted_ms=0.37, measured_ms=measured_ms)
    limit = LimitResult(name="latency_ms", unit="ms", asked=0.4, predicted=0.37, shipped=shipped)
    return landing_line(Landing(target_ms=0.4, attempts=(attempt,), chosen=0), [limit], noise_floor)


def test_a_net_that_keeps_its_limit_when_it_is_taken_and_not_in_the_end_is_told() -> None:
    said = "The net took 0.3880 ms when it was taken and takes 0.4004 in the end (at the table's speed, 3.2% apart"
    floor = "; the table's noise floor is 1.9%)"
    assert landed(0.388, 0.4004, 0.019) == f"{said}{floor}: over by 0.1%, which is within the noise"
    assert landed(0.388, 0.4004, None) == f"{said}): over by 0.1%; request 0.399 ms to stay within it"
    # What takes 0.5 where 0.4 was asked for takes 0.4 where 0.32 is.
    assert (landed(0.388, 0.5, 0.019) or "").endswith(f"{floor}: over by 25.0%; request 0.32 ms to stay within it")
    assert (landed(0.388, 0.39, 0.019) or "").endswith(f"0.5% apart{floor}")
    assert (landed(None, 0.39, None) or "").startswith("The net was predicted to take 0.3700 ms when it was taken and")
    assert landed(0.388, None, 0.019) is None


def test_a_file_that_is_too_large_is_named_with_the_way_out() -> None:
    kept = LimitResult(name="weight_bytes_int8", unit="bytes", asked=100.0, predicted=90.0, shipped=100.0)
    over = LimitResult(name="file_bytes_int8", unit="bytes", asked=2000.0, predicted=1990.0, shipped=2010.0)
    assert excess_lines([kept, over], file="model-int8.tflite") == [
        "model-int8.tflite has 2010 file_bytes_int8, 10 more than the 2000 requested: search again with a limit of 1990"
    ]
    unknown = evolve(over, shipped=None)
    assert (kept.excess, over.excess, unknown.excess) == (0.0, 10.0, 0.0)
