"""What a file takes and gives, read from the file itself."""

from pathlib import Path
from typing import Any

from attrs import frozen

from pnas_export.runtimes.onnx_runtime import OnnxRuntime
from pnas_export.runtimes.tflite_runtimes import AiEdgeLitert
from pnas_ops import FilePath

_ONNX_TYPES = {"float": "float32", "double": "float64"}
"""The names that are not NumPy's."""


@frozen(kw_only=True)
class Port:
    """An input or an output of a file.

    Attributes:
        name: in the file.
        shape: where a dimension is free, its name.
        dtype: NumPy's name.
        scale, zero_point: value = scale * (integer - zero_point); None for a tensor that holds the values themselves.
    """

    name: str
    shape: tuple[int | str, ...]
    dtype: str
    scale: float | None = None
    zero_point: int | None = None


@frozen(kw_only=True)
class Interface:
    """What a file takes, and what it gives first: the logits."""

    source: Port
    result: Port


def read_interface(path: FilePath) -> Interface:
    """The input and the first output of an ONNX or a TFLite file of one input.

    Raises:
        ValueError: naming the file, for one that is damaged.
    """
    path = Path(path)
    if path.suffix == ".onnx":
        session = OnnxRuntime().session(path)
        return Interface(source=_onnx_port(session.get_inputs()[0]), result=_onnx_port(session.get_outputs()[0]))
    interpreter = AiEdgeLitert().interpreter(path)
    return Interface(
        source=_tflite_port(interpreter.get_input_details()[0]),
        result=_tflite_port(interpreter.get_output_details()[0]),
    )


def _onnx_port(port: Any) -> Port:
    name = port.type.removeprefix("tensor(").removesuffix(")")
    return Port(name=port.name, shape=tuple(port.shape), dtype=_ONNX_TYPES.get(name, name))


def _tflite_port(details: Any) -> Port:
    scale, zero_point = details["quantization"]
    return Port(
        name=details["name"],
        shape=tuple(details["shape"].tolist()),
        dtype=details["dtype"].__name__,
        scale=float(scale) if scale else None,
        zero_point=int(zero_point) if scale else None,
    )
