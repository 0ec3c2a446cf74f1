"""A command that times files, as a device; a script stands in for the board behind it."""

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from pnas_export import CommandDevice, DeviceError, chain_signatures
from pnas_export.devices import file_device
from pnas_export.devices.file_device import FileByFileDevice
from pnas_export.timing.sessions import probe_file
from pnas_ops import Architecture, DeviceInfo, Measurement, Workload
from stand_ins import write_bench


def device(
    folder: Path, form: str, arguments: str = "{model}", *, probe: bool = False, **options: Any
) -> CommandDevice:
    return CommandDevice(template=f"{write_bench(folder, form)} {arguments}", probe=probe, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def test_blocks_and_nets(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    blocks: list[Workload],
    blocks_model: bytes,
    architecture: Architecture,
) -> None:
    def convert_workloads(workloads: Sequence[Workload], **options: object) -> bytes:
        assert list(workloads) == blocks
        return blocks_model

    monkeypatch.setattr(file_device, "convert_workloads", convert_workloads)
    found = dict(device(folder, "SIZE", probe=True).measure([[block] for block in blocks], nets=[architecture]))
    assert list(found) == [*blocks, architecture]
    assert {one.probe_ms for one in found.values()} == {probe_file("float32").stat().st_size}
    idle, *sizes, net = (
        len(chain_signatures(blocks_model, names))
        for names in (["idle"], *([block.name] for block in blocks), [block.name for block in blocks])
    )
    assert [one.latency_ms for one in found.values()] == [size - idle for size in (*sizes, net)]
    assert {one.overhead_ms for one in found.values()} == {float(idle)}


@frozen(kw_only=True)
class SlowEmptyCall(FileByFileDevice):
    """Whatever it times takes 1 ms, but an empty call 2."""

    @property
    def info(self) -> DeviceInfo:
        return DeviceInfo(device="slow", runtime="none", runtime_version="0", threads=1, dtype="float32")

    def time_file(self, path: Path, what: str) -> Measurement:
        latency_ms = 2.0 if what == "an empty call" else 1.0
        return Measurement(latency_ms=latency_ms, p25_ms=0, median_ms=0, p75_ms=0, count=1)


def test_a_block_that_is_faster_than_an_empty_call_costs_nothing(
    monkeypatch: pytest.MonkeyPatch, blocks: list[Workload], blocks_model: bytes
) -> None:
    monkeypatch.setattr(file_device, "convert_workloads", lambda workloads, **options: blocks_model)
    found = dict(SlowEmptyCall(probe=False).measure([blocks]))
    assert [(one.latency_ms, one.overhead_ms) for one in found.values()] == [(0.0, 2.0)] * len(blocks)


def test_a_command_that_cannot_time_the_probe_is_told_how_it_goes_without(folder: Path, tflite_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"did not time the probe .*by hand to see why; or do without it \(probe=Fal"):
        device(folder, "failure", probe=True).measure_files([tflite_path])


@pytest.mark.parametrize(
    ("form", "latency_of_size", "count"),
    [
        ("new", lambda size: size / 1000, 50),
        ("same", lambda size: size / 1000, 50),
        ("SIZE", float, 1),
        ("SIZE.5 ms\n", lambda size: size + 0.5, 1),
        ('{"latency_ms": SIZE}', float, 1),
        # The 10th percentile of 1, 2, ..., 11.
        (json.dumps({"samples_ms": list(range(1, 12))}), lambda _: 2.0, 11),
    ],
)
def test_every_form_of_an_answer(folder: Path, tflite_path: Path, form: str, latency_of_size: Any, count: int) -> None:
    (found,) = device(folder, form).measure_files([tflite_path]).values()
    assert found.latency_ms == pytest.approx(latency_of_size(tflite_path.stat().st_size))
    assert found.count == count
    assert found.overhead_ms == 0.0


def test_the_mean_of_an_older_report(folder: Path, tflite_path: Path) -> None:
    (found,) = device(folder, "old", statistic="avg").measure_files([tflite_path]).values()
    assert found.latency_ms == pytest.approx((tflite_path.stat().st_size + 55) / 1000, rel=1e-5)


def test_the_command_is_split_but_runs_without_a_shell(folder: Path, tflite_path: Path) -> None:
    one = device(folder, "1", "'{model}' --threads={threads} '$HOME two words' ; {other}", threads=3)
    one.measure_files([tflite_path])
    assert json.loads((folder / "calls.txt").read_text()) == ["--threads=3", "$HOME two words", ";", "{other}"]


@pytest.mark.parametrize(
    "inner",
    ["echo {model}", 'echo "{model}"', "echo '{model}'", "echo '\"''{model}''\"' | tr -d '\"'"],
    ids=["bare", "double", "single", "mixed"],
)
def test_a_path_is_quoted_for_the_shell_that_a_word_is_for(inner: str, tmp_path: Path) -> None:
    path = tmp_path / """it's $HOME "a  b" `c` \\ {threads}.tflite"""
    path.write_bytes(b"")
    seen = tmp_path / "seen"
    inner = inner.replace("echo", "printf %s")
    template = shlex.join(["sh", "-c", f"{inner} > {seen}; echo 1.5 # {{threads}}"])
    (found,) = CommandDevice(template=template, probe=False).measure_files([path]).values()
    assert found.latency_ms == 1.5
    assert seen.read_text().replace('"', "") == str(path).replace('"', "")


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ("failure", "it ended with code 3 and printed 'Connection refused'"),
        ("Bus error", "and printed 'Bus error'"),
        ("", "and printed 'connecting ...'"),
        ("12.5 us", "and printed '12.5 us'"),
        ("1.2.3", "'1.2.3' is no number of milliseconds"),
        ('{"latency_ms": -1}', "-1 is no number of milliseconds"),
        ('{"latency_ms": NaN}', "nan is no number of milliseconds"),
        ('{"latency_ms": 1, "unit": "s"}', "it must print a report of benchmark_model"),
        ('{"latency_ms": true}', "True is no number of milliseconds"),
        ('{"latency_ms": "1.3"}', "'1.3' is no number of milliseconds"),
        ("0.00 ms", "0.0 is no number of milliseconds above 0"),
        ("1e999", "inf is no number of milliseconds"),
        ("[" * 9999, "it must print a report of benchmark_model"),
        ('{"samples_ms": [1]}', "it must print a report of benchmark_model"),
        ('{"samples_ms": [1, "x"]}', "'x' is no number of milliseconds"),
        ("old", "no p5 and median: take a newer build, or ask for the statistic 'avg'"),
    ],
)
def test_an_answer_that_is_none_names_the_command_and_the_file(
    folder: Path, tflite_path: Path, form: str, message: str
) -> None:
    one = device(folder, form)
    with pytest.raises(DeviceError) as caught:
        one.measure_files([tflite_path])
    text = str(caught.value)
    assert text.startswith(f"command {one.template!r} did not time {tflite_path}: ")
    assert message in text
    assert text.endswith(": run it by hand to see why")
    assert "\n" not in text


def test_a_command_that_does_not_end_is_killed(folder: Path, tflite_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"bench did not end within 1 s: see why, or allow it more \(timeout_s\)"):
        device(folder, "hang", timeout_s=1.0).measure_files([tflite_path])


def test_a_program_that_is_not_there(tflite_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"did not time .*: cannot run no-bench: No such file or directory: run it"):
        CommandDevice(template="no-bench {model}").measure_files([tflite_path])


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (
            "ssh board bench",
            r"command 'ssh board bench' lacks \{model\}: write it where the path of the file is to stand",
        ),
        ("", r"command '' lacks \{model\}"),
        ("bench '{model}", r"command \"bench '\{model\}\" cannot be split: no closing quotation"),
    ],
)
def test_a_template_that_cannot_work(template: str, message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        CommandDevice(template=template)


def test_another_command_is_another_device() -> None:
    one, other = (CommandDevice(template=f"{name} {{model}}", name="board", threads=2) for name in ("a", "b"))
    assert one.info.device == other.info.device == "board"
    assert one.info.runtime_version != other.info.runtime_version
    assert one.info.threads == 2
    assert CommandDevice(template="a {model}").info.device == "a {model}"
