"""Reading ONNX and TFLite files: the only place where damaged or foreign ones are refused."""

import os
import struct
from pathlib import Path
from typing import Any

import numpy as np

from pnas_export.ground.silence import redirect_output
from pnas_ops import FilePath, PnasError

_TFLITE_MAGIC = b"TFL3"


class ModelFileError(PnasError, ValueError):
    """A file that is missing, damaged or no model; its message is one line that names it and the way out."""


def read_bytes(path: FilePath) -> bytes:
    """The content of a file.

    Raises:
        ModelFileError: if it cannot be read: it is missing, a folder, or not permitted.
    """
    path = Path(path)
    check_file(path)
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"cannot read {path}: {os.strerror(error.errno or 0)}") from None


def check_file(path: FilePath) -> None:
    """Raises ModelFileError if there is no file at the path, or something else, such as a folder or a pipe."""
    path = Path(path)
    if not path.is_file():
        what = "is no file" if path.exists() else "is not there"
        raise ModelFileError(f"{path} {what}", "name a file that was exported")


def read_onnx(path: FilePath) -> Any:
    """The `ModelProto` of an ONNX file.

    Raises:
        ModelFileError: naming the file, for one that cannot be read, is damaged, or is no ONNX file.
    """
    import onnx
    from google.protobuf.message import DecodeError

    content = read_bytes(path)
    try:
        model = onnx.load_from_string(content)
        _check_weights_beside(Path(path), model)
        onnx.checker.check_model(str(path))  # by its path, since weights may stand in files beside it
    except ModelFileError:
        raise
    except (DecodeError, onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        raise _damaged(Path(path), "ONNX") from error
    return model


def _check_weights_beside(path: Path, model: Any) -> None:
    """Raises ModelFileError where a file is missing that an ONNX model keeps weights in, as of PyTorch's exporter."""
    from onnx.external_data_helper import ExternalDataInfo, uses_external_data

    names = {ExternalDataInfo(one).location for one in model.graph.initializer if uses_external_data(one)}
    if missing := sorted(name for name in names if not (path.parent / name).is_file()):
        raise ModelFileError(
            f"{path} keeps weights in {', '.join(missing)}, which is not beside it",
            "put it there, or export the net with external_data=False",
        )


def read_tflite(path: FilePath) -> Any:
    """The `ModelT` of a TFLite file.

    Raises:
        ModelFileError: naming the file, for one that cannot be read, is damaged, or is no TFLite file.
    """
    content = read_bytes(path)
    try:
        check_flatbuffer(content)
        return read_tree(content)
    except (ValueError, TypeError, IndexError, AttributeError, struct.error, OverflowError, MemoryError) as error:
        raise _damaged(Path(path), "TFLite") from error


def read_tree(content: bytes) -> Any:
    """The `ModelT` of an intact TFLite model, with the data of all buffers inside.

    The quantizer puts the weights of larger nets after the flatbuffer, where rewriting it would lose them.
    """
    from ai_edge_litert import schema_py_generated as schema

    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    for buffer in tree.buffers:
        if buffer.offset > 1:
            buffer.data = np.frombuffer(content, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return tree


def check_flatbuffer(content: bytes) -> None:
    """Raises ValueError unless the content is a TFLite flatbuffer whose tables lie within it.

    This uses the runtime's verifier, which only reads tables: Python's reader follows any offset.
    """
    if content[4:8] != _TFLITE_MAGIC:
        raise ValueError("no TFLite model")
    with redirect_output():
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        resolver = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        Interpreter(model_content=content, experimental_op_resolver_type=resolver)


def _damaged(path: Path, kind: str) -> ModelFileError:
    return ModelFileError(f"{path} is no {kind} file, or damaged", "export it again")
