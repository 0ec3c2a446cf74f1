"""An int8 file of any kind, from the float32 file."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from pnas_export.quantizing.formats import CALIBRATED_FORMATS, Format, tflite_scheme
from pnas_export.quantizing.quantization import quantize_onnx, quantize_tflite
from pnas_ops import FilePath


def write_int8_file(
    exact: Path,
    path: Path,
    format_: Format,
    *,
    calibration: Tensor,
    keep_float: Sequence[str] = (),
    log: FilePath | None = None,
) -> None:
    """Writes a file of one of the `CALIBRATED_FORMATS`; the other arguments are those of `quantize_tflite`.

    Raises:
        ValueError: for another format, and as `quantize_tflite` and `quantize_onnx`.
        ConversionError, ModelFileError: as these.
    """
    if format_ not in CALIBRATED_FORMATS:
        raise ValueError(f"format {format_!r} keeps no layers in float32: use one of {', '.join(CALIBRATED_FORMATS)}")
    if format_ == "onnx-int8":
        quantize_onnx(exact, path, calibration=calibration, keep_float=keep_float, log=log)
    else:
        scheme = tflite_scheme(format_)
        quantize_tflite(exact, path, scheme, calibration=calibration, keep_float=keep_float, log=log)
