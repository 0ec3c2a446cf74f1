"""Exporting a net to one file, in any format."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from pnas_export.converting.onnx_file import export_onnx
from pnas_export.converting.tflite_file import export_tflite
from pnas_export.ground.scratch import scratch_folder
from pnas_export.quantizing.formats import (
    CALIBRATED_FORMATS,
    FORMATS,
    Format,
    base_format,
    is_float32,
    suffix_of,
    tflite_scheme,
)
from pnas_export.quantizing.int8_file import write_int8_file
from pnas_export.quantizing.quantization import quantize_tflite
from pnas_export.runtimes.comparison import FLOAT_TOLERANCE, Tolerance
from pnas_ops import FilePath


def export_file(
    network: nn.Module,
    input_shape: tuple[int, int, int, int],
    path: FilePath,
    format_: Format,
    *,
    calibration: Tensor | None = None,
    exact: FilePath | None = None,
    keep_float: Sequence[str] = (),
    tolerance: Tolerance = FLOAT_TOLERANCE,
    cache: FilePath | None = None,
    log: FilePath | None = None,
) -> None:
    """Writes a net as a file, float32 or quantized, and leaves nothing else behind.

    Args:
        network: the net, in any mode, on any device; not changed. A `RawPixels` makes a file that takes uint8.
        input_shape: (1, C, H, W).
        path: where to write, atomically; ends with ".onnx" or ".tflite", according to the format.
        format_: the file format.
        calibration: images (N, C, H, W) from the training split, as the net takes them, for formats that quantize
            activations; the others ignore them.
        exact: the float32 file of the same net, from which a quantized one is made; if it does not exist, the net is
            converted first.
        keep_float: names of layers that stay float32 in a file whose activations are quantized; see `quantize_tflite`.
        tolerance: of the float32 file, relative to the largest value of an output; see `verify_files`.
        cache: a folder for converted files; the same net is then not converted twice.
        log: a file that receives what converters print; dropped if None.

    Raises:
        ValueError: for an unknown format, a path of another format, calibration images that are missing or do not fit,
            and an input shape that is invalid or that the net does not take.
        ConversionError: naming the net and the layer, or the file, that a converter refuses.
    """
    path = Path(path)
    if format_ not in FORMATS:
        raise ValueError(f"unknown format {format_!r}: use one of {', '.join(FORMATS)}")
    if path.suffix != suffix_of(format_):
        raise ValueError(f"{path} is no name for a file of format {format_!r}: end it with {suffix_of(format_)}")
    if keep_float and format_ not in CALIBRATED_FORMATS:
        raise ValueError(f"format {format_!r} keeps no layers in float32: use one of {', '.join(CALIBRATED_FORMATS)}")
    if is_float32(format_):
        export = export_onnx if format_ == "onnx" else export_tflite
        export(network, input_shape, path, tolerance=tolerance, cache=cache, log=log)
        return
    if format_ not in CALIBRATED_FORMATS:
        calibration = None
    elif calibration is None:
        raise ValueError(f"format {format_!r} needs calibration images: pass some of the training split")
    with scratch_folder() as folder:
        exact = Path(folder, path.name) if exact is None else Path(exact)
        if not exact.exists():
            export_file(network, input_shape, exact, base_format(format_), tolerance=tolerance, cache=cache, log=log)
        if calibration is None:
            quantize_tflite(exact, path, tflite_scheme(format_), log=log)
        else:
            write_int8_file(exact, path, format_, calibration=calibration, keep_float=keep_float, log=log)
