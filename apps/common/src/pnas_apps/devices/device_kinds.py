"""What the devices of a command line are made of. Heavy libraries are imported where they are needed."""

import re
import shlex
import shutil
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_args

from attrs import frozen

from pnas_apps.run.device_settings import Dtype

if TYPE_CHECKING:
    from pnas_export import FileDtype, Statistic
    from pnas_latency import Device

Choice = TypeVar("Choice", bound=str)

ENTRY_POINTS = "pnas.devices"
"""The group in which a package names its devices: `my-board = "my_package:make"`, a function of threads and dtype."""

INSTALL = {
    "tflite": "pip install ai-edge-litert",
    "tflite-runtime": "pip install 'pnas-export[tflite-runtime]' (Python 3.11 only)",
    "onnxruntime": "pip install onnxruntime",
    "adb": "install adb, of Android's platform tools",
}
"""What brings here what a device needs, by its name."""

_LAST_CPU = 1023


@frozen(kw_only=True)
class DeviceRequest:
    """What a device is made with: options of the command line, and what stands behind the device's kind."""

    threads: int
    dtype: Dtype
    cache: Path
    log: Path | None
    rest: str | None
    options: dict[str, str]

    @property
    def file_dtype(self) -> "FileDtype":
        """The dtype, of a device that runs TFLite files."""
        return "int8" if self.dtype == "int8" else "float32"

    @property
    def statistic(self) -> "Statistic":
        """The statistic of `benchmark_model`'s report that stands for the latency."""
        known: tuple[Statistic, ...] = ("p10", "avg")
        return self.one_of("statistic", known)

    @property
    def probe(self) -> bool:
        """Whether a probe is timed between files."""
        return self.one_of("probe", ("yes", "no")) == "yes"

    @property
    def batch(self) -> int:
        """Number of images that a net gets at once."""
        text = self.options.get("batch", "1")
        if not re.fullmatch(r"[1-9]\d{0,4}", text):
            raise ValueError(f"batch={text}: give a number of images, such as 8")
        return int(text)

    def one_of(self, name: str, known: Sequence[Choice]) -> Choice:
        """An option that has one of a few values; the first of them where it is left out."""
        found = self.options.get(name, known[0])
        for one in known:
            if found == one:
                return one
        raise ValueError(f"{name}={found}: it is {' or '.join(known)}")


@frozen(kw_only=True)
class DeviceKind:
    """A device of the command line: which dtypes and options it knows, whether text may follow the colon."""

    make: Callable[[DeviceRequest], "Device"]
    dtypes: tuple[Dtype, ...] = ("float32",)
    options: tuple[str, ...] = ()
    takes_rest: bool = False
    program: Callable[[str], str | None] = lambda _: None
    """What has to be on the path, by what follows the colon."""


def _torch(device: str) -> Callable[[DeviceRequest], "Device"]:
    def make(request: DeviceRequest) -> "Device":
        import torch

        from pnas_latency import TorchDevice, TorchDtype, TorchMode

        if device == "cuda" and not torch.cuda.device_count():
            raise ValueError("PyTorch finds no CUDA GPU here: give another --device, such as torch-cpu")
        modes: tuple[TorchMode, ...] = get_args(TorchMode)
        dtypes: tuple[TorchDtype, ...] = get_args(TorchDtype)
        (dtype,) = (one for one in dtypes if one == request.dtype)
        mode = request.one_of("mode", modes)
        return TorchDevice(device, threads=request.threads, mode=mode, batch=request.batch, dtype=dtype)

    return make


def _tflite(request: DeviceRequest) -> "Device":
    from pnas_export import TFLiteDevice

    return TFLiteDevice(threads=request.threads, dtype=request.file_dtype, cache=request.cache, log=request.log)


def _tflite_runtime(request: DeviceRequest) -> "Device":
    from pnas_export import TFLiteDevice, TFLiteRuntime

    if not TFLiteRuntime().installed:
        raise ValueError(f"it is not installed: {INSTALL['tflite-runtime']}")
    return TFLiteDevice(
        runtime=TFLiteRuntime(),
        threads=request.threads,
        dtype=request.file_dtype,
        cache=request.cache,
        log=request.log,
    )


def _onnxruntime(request: DeviceRequest) -> "Device":
    from pnas_export import OnnxDevice, OnnxProvider, OnnxRuntime

    if not OnnxRuntime().installed:
        raise ValueError(f"it is not installed: {INSTALL['onnxruntime']}")
    providers: tuple[OnnxProvider, ...] = get_args(OnnxProvider)
    provider = request.one_of("provider", providers)
    return OnnxDevice(threads=request.threads, provider=provider, cache=request.cache, log=request.log)


def _adb(request: DeviceRequest) -> "Device":
    from pnas_export import AdbDevice

    cpus = _cpus(request.options["cpus"]) if "cpus" in request.options else ()
    device = AdbDevice(
        serial=request.rest or None,
        cpus=cpus,
        threads=request.threads,
        dtype=request.file_dtype,
        statistic=request.statistic,
        probe=request.probe,
        cache=request.cache,
        log=request.log,
    )
    _ = device.info  # asks the phone
    return device


def _command(request: DeviceRequest) -> "Device":
    from pnas_export import CommandDevice

    device = CommandDevice(
        template=request.rest or "",
        threads=request.threads,
        dtype=request.file_dtype,
        statistic=request.statistic,
        probe=request.probe,
        cache=request.cache,
        log=request.log,
    )
    program = _first_word(device.template)
    if program is None or shutil.which(program) is None:
        raise ValueError(without_program(program))
    return device


def _first_word(command: str) -> str | None:
    """The program that a command is of; None for one that a shell would not take, which the device refuses."""
    try:
        return next(iter(shlex.split(command)), None)
    except ValueError:
        return None


def _cpus(text: str) -> tuple[int, ...]:
    """The CPUs 4, 5, 6, 7 and 9 of "4-7+9"."""
    cpus: list[int] = []
    for part in text.split("+"):
        found = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if not found:
            raise ValueError(f"cpus={text}: write 4-7, or 4+6")
        first, last = int(found[1]), int(found[2] or found[1])
        if last < first or last > _LAST_CPU:
            raise ValueError(f"cpus={text}: write them in ascending order, up to {_LAST_CPU}")
        cpus += range(first, last + 1)
    return tuple(cpus)


def without_program(program: str | None) -> str:
    """What is to be said of a device whose program is not here."""
    way_out = INSTALL["adb"] if program == "adb" else "name another, or give its path"
    return f"there is no program {program!r} here: {way_out}"


def installed_kind(name: str) -> DeviceKind | None:
    """A device of an installed package, which names a function of threads and dtype for it; None where none does."""
    for entry in entry_points(group=ENTRY_POINTS, name=name):

        def make(request: DeviceRequest, entry: EntryPoint = entry) -> "Device":
            try:
                device = entry.load()(threads=request.threads, dtype=request.dtype)
                _ = device.info, device.measure
            except Exception as error:  # the code of someone else
                from pnas_ops import in_one_line

                raise ValueError(f"{entry.value} fails: {type(error).__name__}: {in_one_line(error)}") from error
            return device  # type: ignore[no-any-return]

        return DeviceKind(make=make, dtypes=("float32", "int8"))
    return None


_TORCH_DTYPES: tuple[Dtype, ...] = ("float32", "float16", "bfloat16")
KINDS = {
    "torch-cpu": DeviceKind(make=_torch("cpu"), dtypes=_TORCH_DTYPES, options=("mode", "batch")),
    "torch-cuda": DeviceKind(make=_torch("cuda"), dtypes=_TORCH_DTYPES, options=("mode", "batch")),
    "tflite": DeviceKind(make=_tflite, dtypes=("float32", "int8")),
    "tflite-runtime": DeviceKind(make=_tflite_runtime, dtypes=("float32", "int8")),
    "onnxruntime": DeviceKind(make=_onnxruntime, options=("provider",)),
    "adb": DeviceKind(
        make=_adb,
        dtypes=("float32", "int8"),
        options=("cpus", "statistic", "probe"),
        takes_rest=True,
        program=lambda _: "adb",
    ),
    "cmd": DeviceKind(
        make=_command, dtypes=("float32", "int8"), options=("statistic", "probe"), takes_rest=True, program=_first_word
    ),
}
"""All but those of installed packages, by their names."""
