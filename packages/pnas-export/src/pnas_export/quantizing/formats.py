"""The file formats that a net can be exported to."""

from pathlib import Path
from typing import Literal, cast, get_args

from pnas_export.quantizing.tflite_recipe import Scheme
from pnas_ops import FilePath

Format = Literal[
    "onnx", "onnx-int8", "tflite", "tflite-float16", "tflite-dynamic-int8", "tflite-int8", "tflite-int8-float-io"
]
"""A file type, and how it is quantized (see `Scheme`); float32 by default."""

FORMATS: tuple[Format, ...] = get_args(Format)
"""All that `export_file` writes."""

CALIBRATED_FORMATS: tuple[Format, ...] = ("onnx-int8", "tflite-int8", "tflite-int8-float-io")
"""Those that quantize activations, whose ranges must be calibrated with images."""


def file_name(name: Format) -> str:
    """The name of a bundle's file: model.onnx, model-int8.onnx, model.tflite, model-float16.tflite and so on."""
    suffix, _, scheme = name.partition("-")
    return f"model-{scheme}.{suffix}" if scheme else f"model.{suffix}"


def format_of(file: FilePath) -> Format:
    """The inverse of `file_name`.

    Raises:
        ValueError: for any other file name.
    """
    for name in FORMATS:
        if file_name(name) == Path(file).name:
            return name
    raise ValueError(f"{file} has not the name of a bundle's file: {', '.join(BUNDLE_FILES)}")


BUNDLE_FILES: tuple[str, ...] = tuple(map(file_name, FORMATS))
"""The names of their files in a bundle, in the order of `FORMATS`."""


def suffix_of(name: Format) -> str:
    """The suffix of a file's name: ".onnx" or ".tflite"."""
    return f".{base_format(name)}"


def base_format(name: Format) -> Format:
    """The float32 format that this one is made from: itself for a float32 one."""
    return "onnx" if name.startswith("onnx") else "tflite"


def is_float32(name: Format) -> bool:
    """Whether nothing in files of this format is quantized."""
    return name == base_format(name)


def tflite_scheme(name: Format) -> Scheme:
    """How a quantized TFLite format is quantized."""
    return cast(Scheme, name.partition("-")[2])
