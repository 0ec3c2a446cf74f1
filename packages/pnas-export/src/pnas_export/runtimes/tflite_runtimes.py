"""The runtimes of TFLite files."""

import importlib
import struct
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import torch
from attrs import frozen
from torch import Tensor

from pnas_export.ground.first_line import first_line
from pnas_export.ground.silence import redirect_output
from pnas_export.runtimes.model_files import ModelFileError, check_file, check_flatbuffer, read_bytes
from pnas_export.runtimes.runtime import check_images, check_rows
from pnas_ops import FilePath


class TFLiteFile:
    """A TFLite file of one input, loaded."""

    def __init__(self, interpreter: Any, name: str) -> None:
        self._interpreter = interpreter
        self._name = name
        self._source, *others = interpreter.get_input_details()
        if others:
            raise ModelFileError(
                f"{name} takes {1 + len(others)} inputs, not images alone", "export a net of one input"
            )
        if self._source["shape"][:1].tolist() != [1] or len(self._source["shape"]) != 4:
            raise ModelFileError(
                f"{name} takes {self._source['shape'].tolist()}, not images (1, H, W, C)", "export a net of images"
            )
        self._results = interpreter.get_output_details()

    def __call__(self, images: Tensor) -> Tensor:
        """The first output, usually logits (N, classes), for images (N, C, H, W) on the CPU, run one by one.

        Values for int8 inputs and outputs are converted by the file's own scale and zero point.
        """
        return self.outputs(images)[0]

    def outputs(self, images: Tensor) -> tuple[Tensor, ...]:
        """All outputs for images (N, C, H, W) on the CPU, a row per image, those of 4 dimensions in PyTorch's order.

        In the file, images are channel-last.
        """
        _, height, width, channels = self._source["shape"].tolist()
        # Integers of a scale are floats or, in uint8, pixels: what the caller has.
        either = bool(self._source["quantization"][0]) and self._dtype == torch.uint8
        pixels = images.dtype == torch.uint8 if either else self._dtype == torch.uint8
        check_images(self._name, images, (channels, height, width), pixels=pixels)
        rows = []
        for image in _quantized(images, self._source).permute(0, 2, 3, 1).contiguous():
            try:
                self._interpreter.set_tensor(self._source["index"], image[None].numpy())
                self._interpreter.invoke()
            except (ValueError, RuntimeError) as error:
                raise ModelFileError(f"{self._name} does not run: {' '.join(str(error).split())}") from error
            rows.append([torch.from_numpy(self._interpreter.get_tensor(one["index"])) for one in self._results])
            for result in rows[-1]:
                check_rows(self._name, result.shape, 1)
        return tuple(
            _channel_first(_dequantized(torch.cat(column), details))
            for column, details in zip(zip(*rows, strict=True), self._results, strict=True)
        )

    @property
    def _dtype(self) -> torch.dtype:
        return _torch_dtype(self._source)


@frozen
class TFLite:
    """What the runtimes of TFLite files have in common: a module with an `Interpreter`."""

    name: ClassVar[str]
    module: ClassVar[str]
    suffix: ClassVar[str] = ".tflite"

    @property
    def installed(self) -> bool:
        """Whether it is installed here."""
        return find_spec(self.module) is not None

    @property
    def version(self) -> str:
        """The installed version."""
        return version(self.name)

    def interpreter(self, model: FilePath | bytes, *, threads: int = 1) -> Any:
        """The library's `Interpreter` of a file or its content, ready to run.

        Raises:
            ValueError: naming the file, for one that is damaged or that the library cannot run.
        """
        if not isinstance(model, bytes):
            check_file(model)
        source = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
        with redirect_output():
            library = importlib.import_module(f"{self.module}.interpreter")
            try:
                interpreter = library.Interpreter(num_threads=threads, **source)
                # This, unlike a signature's runner, hands all subgraphs to XNNPACK.
                interpreter.allocate_tensors()
            except (ValueError, RuntimeError) as error:
                raise ModelFileError(
                    f"{self.name} cannot load {_model_name(model)}: {first_line(error)}", "export it again"
                ) from error
        return interpreter

    def supports(self, path: FilePath) -> bool:
        """Whether it runs files of this kind and computes them rightly."""
        return Path(path).suffix == self.suffix

    def load(self, path: FilePath, *, threads: int = 1) -> TFLiteFile:
        """The file, ready to run.

        Raises:
            ValueError: naming the file, for one that is missing or damaged or that it does not support.
        """
        return TFLiteFile(self.interpreter(path, threads=threads), Path(path).name)


@frozen
class AiEdgeLitert(TFLite):
    """`ai-edge-litert`, TensorFlow Lite's maintained runtime."""

    name = "ai-edge-litert"
    module = "ai_edge_litert"


@frozen
class TFLiteRuntime(TFLite):
    """`tflite-runtime`, its predecessor, up to Python 3.11.

    Dynamic-range files are refused: version 2.14 runs them, but the outputs are unrelated to the net.
    """

    name = "tflite-runtime"
    module = "tflite_runtime"

    def supports(self, path: FilePath) -> bool:
        """Whether it runs files of this kind and computes them rightly."""
        return super().supports(path) and not _has_dynamic_range(read_bytes(path))

    def interpreter(self, model: FilePath | bytes, *, threads: int = 1) -> Any:
        """The library's `Interpreter` of a file or its content, ready to run.

        Raises:
            ValueError: for a file of dynamic range, or naming the file, for one that is damaged.
        """
        # This library verifies nothing: a damaged file would crash the process.
        AiEdgeLitert().interpreter(model)
        if _has_dynamic_range(model if isinstance(model, bytes) else read_bytes(model)):
            name = _model_name(model)
            raise ValueError(f"{self.name} computes dynamic-range files wrongly: run {name} on ai-edge-litert")
        return super().interpreter(model, threads=threads)


def _model_name(model: FilePath | bytes) -> str:
    return "the model" if isinstance(model, bytes) else Path(model).name


def _torch_dtype(details: Any) -> torch.dtype:
    dtype: torch.dtype = getattr(torch, details["dtype"].__name__)
    return dtype


def _quantized(images: Tensor, details: Any) -> Tensor:
    """The images quantized for the tensor of `details`; unchanged if it has no scale, or if they are pixels."""
    scale, zero_point = details["quantization"]
    if not scale or images.dtype == torch.uint8:
        return images
    dtype = _torch_dtype(details)
    limits = torch.iinfo(dtype)
    steps: Tensor = (images / scale).round() + zero_point
    return steps.clamp(limits.min, limits.max).to(dtype)


def _dequantized(values: Tensor, details: Any) -> Tensor:
    scale, zero_point = details["quantization"]
    if not scale:
        return values
    logits: Tensor = (values.float() - zero_point) * scale
    return logits


def _channel_first(values: Tensor) -> Tensor:
    return values.permute(0, 3, 1, 2) if values.ndim == 4 else values


def _has_dynamic_range(model: bytes) -> bool:
    """Whether an operator of the TFLite model takes a float32 input and int8 weights."""
    from ai_edge_litert import schema_py_generated as schema

    hybrid = [schema.TensorType.FLOAT32, schema.TensorType.INT8]
    try:
        check_flatbuffer(model)
        tree = schema.Model.GetRootAs(model)
        for graph in map(tree.Subgraphs, range(tree.SubgraphsLength())):
            for operator in map(graph.Operators, range(graph.OperatorsLength())):
                inputs = map(operator.Inputs, range(min(2, operator.InputsLength())))
                if [graph.Tensors(index).Type() for index in inputs] == hybrid:
                    return True
    except (ValueError, TypeError, AttributeError, struct.error):
        # Damaged: loading it will report that.
        return False
    return False
