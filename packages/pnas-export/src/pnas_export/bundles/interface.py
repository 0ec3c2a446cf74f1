"""The inputs and outputs of a file, read from the file itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from pnas_export.runtimes.onnx_runtime import OnnxRuntime
from pnas_export.runtimes.tflite_runtimes import AiEdgeLitert
from pnas_ops import FilePath

_ONNX_TYPES = {"float": "float32", "double": "float64"}
"""The names of dtypes that differ from NumPy's."""


@frozen(kw_only=True)
class Port:
    """An input or an output of a file.

    Attributes:
        name: in the file; for a TFLite file, in its signature.
        shape: a free dimension is given by its name.
        dtype: its name in NumPy.
        scale, zero_point: value = scale * (integer - zero_point); None for a tensor that holds the values themselves.
    """

    name: str
    shape: tuple[int | str, ...]
    dtype: str
    scale: float | None = None
    zero_point: int | None = None


@frozen(kw_only=True)
class Interface:
    """The input of a file, its first output, usually the logits, and its further outputs."""

    source: Port
    result: Port
    others: tuple[Port, ...] = ()

    @property
    def outputs(self) -> tuple[Port, ...]:
        """All outputs, in the order of the net."""
        return self.result, *self.others


def read_interface(path: FilePath) -> Interface:
    """The input and the outputs of an ONNX or a TFLite file of one input.

    Raises:
        ValueError: naming the file, for one that is damaged.
    """
    path = Path(path)
    if path.suffix == ".onnx":
        session = OnnxRuntime().session(path)
        result, *others = map(_onnx_port, session.get_outputs())
        return Interface(source=_onnx_port(session.get_inputs()[0]), result=result, others=tuple(others))
    interpreter = AiEdgeLitert().interpreter(path)
    names: dict[int, str] = {}
    if interpreter.get_signature_list():
        runner = interpreter.get_signature_runner()
        for ports in (runner.get_input_details(), runner.get_output_details()):
            names |= {details["index"]: name for name, details in ports.items()}
    result, *others = (_tflite_port(details, names) for details in interpreter.get_output_details())
    return Interface(
        source=_tflite_port(interpreter.get_input_details()[0], names), result=result, others=tuple(others)
    )


def _onnx_port(port: Any) -> Port:
    name = port.type.removeprefix("tensor(").removesuffix(")")
    return Port(name=port.name, shape=tuple(port.shape), dtype=_ONNX_TYPES.get(name, name))


def _tflite_port(details: Any, names: Mapping[int, str]) -> Port:
    scale, zero_point = details["quantization"]
    return Port(
        name=names.get(details["index"], details["name"]),
        shape=tuple(details["shape"].tolist()),
        dtype=details["dtype"].__name__,
        scale=float(scale) if scale else None,
        zero_point=int(zero_point) if scale else None,
    )
