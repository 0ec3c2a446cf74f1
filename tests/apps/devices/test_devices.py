"""Devices by their names on the command line."""

import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from onnxruntime import get_available_providers

from pnas_apps.devices.device_names import DEVICES_HELP, parse_device
from pnas_apps.devices.device_report import device_report
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.run.device_settings import Dtype
from pnas_cifar10.cli import main
from pnas_export import AdbDevice, CommandDevice, TFLiteDevice, TFLiteRuntime
from pnas_latency import Device, TorchDevice
from stand_ins import PhoneStandIn, write_adb, write_bench

NAMES = ["torch-cpu", "torch-cuda", "tflite", "tflite-runtime", "onnxruntime", "adb", "cmd"]


def parse(text: str, *, threads: int = 1, dtype: Dtype = "float32") -> Device:
    return parse_device(text, threads=threads, dtype=dtype, cache=Cache(Path("nowhere")), log=None)


@pytest.fixture
def phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PhoneStandIn:
    stand_in = write_adb(tmp_path / "phone")
    monkeypatch.setenv("PATH", str(stand_in.home), prepend=":")
    return stand_in


@pytest.fixture
def no_adb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("torch-cpu", "torch"),
        ("tflite", "ai-edge-litert"),
        pytest.param(
            "tflite-runtime",
            "tflite-runtime",
            marks=pytest.mark.skipif(not TFLiteRuntime().installed, reason="tflite-runtime is not installed"),
        ),
        ("onnxruntime", "onnxruntime"),
    ],
)
def test_devices_of_this_machine(name: str, library: str) -> None:
    info = parse(name, threads=2).info
    assert (info.runtime, info.threads, info.dtype) == (library, 2, "float32")
    assert info.runtime_version.split("+")[0] == version(library)


def test_pytorch_in_batches() -> None:
    info = parse("torch-cpu,mode=compile,batch=8", threads=2, dtype="bfloat16").info
    assert (info.runtime, info.batch, info.threads, info.dtype) == ("torch (compile)", 8, 2, "bfloat16")
    assert parse("torch-cpu").info == TorchDevice("cpu").info


def test_int8() -> None:
    assert parse("tflite", dtype="int8").info.dtype == "int8"


def test_folders_reach_the_device(tmp_path: Path) -> None:
    one = parse_device("tflite", threads=1, dtype="float32", cache=Cache(tmp_path / "cache"), log=tmp_path / "log.txt")
    assert isinstance(one, TFLiteDevice)
    assert (one.cache, one.log) == (tmp_path / "cache" / "conversions", tmp_path / "log.txt")


def test_a_phone(phone: PhoneStandIn) -> None:
    assert parse("adb").info.device == "Test Phone 7 (t700)"
    phone.set(phones={"A": "device", "B:5555": "device"})
    one = parse("adb,cpus=4-6+9,statistic=avg:B:5555", threads=3, dtype="int8")
    assert isinstance(one, AdbDevice)
    assert (one.serial, one.cpus, one.statistic) == ("B:5555", (4, 5, 6, 9), "avg")
    assert (one.info.threads, one.info.dtype) == (3, "int8")


def test_a_command(tmp_path: Path) -> None:
    bench = write_bench(tmp_path, "1.5")
    one = parse(f"cmd:{bench} {{model}} a:b", threads=4)
    assert isinstance(one, CommandDevice)
    assert one.template == f"{bench} {{model}} a:b"
    assert one.info.threads == 4
    older = parse(f"cmd,statistic=avg:{bench} {{model}}", dtype="int8")
    assert isinstance(older, CommandDevice)
    assert (older.statistic, older.dtype, older.probe) == ("avg", "int8", True)
    simulator = parse(f"cmd,probe=no:{bench} {{model}}")
    assert isinstance(simulator, CommandDevice)
    assert not simulator.probe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpu", f"there is no device 'gpu': name one of {', '.join(NAMES)}"),
        ("", "there is no device '': name one of"),
        ("tflite:x", "device 'tflite:x': nothing may follow tflite"),
        ("tflite,cpus=1", "device 'tflite,cpus=1' has the unknown option 'cpus': tflite has none"),
        ("adb,core=1", "device 'adb,core=1' has the unknown option 'core': adb has cpus, statistic, probe"),
        (
            "torch-cpu,batch=4,batch=5",
            "device 'torch-cpu,batch=4,batch=5' has the option 'batch' twice: leave one of them",
        ),
        ("adb,cpus=fast", "device 'adb,cpus=fast' cannot be used: cpus=fast: write 4-7, or 4+6"),
        (
            "torch-cpu,mode=fast",
            "device 'torch-cpu,mode=fast' cannot be used: mode=fast: it is eager or graph or compile",
        ),
        (
            "torch-cpu,batch=0",
            "device 'torch-cpu,batch=0' cannot be used: batch=0: give a number of images, such as 8",
        ),
        (
            "torch-cpu,batch=99999",
            "device 'torch-cpu,batch=99999' cannot be used: 'batch' must be a whole number from 1",
        ),
        ("torch-cpu,mode=graph", "device 'torch-cpu,mode=graph' cannot be used: there are no CUDA graphs on a CPU"),
        ("adb,statistic=p5", "device 'adb,statistic=p5' cannot be used: statistic=p5: it is p10 or avg"),
        ("cmd,probe=0:bench {model}", "device 'cmd,probe=0:bench {model}' cannot be used: probe=0: it is yes or no"),
        ("cmd:bench", "device 'cmd:bench' cannot be used: command 'bench' lacks {model}"),
        ("cmd", "device 'cmd' cannot be used: command '' lacks {model}"),
        ("cmd:no-bench {model}", "device 'cmd:no-bench {model}' cannot be used: there is no program 'no-bench' here"),
    ],
)
def test_mistakes_are_told_with_what_there_is(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(text)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("name", "dtype", "known"),
    [
        ("torch-cpu", "int8", "float32, float16, bfloat16"),
        ("onnxruntime", "int8", "float32"),
        ("tflite", "float16", "float32, int8"),
    ],
)
def test_a_dtype_that_a_device_lacks(name: str, dtype: Dtype, known: str) -> None:
    with pytest.raises(UserError, match=rf"^device {name} does not measure '{dtype}': it has {known}$"):
        parse(name, dtype=dtype)


@pytest.mark.skipif("CUDAExecutionProvider" in get_available_providers(), reason="there is onnxruntime-gpu here")
def test_no_onnxruntime_gpu() -> None:
    with pytest.raises(UserError, match=r"' cannot be used: onnxruntime [\d.]+ has no provider 'cuda': pip install"):
        parse("onnxruntime,provider=cuda")


@pytest.mark.usefixtures("no_adb")
def test_a_device_that_is_not_here() -> None:
    with pytest.raises(UserError, match=r"^device 'adb' cannot be used: there is no program 'adb' here: install adb"):
        parse("adb")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA GPU here")
def test_no_gpu() -> None:
    with pytest.raises(UserError, match=r"^device 'torch-cuda' cannot be used: .*no CUDA GPU here: give .*torch-cpu$"):
        parse("torch-cuda")


def test_threads_are_positive() -> None:
    with pytest.raises(UserError, match=r"^device 'tflite' cannot be used: 'threads' must be a whole number from 1"):
        parse("tflite", threads=0)


@pytest.mark.usefixtures("no_adb")
def test_the_report_covers_every_device_and_says_what_is_missing() -> None:
    report = {status.name: status for status in device_report()}
    assert [*report] == [*NAMES[:-1], "cmd:COMMAND"]
    assert report["torch-cpu"].usable
    assert report["torch-cpu"].version == torch.__version__
    assert report["tflite"].version == version("ai-edge-litert")
    assert report["torch-cuda"].usable == torch.cuda.is_available()
    assert report["tflite-runtime"].usable == TFLiteRuntime().installed
    assert report["adb"].reason.startswith("there is no program 'adb' here: install adb")
    for status in report.values():
        assert status.usable == (not status.reason)


def test_the_report_asks_the_phone(phone: PhoneStandIn) -> None:
    def adb(status: Callable[[], object] = lambda: None) -> tuple[bool, str, str]:
        status()
        (found,) = (one for one in device_report() if one.name == "adb")
        return found.usable, found.reason, found.version

    assert adb() == (True, "", "Test Phone 7 (t700), benchmark_model 0123456789ab")
    assert adb(lambda: phone.set(phones={"A": "unauthorized"}))[1].startswith("phone A is unauthorized: unlock it")


@pytest.mark.usefixtures("no_adb")
def test_doctor_prints_every_device_and_the_whole_way_out(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(TFLiteRuntime, "installed", False)
    assert CliRunner().invoke(main, ["doctor"]).exit_code == 0
    printed = capfd.readouterr().out
    # What wraps is joined again: a row goes on where the first two columns are empty.
    rows: dict[str, list[str]] = {}
    for line in printed.splitlines():
        if found := re.match(r" (\S+) +(yes|no) +(\S.*)", line):
            rows[found[1]] = [found[2], found[3].strip()]
            last = found[1]
        elif line.strip() and rows:
            rows[last][1] += f" {line.strip()}"
    for status in device_report():
        expected = ["yes", status.version] if status.usable else ["no", status.reason]
        assert rows.pop(status.name) == expected
    assert rows == {}
    assert "pip install 'pnas-export[tflite-runtime]' (" in " ".join(printed.split())
    assert max(map(len, printed.splitlines())) <= 80


@pytest.mark.parametrize("verb", ["table", "bench"])
def test_the_help_names_every_device_in_80_columns(verb: str) -> None:
    assert all(name in DEVICES_HELP for name in NAMES)
    printed = CliRunner().invoke(main, [verb, "--help"]).output
    assert all(line in printed for line in DEVICES_HELP.splitlines())
    assert max(map(len, printed.splitlines())) <= 80
