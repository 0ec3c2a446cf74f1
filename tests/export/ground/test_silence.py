"""Silence: everything printed inside goes where it was sent, and everything is set back."""

import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from digits_net import INT8, SCHEMES, Digits
from pnas_export import ConversionError, quantize_onnx, quantize_tflite
from pnas_export.ground.conversion import converting
from pnas_export.ground.silence import redirect_output


def make_noise() -> None:
    print("python out")
    print("python err", file=sys.stderr)
    os.write(1, b"c out\n")
    os.write(2, b"c err\n")
    warnings.warn("python warning", stacklevel=1)


def fail_noisily() -> None:
    make_noise()
    raise RuntimeError("outer\nlong story") from KeyError("inner")


def test_noise_goes_to_the_log_and_appends(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "logs" / "converter.log"
    for _ in range(2):
        with redirect_output(log):
            make_noise()
    print("after")
    assert sorted(log.read_text().splitlines()) == sorted(["python out", "python err", "c out", "c err"] * 2)
    assert capfd.readouterr() == ("after\n", "")


def test_noise_is_dropped_without_a_log(capfd: pytest.CaptureFixture[str]) -> None:
    with redirect_output():
        make_noise()
    assert capfd.readouterr() == ("", "")


def test_everything_is_set_back_after_an_error(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    monkeypatch.delenv("LITERT_TORCH_SHOW_PROGRESS", raising=False)
    environment = dict(os.environ)
    streams = sys.stdout, sys.stderr
    seen: list[str] = []

    def fail() -> None:
        seen.append(os.environ["TF_CPP_MIN_LOG_LEVEL"])
        raise KeyError

    with pytest.raises(KeyError), redirect_output():
        fail()
    assert seen == ["3"]
    assert dict(os.environ) == environment
    assert (sys.stdout, sys.stderr) == streams
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


@pytest.mark.parametrize("logged", [True, False])
def test_a_failure_is_one_line_with_the_noise_in_its_notes(logged: bool, tmp_path: Path) -> None:
    with pytest.raises(ConversionError) as caught, converting("net x to Y", log=tmp_path / "log" if logged else None):
        fail_noisily()
    assert str(caught.value) == "cannot convert net x to Y: KeyError: inner"
    assert "c err" in caught.value.__notes__[0]
    assert "python out" in caught.value.__notes__[0]


def test_a_failure_survives_another_process_with_its_parts() -> None:
    error = ConversionError("net x to Y", "KeyError: inner", "blocks.1", "Conv2d")
    error.add_note("noise")
    assert str(error) == "cannot convert net x to Y: layer 'blocks.1' (Conv2d): KeyError: inner"
    for again in (error, pickle.loads(pickle.dumps(error))):
        assert (again.converted, again.reason, again.layer, again.layer_type) == (
            "net x to Y",
            "KeyError: inner",
            "blocks.1",
            "Conv2d",
        )
        assert (str(again), again.__notes__) == (str(error), ["noise"])


def test_a_failure_shows_its_first_line_only() -> None:
    with pytest.raises(ConversionError, match=r"^cannot convert it: RuntimeError: first$"), converting("it"):
        raise RuntimeError("\nfirst\nsecond")


def test_import_loads_no_converter_and_changes_nothing() -> None:
    program = """
import os, sys
before = dict(os.environ)
import torch, torchvision
known = set(sys.modules)
import pnas_export
assert dict(os.environ) == before
heavy = {"litert_torch", "ai_edge_litert", "tflite_runtime", "onnxruntime", "onnx", "flatbuffers", "jax"}
print(*sorted(heavy & (set(sys.modules) - known)))
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("\n", "")


def test_quantizers_print_nothing(digits: Digits, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for scheme in SCHEMES:
        calibration = digits.calibration if scheme in INT8 else None
        quantize_tflite(digits.tflite, tmp_path / "net.tflite", scheme, calibration=calibration)
    quantize_onnx(digits.onnx, tmp_path / "net.onnx", calibration=digits.calibration)
    assert capfd.readouterr() == ("", "")
