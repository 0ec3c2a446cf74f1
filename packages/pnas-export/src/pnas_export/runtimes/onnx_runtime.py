"""The runtime of ONNX files."""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from attrs import field, frozen
from attrs.validators import in_
from torch import Tensor

from pnas_export.ground.programs import DeviceError
from pnas_export.ground.silence import redirect_output
from pnas_export.runtimes.model_files import ModelFileError, check_file
from pnas_export.runtimes.runtime import check_images, check_rows
from pnas_ops import FilePath

_BATCH = 64
"""Images that a file with a free batch dimension gets at once: more only take memory."""

OnnxProvider = Literal["cpu", "cuda"]
"""What the library computes on. Files are proven on the CPU."""

_PROVIDERS: dict[OnnxProvider, str] = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_PACKAGES = ("onnxruntime", "onnxruntime-gpu")

_TYPES = {"tensor(float)": torch.float32, "tensor(uint8)": torch.uint8}


class OnnxFile:
    """An ONNX file of one input, loaded."""

    def __init__(self, session: Any, name: str) -> None:
        self._session = session
        self._name = name
        sources = session.get_inputs()
        if len(sources) != 1:
            raise ModelFileError(f"{name} takes {len(sources)} inputs, not images alone", "export a net of one input")
        (self._source,) = sources
        if self._source.type not in _TYPES:
            raise ModelFileError(
                f"{name} takes {self._source.type}, not float32 or uint8 images", "export a net of images"
            )
        if not self._source.shape or 0 in self._source.shape:
            raise ModelFileError(
                f"{name} takes {self._source.shape}, not images (N, C, H, W)", "export a net of images"
            )
        for one in session.get_outputs():
            if not one.type.startswith("tensor(") or one.type == "tensor(string)":
                raise ModelFileError(
                    f"{name} gives a {one.type}, not numbers", "export a net that gives tensors of them"
                )

    def __call__(self, images: Tensor) -> Tensor:
        """The first output, usually logits (N, classes), for images (N, C, H, W) on the CPU."""
        return self.outputs(images)[0]

    def outputs(self, images: Tensor) -> tuple[Tensor, ...]:
        """All outputs for images (N, C, H, W) on the CPU, each with a row for each image."""
        batch, *shape = self._source.shape
        check_images(self._name, images, shape, pixels=self._dtype == torch.uint8)
        parts = []
        for part in torch.split(images, batch if isinstance(batch, int) else _BATCH):
            padding = batch - len(part) if isinstance(batch, int) else 0
            feed = torch.cat([part, part.new_zeros(padding, *part.shape[1:])]) if padding else part
            try:
                results = self._session.run(None, {self._source.name: feed.contiguous().numpy()})
            except Exception as error:  # the library's errors have no base class of their own
                raise ModelFileError(f"{self._name} does not run: {' '.join(str(error).split())}") from error
            for result in results:
                check_rows(self._name, result.shape, len(feed))
            parts.append([torch.from_numpy(result)[: len(part)] for result in results])
        return tuple(map(torch.cat, zip(*parts, strict=True)))

    def check_one_image(self) -> None:
        """Raises ModelFileError for a file of several images, or of any size: no latency of it is an image's."""
        batch, *shape = self._source.shape
        if (batch not in (1, None) and not isinstance(batch, str)) or not all(isinstance(size, int) for size in shape):
            takes = ", ".join(str(size or "any") for size in self._source.shape)
            raise ModelFileError(f"{self._name} takes ({takes}), not one image of a fixed size", "export it for one")

    @property
    def _dtype(self) -> torch.dtype:
        return _TYPES[self._source.type]


@frozen
class OnnxRuntime:
    """`onnxruntime`, on the CPU or, with `onnxruntime-gpu`, on a GPU."""

    provider: OnnxProvider = field(default="cpu", validator=in_(tuple(_PROVIDERS)))

    name: ClassVar[str] = "onnxruntime"
    module: ClassVar[str] = "onnxruntime"
    suffix: ClassVar[str] = ".onnx"

    @property
    def installed(self) -> bool:
        """Whether it is installed here."""
        return find_spec(self.module) is not None

    @property
    def version(self) -> str:
        """The installed version."""
        for package in _PACKAGES:
            try:
                return version(package)
            except PackageNotFoundError:
                continue
        raise PackageNotFoundError(self.name)

    @property
    def execution_provider(self) -> str:
        """The library's name for the provider."""
        return _PROVIDERS[self.provider]

    def check_provider(self) -> None:
        """Raises a DeviceError if the provider does not work here."""
        import onnxruntime

        if self.execution_provider not in onnxruntime.get_available_providers():
            raise DeviceError(
                f"onnxruntime {self.version} has no provider {self.provider!r}", "pip install onnxruntime-gpu instead"
            )
        try:
            self.session(_trial_model())
        except ModelFileError as error:  # for example if there is no GPU
            raise DeviceError(f"provider {self.provider!r} does not work here: {error.what}") from error

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
            DeviceError: if the library would silently fall back to the CPU.
        """
        with redirect_output():
            import onnxruntime

            if self.provider == "cuda" and hasattr(onnxruntime, "preload_dlls"):
                onnxruntime.preload_dlls()  # CUDA libraries installed by pip
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            options.inter_op_num_threads = 1
            if not isinstance(model, bytes):
                check_file(model)
            source = model if isinstance(model, bytes) else str(model)
            try:
                session = onnxruntime.InferenceSession(source, options, providers=[self.execution_provider])
            except Exception as error:  # the library's errors have no base class of their own
                name = "the model" if isinstance(model, bytes) else Path(model).name
                reason = " ".join(str(error).split()).rstrip(".")
                raise ModelFileError(f"{self.name} cannot load {name}: {reason}", "export it again") from error
        if self.execution_provider not in session.get_providers():
            raise DeviceError(
                f"onnxruntime {self.version} finds no provider {self.provider!r} that works here",
                "install the CUDA and cuDNN that it was made for, or take provider=cpu",
            )
        return session


def _trial_model() -> bytes:
    """A model that returns its input, for a trial."""
    from onnx import TensorProto, helper

    number = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "trial", number[:1], number[1:])
    # Old enough for any version of the library.
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
    content: bytes = model.SerializeToString()
    return content
