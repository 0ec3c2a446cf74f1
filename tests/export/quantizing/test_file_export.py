"""A net to one file of any format, by one function."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pnas_export import FORMATS, Format, RawPixels, export_file, quantize_onnx, quantize_tflite, verify_files
from pnas_ops import Preprocessing

SHAPE = (1, 3, 8, 8)


@pytest.fixture(scope="module")
def calibration() -> Tensor:
    return torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("format_", ["onnx", "tflite"])
def test_a_float_file_is_the_one_of_its_exporter(
    format_: Format, net: nn.Module, onnx_path: Path, tflite_path: Path, conversions: Path, tmp_path: Path
) -> None:
    path = tmp_path / f"any name.{format_}"
    export_file(net, SHAPE, path, format_, cache=conversions)
    assert path.read_bytes() == {"onnx": onnx_path, "tflite": tflite_path}[format_].read_bytes()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("format_", [name for name in FORMATS if "-" in name])
def test_a_quantized_file_is_made_of_the_float_one_which_is_not_left(
    format_: Format,
    net: nn.Module,
    calibration: Tensor,
    onnx_path: Path,
    tflite_path: Path,
    conversions: Path,
    tmp_path: Path,
) -> None:
    kind, _, scheme = format_.partition("-")
    images = calibration if format_.endswith(("-int8", "-float-io")) and "dynamic" not in format_ else None
    expected = tmp_path / f"expected.{kind}"
    if kind == "onnx":
        assert images is not None
        quantize_onnx(onnx_path, expected, calibration=images)
    else:
        quantize_tflite(tflite_path, expected, scheme, calibration=images)  # type: ignore[arg-type]

    # Images where the format needs none are no mistake: one set of them serves all formats.
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / f"net.{kind}"
    export_file(net, SHAPE, path, format_, calibration=calibration, cache=conversions)
    assert path.read_bytes() == expected.read_bytes()
    assert list(path.parent.iterdir()) == [path]


def test_a_float_file_that_is_there_is_not_made_again(
    net: nn.Module, tflite_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*arguments: object, **options: object) -> None:
        raise AssertionError("converted again")

    monkeypatch.setattr("pnas_export.converting.tflite_file._convert", forbidden)
    export_file(net, SHAPE, tmp_path / "net.tflite", "tflite-float16", exact=tflite_path)
    assert (tmp_path / "net.tflite").is_file()


def test_a_float_file_that_is_not_there_is_made_first(net: nn.Module, conversions: Path, tmp_path: Path) -> None:
    exact = tmp_path / "exact.tflite"
    export_file(net, SHAPE, tmp_path / "net.tflite", "tflite-float16", exact=exact, cache=conversions)
    assert {path.name for path in tmp_path.iterdir()} == {"exact.tflite", "net.tflite"}
    assert b"serving_default" in exact.read_bytes()


def test_a_quantized_file_of_raw_pixels_is_calibrated_with_pixels(
    net: nn.Module, conversions: Path, tmp_path: Path
) -> None:
    pixels = torch.randint(0, 256, (16, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(4))
    preprocessing = Preprocessing(height=8, width=8, channels="RGB", mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))
    module = RawPixels(net, preprocessing)
    export_file(module, SHAPE, tmp_path / "net.onnx", "onnx-int8", calibration=pixels, cache=conversions)
    (parity,) = verify_files(module, [tmp_path / "net.onnx"], pixels, tolerance=0.2)
    assert parity.max_relative_difference > 1e-4


@pytest.mark.parametrize(
    ("path", "format_", "message"),
    [
        ("net.tflite", "int4", r"^unknown format 'int4': use one of onnx, onnx-int8, tflite, "),
        (
            "net.onnx",
            "tflite-int8",
            r"net\.onnx is no name for a file of format 'tflite-int8': end it with \.tflite$",
        ),
        ("net", "onnx", r"net is no name for a file of format 'onnx': end it with \.onnx$"),
        ("net.onnx", "onnx-int8", r"^format 'onnx-int8' needs calibration images: pass some of the training split$"),
        ("net.tflite", "tflite-int8-float-io", r"^format 'tflite-int8-float-io' needs calibration images: pass "),
    ],
)
def test_bad_input_is_named_before_anything_is_converted(
    path: str, format_: Format, message: str, net: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pnas_export.quantizing.file_export.export_onnx", None)
    monkeypatch.setattr("pnas_export.quantizing.file_export.export_tflite", None)
    with pytest.raises(ValueError, match=message):
        export_file(net, SHAPE, tmp_path / path, format_)
    assert not list(tmp_path.iterdir())
