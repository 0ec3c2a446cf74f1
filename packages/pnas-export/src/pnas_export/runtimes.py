"""The libraries that run the exported files."""

import importlib
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

    def predict(self, path: Path, images: Tensor) -> Tensor:
        """Logits (N, classes) of float images (N, C, H, W) on the CPU."""
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
        """The library's `Interpreter` of a file or its content, ready to run."""
        source = {"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}
        with quiet():
            interpreter = importlib.import_module(f"{self.module}.interpreter").Interpreter(
                num_threads=threads, **source
            )
            # Here, not in a signature's runner, is where all subgraphs are handed to XNNPACK.
            interpreter.allocate_tensors()
        return interpreter

    def predict(self, path: Path, images: Tensor) -> Tensor:
        """Logits (N, classes) of float images (N, C, H, W) on the CPU, run one by one in channel-last order."""
        interpreter = self.interpreter(path)
        (source,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
        logits = []
        for image in images.permute(0, 2, 3, 1).contiguous():
            interpreter.set_tensor(source["index"], image[None].numpy())
            interpreter.invoke()
            logits.append(torch.from_numpy(interpreter.get_tensor(result["index"])))
        return torch.cat(logits)


class AiEdgeLitert(TFLite):
    """`ai-edge-litert`, TensorFlow Lite's maintained runtime."""

    name = "ai-edge-litert"
    module = "ai_edge_litert"


class TFLiteRuntime(TFLite):
    """`tflite-runtime`, its predecessor, up to Python 3.11."""

    name = "tflite-runtime"
    module = "tflite_runtime"


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

    def predict(self, path: Path, images: Tensor) -> Tensor:
        """Logits (N, classes) of float images (N, C, H, W) on the CPU, run as one batch."""
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
