"""A phone on adb, from the conversion to the table; a script stands in for adb and the phone."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pnas_export import AdbDevice, DeviceError, architecture_signatures, chain_signatures, quantize_tflite
from pnas_export.devices import file_device
from pnas_export.quantizing.quantization import MIN_CALIBRATION_IMAGES
from pnas_export.timing.sessions import probe_file
from pnas_ops import Architecture, BlockSpec, DeviceInfo, Workload, ZeroSpec
from stand_ins import PhoneStandIn, write_adb


@pytest.fixture
def phone(tmp_path: Path) -> PhoneStandIn:
    return write_adb(tmp_path / "phone")


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch, blocks: list[Workload], blocks_model: bytes) -> None:
    def convert_workloads(workloads: Sequence[Workload], **options: object) -> bytes:
        assert set(workloads) <= set(blocks)
        assert len(set(workloads)) == len(workloads)
        return blocks_model

    monkeypatch.setattr(file_device, "convert_workloads", convert_workloads)


def device(phone: PhoneStandIn, *, probe: bool = False, **options: Any) -> AdbDevice:
    return AdbDevice(adb=phone.adb, probe=probe, **options)


def size_ms(model: bytes, names: Sequence[str]) -> float:
    """What the stand-in takes for the file of these signatures: a microsecond a byte."""
    return len(chain_signatures(model, names)) / 1000


@pytest.mark.usefixtures("converted")
def test_every_block_and_net_is_timed_as_its_own_file(
    phone: PhoneStandIn, blocks: list[Workload], blocks_model: bytes, architecture: Architecture
) -> None:
    told: list[tuple[str, int, int]] = []
    rows = [blocks[:2], [], blocks[1:]]
    measured = device(phone).measure(rows, nets=[architecture], progress=lambda *step: told.append(step))
    found = dict(measured)
    assert list(found) == [*blocks, architecture]
    idle_ms = size_ms(blocks_model, ["idle"])
    for key, measurement in found.items():
        names = architecture_signatures(key) if isinstance(key, Architecture) else [str(key)]
        assert measurement.overhead_ms == pytest.approx(idle_ms)
        assert measurement.latency_ms + idle_ms == pytest.approx(size_ms(blocks_model, names))
        assert measurement.p25_ms < measurement.median_ms < measurement.p75_ms
        assert measurement.count == 50
    assert told == [("converting", 0, 1), ("converting", 1, 1), *(("measuring", done, 5) for done in range(6))]
    assert phone.files == []


@pytest.mark.usefixtures("converted")
def test_a_phone_that_becomes_slow_half_way_measures_what_it_would_have_at_one_speed(
    phone: PhoneStandIn, blocks: list[Workload], blocks_model: bytes, architecture: Architecture
) -> None:
    # After the probe, the empty call, the probe and the block.
    phone.set(runs_left=1000, slow_at=1000 - 4, slower=1.3)
    found = dict(device(phone, probe=True).measure([blocks[:1]], nets=[architecture]))
    # Once more the block, since the probes around it do not agree; then the net.
    assert sum("--graph" in call for call in phone.calls) == 5 + 2 + 2
    probe_ms, idle_ms = probe_file("float32").stat().st_size / 1000, size_ms(blocks_model, ["idle"])
    for key, names in ((blocks[0], [blocks[0].name]), (architecture, architecture_signatures(architecture))):
        measurement = found[key]
        assert measurement.probe_ms == pytest.approx(1.3 * probe_ms, rel=1e-4)
        assert not measurement.noisy
        told = measurement.at(probe_ms)
        # Times are whole microseconds.
        assert told.overhead_ms == pytest.approx(idle_ms, abs=0.002)
        assert told.latency_ms == pytest.approx(size_ms(blocks_model, names) - idle_ms, abs=0.003)
    assert phone.files == []


@pytest.mark.usefixtures("converted")
def test_the_file_on_the_phone_runs(phone: PhoneStandIn, blocks: list[Workload]) -> None:
    phone.set(form="run")
    measured = list(device(phone).measure([blocks[:2]]))
    assert [workload for workload, _ in measured] == blocks[:2]
    assert phone.files == []


@pytest.mark.usefixtures("converted")
def test_measurements_are_taken_when_they_are_asked_for(phone: PhoneStandIn, blocks: list[Workload]) -> None:
    measured = device(phone).measure([blocks])
    assert not any("--graph" in call for call in phone.calls)
    next(measured)
    # The empty call, and the first block.
    assert sum("--graph" in call for call in phone.calls) == 2


@pytest.mark.usefixtures("converted")
def test_a_phone_that_vanishes_leaves_what_was_measured(phone: PhoneStandIn, blocks: list[Workload]) -> None:
    phone.set(runs_left=3)
    kept = []
    with pytest.raises(DeviceError) as caught:
        for workload, measurement in device(phone).measure([blocks]):
            kept.append((workload, measurement))
    assert [workload for workload, _ in kept] == blocks[:2]
    assert str(caught.value) == (
        f"phone R5CT1 is gone, asked to time block {blocks[2]}: connect it and run again to go on"
    )


@pytest.mark.usefixtures("converted")
def test_int8_files(phone: PhoneStandIn, blocks: list[Workload], blocks_model: bytes, tmp_path: Path) -> None:
    import torch

    block = blocks[1]
    ((_, measurement),) = device(phone, dtype="int8").measure([[block]])
    path = tmp_path / "block.tflite"
    path.write_bytes(chain_signatures(blocks_model, [block.name]))
    images = torch.rand(MIN_CALIBRATION_IMAGES, *block.input_shape[1:])
    quantize_tflite(path, path, "int8", calibration=images)
    assert measurement.latency_ms + measurement.overhead_ms == pytest.approx(path.stat().st_size / 1000)
    assert device(phone, dtype="int8").info.dtype == "int8"


def test_files_cost_their_call_too(phone: PhoneStandIn, tflite_path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.tflite"
    copy.write_bytes(tflite_path.read_bytes())
    told: list[tuple[str, int, int]] = []
    one = device(phone)
    found = one.measure_files([tflite_path, copy], progress=lambda *step: told.append(step))
    assert list(found) == [tflite_path, copy]
    for measurement in found.values():
        assert measurement.latency_ms == pytest.approx(tflite_path.stat().st_size / 1000)
        assert measurement.overhead_ms == 0.0
    assert told == [("measuring", 1, 2), ("measuring", 2, 2)]
    assert one.suffix == tflite_path.suffix
    assert phone.files == []


def test_the_phone_says_what_it_is(phone: PhoneStandIn) -> None:
    expected = DeviceInfo(
        device="Test Phone 7 (t700)",
        runtime="benchmark_model",
        runtime_version="0123456789ab",
        threads=1,
        dtype="float32",
    )
    one = device(phone)
    assert one.info == expected
    calls = len(phone.calls)
    assert one.info == expected
    assert len(phone.calls) == calls, "the phone is asked once"


def test_all_that_changes_latencies_is_in_the_info(phone: PhoneStandIn) -> None:
    phone.set(properties={"ro.product.model": "Test Phone 8", "ro.soc.model": "T8", "ro.board.platform": "t800"})
    info = device(phone, threads=4, cpus=(7, 4, 4), use_xnnpack=False, statistic="avg").info
    assert info.device == "Test Phone 8 (T8) on CPUs 4,7"
    assert info.runtime == "benchmark_model no XNNPACK avg"
    assert info.threads == 4


def test_options_reach_benchmark_model(phone: PhoneStandIn, tflite_path: Path) -> None:
    phone.set(binary="/data/local/tmp/new tools/bench")
    one = device(
        phone,
        serial="R5CT1",
        threads=2,
        cpus=(4, 5, 6, 7),
        binary="/data/local/tmp/new tools/bench",
        use_xnnpack=False,
        runs=20,
        warmup_runs=3,
    )
    (measurement,) = one.measure_files([tflite_path]).values()
    assert measurement.count == 20
    (call,) = [call for call in phone.calls if "--graph" in call]
    assert re.search(
        r"taskset f0 .*new tools/bench.* --graph=/data/local/tmp/pnas-\w+\.tflite "
        r"--num_threads=2 --num_runs=20 --warmup_runs=3 --use_xnnpack=false",
        call,
    )


def test_an_older_build_is_measured_by_its_mean(phone: PhoneStandIn, tflite_path: Path) -> None:
    phone.set(form="old")
    (measurement,) = device(phone, statistic="avg").measure_files([tflite_path]).values()
    size = tflite_path.stat().st_size
    # The mean of the three times that the stand-in invents.
    assert measurement.latency_ms == pytest.approx((size + (-5 + 40 + 130) / 3) / 1000, rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"phones": {}}, "adb sees no phone: connect one and allow USB debugging in its developer options"),
        ({"phones": {"A": "device", "B": "device"}}, "adb sees the phones A, B: give the serial number of one"),
        ({"phones": {"A": "unauthorized"}}, "phone A is unauthorized: unlock it and allow this computer on its screen"),
        ({"phones": {"A": "offline"}}, "phone A is 'offline': connect it anew"),
        (
            {"binary": "/data/local/tmp/another"},
            "phone R5CT1 has no program /data/local/tmp/benchmark_model: get benchmark_model for Android from "
            "https://ai.google.dev/edge/litert/models/measurement, then adb push benchmark_model "
            "/data/local/tmp/benchmark_model && adb shell chmod +x /data/local/tmp/benchmark_model",
        ),
    ],
)
def test_what_is_missing_is_said_before_anything_is_converted(
    phone: PhoneStandIn, blocks: list[Workload], settings: dict[str, Any], message: str
) -> None:
    phone.set(**settings)
    with pytest.raises(DeviceError) as caught:
        device(phone).measure([blocks])
    assert str(caught.value) == message


def test_one_of_two_phones_is_chosen_by_its_serial_number(phone: PhoneStandIn) -> None:
    phone.set(phones={"A": "unauthorized", "B:5555": "device"})
    assert device(phone, serial="B:5555").info.device == "Test Phone 7 (t700)"
    with pytest.raises(DeviceError, match=r"^adb sees no phone C, only A, B:5555: give the serial number of one$"):
        _ = device(phone, serial="C").info


def test_no_adb_here(blocks: list[Workload]) -> None:
    with pytest.raises(DeviceError, match=r"^there is no program 'no-adb' here: install adb, of Android's platform"):
        AdbDevice(adb="no-adb").measure([blocks])


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("failure", "asked to time FILE, ended with code 1 and printed 'ERROR: Benchmarking failed.'"),
        ("garbage", "did not time FILE: it printed no report of benchmark_model"),
        ("broken off", "did not time FILE: the report of benchmark_model breaks off after the warm-up"),
        ("old", "did not time FILE: the report of benchmark_model has no p5 and median: take a newer build, or ask"),
    ],
)
def test_a_run_that_fails_names_the_file_and_leaves_none(
    phone: PhoneStandIn, tflite_path: Path, form: str, message: str
) -> None:
    phone.set(form=form)
    with pytest.raises(DeviceError) as caught:
        device(phone).measure_files([tflite_path])
    assert str(caught.value).startswith("phone R5CT1")
    assert message.replace("FILE", str(tflite_path)) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert phone.files == []


def test_a_run_that_does_not_end_is_given_up(phone: PhoneStandIn, tflite_path: Path) -> None:
    one = device(phone, timeout_s=2.0)
    assert one.info.threads == 1
    phone.set(form="hang")
    with pytest.raises(DeviceError, match=r"asked to time .*: .*adb did not end within 2 s: see why, or allow it more"):
        one.measure_files([tflite_path])
    assert phone.files == []


@pytest.mark.usefixtures("converted")
def test_nothing_asked_nothing_done(phone: PhoneStandIn) -> None:
    assert list(device(phone).measure([[], []])) == []


def test_what_computes_nothing_is_refused_at_once(phone: PhoneStandIn, blocks: list[Workload]) -> None:
    skip = Workload(block=BlockSpec(op=ZeroSpec(), in_channels=4, out_channels=4, residual=True), height=8, width=8)
    with pytest.raises(ValueError, match=r"^skip .* computes nothing"):
        device(phone).measure([blocks, [skip]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": 0}, "'threads' must be a whole number from 1 to 1,024"),
        ({"cpus": (-1,)}, "must be a whole number from 0 to 1,023"),
        ({"dtype": "float16"}, "'dtype' must be in"),
        ({"statistic": "p5"}, "'statistic' must be in"),
        ({"runs": 1}, "'runs' must be a whole number from 2"),
        ({"timeout_s": 0.0}, "'timeout_s' must be a number above 0"),
    ],
)
def test_options_out_of_range(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AdbDevice(**options)
