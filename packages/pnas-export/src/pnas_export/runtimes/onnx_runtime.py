"""The runtime of ONNX files."""

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import torch
from attrs import frozen
from torch import Tensor

from pnas_export.ground.silence import redirect_output
from pnas_export.runtimes.runtime import check_images
from pnas_ops import FilePath

_BATCH = 64
"""Images that a file of a free batch dimension gets at once: more only take memory."""

_TYPES = {"tensor(float)": torch.float32, "tensor(uint8)": torch.uint8}


class OnnxFile:
    """An ONNX file of one input and one output, loaded."""

    def __init__(self, session: Any, name: str) -> None:
        self._session = session
        self._name = name
        (self._source,) = session.get_inputs()
        if self._source.type not in _TYPES:
            raise ValueError(f"{name} takes {self._source.type}, not float32 or uint8 images")

    def __call__(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, C, H, W) on the CPU."""
        batch, *shape = self._source.shape
        check_images(self._name, images, tuple(shape), pixels=self._dtype == torch.uint8)
        logits = []
        for part in torch.split(images, batch if isinstance(batch, int) else _BATCH):
            padding = batch - len(part) if isinstance(batch, int) else 0
            feed = torch.cat([part, part.new_zeros(padding, *shape)]) if padding else part
            (result,) = self._session.run(None, {self._source.name: feed.contiguous().numpy()})
            logits.append(torch.from_numpy(result)[: len(part)])
        return torch.cat(logits)

    @property
    def _dtype(self) -> torch.dtype:
        return _TYPES[self._source.type]


@frozen
class OnnxRuntime:
    """`onnxruntime` on the CPU."""

    name: ClassVar[str] = "onnxruntime"
    module: ClassVar[str] = "onnxruntime"
    suffix: ClassVar[str] = ".onnx"

    @property
    def installed(self) -> bool:
        """Whether it is here."""
        return find_spec(self.module) is not None

    @property
    def version(self) -> str:
        """That is installed here."""
        return version(self.name)

    def supports(self, path: FilePath) -> bool:
        """Whether it runs files of this kind and computes them rightly."""
        return Path(path).suffix == self.suffix

    def load(self, path: FilePath, *, threads: int = 1) -> OnnxFile:
        """The file, ready to run.

        Raises:
            ValueError: naming the file, for one that is missing or damaged or takes no images.
        """
        return OnnxFile(self.session(path, threads=threads), Path(path).name)

    def session(self, model: FilePath | bytes, *, threads: int = 1) -> Any:
        """The library's `InferenceSession` of a file or its content.

        Raises:
            ValueError: naming the file, for one that is missing or damaged.
        """
        with redirect_output():
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            options.inter_op_num_threads = 1
            source = model if isinstance(model, bytes) else str(model)
            try:
                return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
            except Exception as error:  # the library's errors have no base class of their own
                name = "the model" if isinstance(model, bytes) else Path(model).name
                raise ValueError(f"{self.name} cannot load {name}: {' '.join(str(error).split())}") from error
