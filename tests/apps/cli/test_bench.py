"""What files are timed on where no device is named."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from command_line import assert_refused
from pnas_apps.cli import file_commands
from pnas_apps.ground.errors import UserError
from pnas_cifar10.cli import main
from pnas_ops import DeviceInfo, FormatError, Measurement


class OneMillisecond:
    """A device on which every file takes a millisecond."""

    def __init__(self, name: str, suffix: str) -> None:
        self.info = DeviceInfo(device="d", runtime=name, runtime_version="1", threads=1, dtype="float32")
        self.suffix = suffix

    def measure(self, *arguments: object, **options: object) -> Any:
        raise NotImplementedError

    def measure_files(self, paths: list[Path], *, progress: object) -> dict[Path, Measurement]:
        one = Measurement(latency_ms=1.0, p25_ms=1.0, median_ms=1.0, p75_ms=1.0, count=2)
        return dict.fromkeys(paths, one)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The devices that are here."""
    names = ["tflite", "onnxruntime"]

    def parse(name: str, **options: object) -> OneMillisecond:
        if name not in names:
            raise UserError(f"device {name!r} cannot be used: it is not installed")
        return OneMillisecond(name, {"tflite": ".tflite", "onnxruntime": ".onnx"}[name])

    monkeypatch.setattr(file_commands, "parse_device", parse)
    return names


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    for name in ("model.tflite", "model.onnx", "README.md"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.usefixtures("here")
def test_each_file_is_timed_by_its_runtime(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert CliRunner().invoke(main, ["bench", str(bundle)]).exit_code == 0
    printed = capfd.readouterr().out
    assert printed.index("(tflite 1") < printed.index("model.tflite") < printed.index("(onnxruntime 1")
    assert printed.index("(onnxruntime 1") < printed.index("model.onnx")
    assert CliRunner().invoke(main, ["bench", str(bundle / "model.onnx")]).exit_code == 0
    assert "tflite" not in capfd.readouterr().out
    assert_refused(CliRunner().invoke(main, ["bench", str(bundle / "README.md")]), "is no .tflite or .onnx file")


def test_files_whose_runtime_is_not_here_are_left_out_and_told(
    bundle: Path, here: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    here.remove("onnxruntime")
    assert CliRunner().invoke(main, ["bench", str(bundle)]).exit_code == 0
    printed = " ".join(capfd.readouterr().out.split())
    assert "model.onnx skipped: device 'onnxruntime' cannot be used: it is not installed" in printed
    assert "(tflite 1" in printed
    here.clear()
    assert_refused(CliRunner().invoke(main, ["bench", str(bundle)]), "device 'tflite' cannot be used: it is not inst")


@pytest.mark.usefixtures("here")
def test_a_damaged_file_is_told_before_any_is_timed(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def check(file: Path) -> None:
        if file.suffix == ".onnx":
            raise FormatError(f"{file} has changed since it was written")

    monkeypatch.setattr(file_commands.Bundle, "check_file", check)
    assert_refused(CliRunner().invoke(main, ["bench", str(bundle)]), "model.onnx has changed since it was written")
    assert "model.tflite" not in capfd.readouterr().out
