"""The libraries that run the exported files."""

import importlib
import struct
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from pnas_export.quiet import quiet


class Runtime(Protocol):
    """A library that runs files of one format.

    Attributes:
        name: as on PyPI.
        suffix: of the files that it runs, with its dot.
    """

    @property
    def name(self) -> str: ...

    @property
    def suffix(self) -> str: ...

    @property
    def installed(self) -> bool: ...

    @property
    def version(self) -> str: ...

    def supports(self, path: Path) -> bool:
        """Whether it runs files of this kind and computes them rightly."""
        ...

    def predict(self, path: Path, images: Tensor) -> Tensor:
        """Float logits (N, classes) of images (N, C, H, W) on the CPU.

        Raises:
            ValueError: for a file that it does not support.
        """
        ...


class TFLite:
    """What the runtimes of TFLite files have in common: a module with an `Interpreter`."""

    name: ClassVar[str]
    module: ClassVar[str]
    suffix: ClassVar[str] = ".tflite"

    @property
    def installed(self) -> bool:
        return find_spec(self.module) is not None

    @property
    def version(self) -> str:
        return version(self.name)

    def interpreter(self, model: Path | bytes, *, threads: int = 1) -> Any:
        """The library's `Interpreter` of a file or its content, ready to run.

        Raises:
            ValueError: naming the file, for one that is damaged or that the library cannot run.
        """
        source = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
        with quiet():
            library = importlib.import_module(f"{self.module}.interpreter")
            try:
                interpreter = library.Interpreter(num_threads=threads, **source)
                # Here, not in a signature's runner, is where all subgraphs are handed to XNNPACK.
                interpreter.allocate_tensors()
            except (ValueError, RuntimeError) as error:
                reason = next(iter(str(error).splitlines()), "no message")
                raise ValueError(f"{self.name} cannot load {_model_name(model)}: {reason}") from error
        return interpreter

    def supports(self, path: Path) -> bool:
        """Whether it runs files of this kind and computes them rightly."""
        return path.suffix == self.suffix

    def predict(self, path: Path, images: Tensor) -> Tensor:
        """Float logits (N, classes) of images (N, C, H, W) on the CPU, run one by one in channel-last order.

        Where the file takes or gives int8, values go through its own scale and zero point.
        """
        interpreter = self.interpreter(path)
        (source,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
        logits = []
        for image in _quantized(images, source).permute(0, 2, 3, 1).contiguous():
            interpreter.set_tensor(source["index"], image[None].numpy())
            interpreter.invoke()
            logits.append(torch.from_numpy(interpreter.get_tensor(result["index"])))
        return _dequantized(torch.cat(logits), result)


class AiEdgeLitert(TFLite):
    """`ai-edge-litert`, TensorFlow Lite's maintained runtime."""

    name = "ai-edge-litert"
    module = "ai_edge_litert"


class TFLiteRuntime(TFLite):
    """`tflite-runtime`, its predecessor, up to Python 3.11.

    It refuses files of dynamic range: version 2.14 runs them, but what comes out is unrelated to the net.
    """

    name = "tflite-runtime"
    module = "tflite_runtime"

    def supports(self, path: Path) -> bool:
        """Whether it runs files of this kind and computes them rightly."""
        return super().supports(path) and not _has_dynamic_range(path.read_bytes())

    def interpreter(self, model: Path | bytes, *, threads: int = 1) -> Any:
        """The library's `Interpreter` of a file or its content, ready to run.

        Raises:
            ValueError: for a file of dynamic range, or naming the file, for one that is damaged.
        """
        # This library verifies nothing, so that a damaged file ends the process.
        AiEdgeLitert().interpreter(model)
        if _has_dynamic_range(model if isinstance(model, bytes) else model.read_bytes()):
            name = _model_name(model)
            raise ValueError(f"{self.name} computes dynamic-range files wrongly: run {name} on ai-edge-litert")
        return super().interpreter(model, threads=threads)


class OnnxRuntime:
    """`onnxruntime` on the CPU."""

    name: ClassVar[str] = "onnxruntime"
    module: ClassVar[str] = "onnxruntime"
    suffix: ClassVar[str] = ".onnx"

    @property
    def installed(self) -> bool:
        return find_spec(self.module) is not None

    @property
    def version(self) -> str:
        return version(self.name)

    def supports(self, path: Path) -> bool:
        """Whether it runs files of this kind and computes them rightly."""
        return path.suffix == self.suffix

    def predict(self, path: Path, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, C, H, W) on the CPU, run as one batch."""
        with quiet():
            import onnxruntime

            session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        (source,) = session.get_inputs()
        (logits,) = session.run(None, {source.name: images.numpy()})
        return torch.from_numpy(logits)


def installed_runtimes() -> tuple[Runtime, ...]:
    """The runtimes that are installed here."""
    runtimes: tuple[Runtime, ...] = (AiEdgeLitert(), TFLiteRuntime(), OnnxRuntime())
    return tuple(runtime for runtime in runtimes if runtime.installed)


def _model_name(model: Path | bytes) -> str:
    return "the model" if isinstance(model, bytes) else model.name


def _quantized(images: Tensor, details: Any) -> Tensor:
    """The images as the tensor of `details` holds them; unchanged for one without a scale."""
    scale, zero_point = details["quantization"]
    if not scale:
        return images
    limits = torch.iinfo(torch.int8)
    steps: Tensor = (images / scale).round() + zero_point
    return steps.clamp(limits.min, limits.max).to(torch.int8)


def _dequantized(values: Tensor, details: Any) -> Tensor:
    scale, zero_point = details["quantization"]
    if not scale:
        return values
    logits: Tensor = (values.float() - zero_point) * scale
    return logits


def _has_dynamic_range(model: bytes) -> bool:
    """Whether an operator of the TFLite model takes a float32 input and int8 weights."""
    from ai_edge_litert import schema_py_generated as schema

    hybrid = [schema.TensorType.FLOAT32, schema.TensorType.INT8]
    try:
        tree = schema.Model.GetRootAs(model)
        for graph in map(tree.Subgraphs, range(tree.SubgraphsLength())):
            for operator in map(graph.Operators, range(graph.OperatorsLength())):
                inputs = map(operator.Inputs, range(min(2, operator.InputsLength())))
                if [graph.Tensors(index).Type() for index in inputs] == hybrid:
                    return True
    except struct.error:
        # Damaged: loading it will tell.
        return False
    return False
