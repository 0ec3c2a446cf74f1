"""What cannot be quantized is refused in a line, and nothing is written."""

from collections.abc import Callable
from pathlib import Path

import pytest
from torch import Tensor

from digits_net import SCHEMES, Digits
from pnas_export import ConversionError, Scheme, TFLite, installed_runtimes, quantize_onnx, quantize_tflite

TFLITE_RUNTIMES = [runtime for runtime in installed_runtimes() if isinstance(runtime, TFLite)]


@pytest.mark.parametrize(
    ("choose", "message"),
    [
        (lambda images: None, r"^scheme 'int8' needs calibration images \(N, 1, 8, 8\): pass at least 16$"),
        (lambda images: images[:15], r"^15 calibration images are too few: pass at least 16$"),
        (lambda images: images[:, :, 1:], r"^calibration images must be \(N, 1, 8, 8\), got \(256, 1, 7, 8\)$"),
        (lambda images: images[:, 0], r"^calibration images must be \(N, 1, 8, 8\), got \(256, 8, 8\)$"),
        (lambda images: images.byte(), r"^calibration images must be preprocessed floats, .*, got torch\.uint8$"),
        (lambda images: images.log(), r"^calibration images hold NaN or infinite values$"),
    ],
)
def test_unfit_calibration_images_are_refused(
    choose: Callable[[Tensor], Tensor | None], message: str, digits: Digits, tmp_path: Path
) -> None:
    calibration = choose(digits.calibration)
    with pytest.raises(ValueError, match=message):
        quantize_tflite(digits.tflite, tmp_path / "net.tflite", "int8", calibration=calibration)
    if calibration is not None:
        with pytest.raises(ValueError, match=message):
            quantize_onnx(digits.onnx, tmp_path / "net.onnx", calibration=calibration)
    assert not list(tmp_path.iterdir())


def test_calibration_images_that_serve_nothing_are_refused(digits: Digits, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^scheme 'float16' takes no calibration images: leave them out$"):
        quantize_tflite(digits.tflite, tmp_path / "net.tflite", "float16", calibration=digits.calibration)


def test_an_unknown_scheme_is_refused(digits: Digits, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"^unknown scheme 'int4': use one of float16, dynamic-int8, int8, int8-float-io$"
    ):
        quantize_tflite(digits.tflite, tmp_path / "net.tflite", "int4")  # type: ignore[arg-type]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_is_quantized_already_is_refused(scheme: Scheme, quantized: dict[Scheme, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"{scheme}\.tflite is quantized already: start from the float32 file$"):
        quantize_tflite(quantized[scheme], tmp_path / "net.tflite", "float16")


def test_onnx_that_is_quantized_already_is_refused(digits: Digits, quantized_onnx: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"int8\.onnx is quantized already: start from the float32 file$"):
        quantize_onnx(quantized_onnx, tmp_path / "net.onnx", calibration=digits.calibration)


def test_a_tflite_file_of_another_kind_is_refused(blocks_model: bytes, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.tflite"
    foreign.write_bytes(blocks_model)
    with pytest.raises(
        ValueError, match=r"foreign\.tflite was not written by export_tflite: it has no single signature"
    ):
        quantize_tflite(foreign, tmp_path / "net.tflite", "float16")


@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], lambda content: content[::-1]])
def test_a_damaged_file_is_named_in_one_line(damage: Callable[[bytes], bytes], digits: Digits, tmp_path: Path) -> None:
    tflite, onnx_file, target = tmp_path / "bad.tflite", tmp_path / "bad.onnx", tmp_path / "target"
    tflite.write_bytes(damage(digits.tflite.read_bytes()))
    onnx_file.write_bytes(damage(digits.onnx.read_bytes()))
    target.write_text("kept")
    with pytest.raises(ConversionError, match=r"^cannot convert bad\.tflite to float16 TFLite: [^\n]*not a valid Flat"):
        quantize_tflite(tflite, target, "float16")
    with pytest.raises(ConversionError, match=r"^cannot convert bad\.onnx to int8 ONNX: DecodeError: [^\n]*$"):
        quantize_onnx(onnx_file, target, calibration=digits.calibration)
    for runtime in TFLITE_RUNTIMES:
        with pytest.raises(ValueError, match=r"^ai-edge-litert cannot load bad\.tflite: [^\n]+$"):
            runtime.load(tflite)(digits.images)
    assert target.read_text() == "kept"
