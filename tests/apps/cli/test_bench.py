"""What files are timed on where no device is named."""

import re
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from click.testing import CliRunner

from command_line import assert_refused
from pnas_apps.cli import file_commands
from pnas_apps.ground.errors import UserError
from pnas_cifar10.cli import main
from pnas_latency import LatencyTable
from pnas_ops import DeviceInfo, FormatError, Measurement, digits_mbconv_space
from tables import uniform_table


class OneMillisecond:
    """A device on which every file takes a millisecond."""

    p75_ms = 1.4

    def __init__(self, name: str, suffix: str) -> None:
        self.info = DeviceInfo(device="d", runtime=name, runtime_version="1", threads=1, dtype="float32")
        self.suffix = suffix

    def measure(self, *arguments: object, **options: object) -> Any:
        raise NotImplementedError

    def measure_files(self, paths: list[Path], *, progress: object) -> dict[Path, Measurement]:
        one = Measurement(latency_ms=1.0, p25_ms=1.0, median_ms=1.3, p75_ms=self.p75_ms, count=2, probe_ms=0.3)
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
def test_figures_that_other_work_disturbed_have_a_word_that_is_explained(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert CliRunner().invoke(main, ["bench", str(bundle / "model.onnx")]).exit_code == 0
    assert "isturbed" not in capfd.readouterr().out
    monkeypatch.setattr(OneMillisecond, "p75_ms", 5.4)
    assert CliRunner().invoke(main, ["bench", str(bundle / "model.onnx")]).exit_code == 0
    printed = capfd.readouterr().out
    assert re.search(r"model\.onnx .* 2 +disturbed", printed)
    assert "Disturbed: a quarter of the runs" in " ".join(printed.split())


def table_of(name: str, *, probe_ms: float = 0.2) -> LatencyTable:
    found = uniform_table(digits_mbconv_space())
    entries = (evolve(one, measurement=evolve(one.measurement, probe_ms=probe_ms)) for one in found.entries)
    return evolve(found, device=OneMillisecond(name, "").info, entries=tuple(entries), nets=())


@pytest.mark.usefixtures("here")
def test_how_slow_the_machine_is_is_told_beside_the_table_of_the_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bundle").mkdir()
    file = tmp_path / "bundle" / "model.onnx"
    file.touch()
    for made, said in (
        (None, "0.3000 ms."),
        ("tflite", "0.3000 ms."),
        ("onnxruntime", "0.3000 ms, 1.50 times the 0.2"),
    ):
        if made is not None:
            table_of(made).save(tmp_path / "table.json")
        assert CliRunner().invoke(main, ["bench", str(file)]).exit_code == 0
        assert f"the probe takes {said}" in " ".join(capfd.readouterr().out.split())


@pytest.mark.usefixtures("here")
def test_files_of_several_runs_are_beside_the_table_of_none(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / name / "bundle" / "model.onnx" for name in ("first", "second")]
    for file, probe_ms in zip(files, (0.2, 0.4), strict=True):
        file.parent.mkdir(parents=True)
        file.touch()
        table_of("onnxruntime", probe_ms=probe_ms).save(file.parent.parent / "table.json")
    assert CliRunner().invoke(main, ["bench", *map(str, files)]).exit_code == 0
    assert "the probe takes 0.3000 ms." in " ".join(capfd.readouterr().out.split())


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
