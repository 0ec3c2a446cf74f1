"""PyTorch on a CPU or a CUDA GPU as a device."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Literal, get_args

import torch

from pnas_latency.devices.launching import TorchMode
from pnas_latency.devices.torch_calls import Timed, TorchCalls
from pnas_ops import (
    PROBE,
    AnyNet,
    AnyWorkload,
    DeviceInfo,
    Measurement,
    ModuleBuilder,
    PnasError,
    Progress,
    TimedCall,
    in_one_line,
    processor_name,
    report_progress,
    summarize_walk,
    time_walks,
)

TorchDtype = Literal["float32", "float16", "bfloat16"]
"""Of weights and inputs."""

_STEPS: dict[TorchMode, str] = {"graph": "capturing", "compile": "compiling"}
"""What is slow enough to report progress on, before anything is timed."""

_FIRST_WITH_BFLOAT16 = 8
"""Least major compute capability (Ampere)."""


class TorchDeviceError(PnasError, ValueError):
    """PyTorch cannot measure what was requested on this device."""


class TorchDevice:
    """Measures blocks and nets in evaluation mode, channels_last; on a GPU, how long a program waits for the result.

    Before each call a GPU writes more than its caches hold, then the inputs: weights are cold, inputs hot. Autotuning
    of cuDNN is off while measuring, since the winning kernel differs from one session to the next.

    Args:
        device: "cpu", "cuda" or "cuda:<index>".
        threads: threads of PyTorch's CPU operators while measuring.
        samples: least number of samples for each workload.
        mode: how PyTorch runs a block, or a net:

            - "eager": operator by operator; on a GPU, a small net takes as long as Python takes to launch them;
            - "graph": as a captured CUDA graph, which shows what a deployed net costs; on a GPU only;
            - "compile": by `torch.compile`, which takes seconds for each block and each net.
        batch: number of images that a net gets at once; milliseconds are for the whole batch.
        dtype: of weights and inputs.

    Raises:
        TorchDeviceError: for another kind of device, a GPU that PyTorch cannot see or use, and a mode or dtype that the
            device does not support.
        ValueError: for a number that is out of range.
    """

    def __init__(
        self,
        device: str = "cpu",
        *,
        threads: int = 1,
        samples: int = 200,
        mode: TorchMode = "eager",
        batch: int = 1,
        dtype: TorchDtype = "float32",
    ) -> None:
        for name, value, known in (("mode", mode, get_args(TorchMode)), ("dtype", dtype, get_args(TorchDtype))):
            if value not in known:
                raise TorchDeviceError(f"{name} {value!r} is none of PyTorch", f"it is one of {', '.join(known)}")
        if threads < 1:
            raise ValueError(f"threads must be at least 1, got {threads}")
        self._device, self._mode, self._samples = _device(device), mode, samples
        if mode == "graph" and self._device.type == "cpu":
            raise TorchDeviceError("there are no CUDA graphs on a CPU", "measure there with mode eager or compile")
        self._info = DeviceInfo(
            device=processor_name() if self._device.type == "cpu" else _gpu_name(self._device, dtype),
            runtime="torch" if mode == "eager" else f"torch ({mode})",
            runtime_version=str(torch.__version__),
            threads=threads,
            dtype=dtype,
            batch=batch,
        )

    @property
    def info(self) -> DeviceInfo:
        """The processor's name, PyTorch with its mode and version, the dtype and the batch."""
        return self._info

    def measure(
        self,
        rows: Sequence[Sequence[AnyWorkload]],
        *,
        nets: Sequence[AnyNet] = (),
        build: ModuleBuilder | None = None,
        progress: Progress | None = None,
    ) -> Iterator[tuple[AnyWorkload | AnyNet, Measurement]]:
        """Measures every workload of `rows`, and every net, by `pnas_ops.time_walks`; restores the settings it changes.

        Modules that `build` makes are moved to this device and its dtype, and to channels_last.

        Raises:
            TorchDeviceError: for more than the GPU's memory holds, and for what cannot be computed in the dtype,
                compiled or captured, which it names.
        """
        gpu = torch.cuda.device(self._device) if self._device.type == "cuda" else nullcontext()
        with gpu, _switches(self.info.threads):
            try:
                return iter(self._walk(rows, nets, build, progress).items())
            except torch.OutOfMemoryError as error:
                raise TorchDeviceError(
                    f"the memory of {self.info.device} does not suffice for blocks and nets of {self.info.images}",
                    "take a smaller batch, or end what else runs there",
                ) from error

    def _walk(
        self,
        rows: Sequence[Sequence[AnyWorkload]],
        nets: Sequence[AnyNet],
        build: ModuleBuilder | None,
        progress: Progress | None,
    ) -> dict[Timed, Measurement]:
        dtype: torch.dtype = getattr(torch, self.info.dtype)
        calls = TorchCalls(self._device, mode=self._mode, batch=self.info.batch, dtype=dtype)
        modules = [{key: calls.module(key, build) for key in row} for row in (*rows, nets)]
        count, done = sum(map(len, modules)), 0

        def ready(key: Timed, place: int) -> TimedCall:
            nonlocal done
            if self._mode in _STEPS:
                report_progress(progress, _STEPS[self._mode], done, count)
            done += 1
            try:
                call = calls.call(key, modules[place][key])
                call.run()
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                raise TorchDeviceError(
                    f"{key.name} does not run in {self.info.dtype} with mode {self._mode}: {in_one_line(error)}",
                    "try another dtype or mode",
                ) from error
            return call

        with torch.inference_mode():
            *places, wholes = [{key: ready(key, place) for key in row} for place, row in enumerate(modules)]
            walked = time_walks(
                places,
                idle=calls.idle(),
                probe=calls.call(PROBE, calls.module(PROBE, None)),
                wholes=wholes,
                samples=self._samples,
                progress=progress,
            )
            return summarize_walk(walked)


def _device(name: str) -> torch.device:
    try:
        found = torch.device(name)
    except RuntimeError:
        found = torch.device("meta")
    if found.type not in ("cpu", "cuda"):
        raise TorchDeviceError(f"PyTorch latency is measured on cpu or cuda, not on {name!r}")
    if found.type == "cuda" and (found.index or 0) >= torch.cuda.device_count():
        count = torch.cuda.device_count()
        raise TorchDeviceError(f"PyTorch sees {count} CUDA devices, not {name!r}", "measure on 'cpu'")
    return found


def _gpu_name(device: torch.device, dtype: TorchDtype) -> str:
    try:
        name, (major, _) = torch.cuda.get_device_name(device), torch.cuda.get_device_capability(device)
    except RuntimeError as error:
        raise TorchDeviceError(f"PyTorch cannot use {device}: {in_one_line(error)}", "measure on 'cpu'") from error
    if dtype == "bfloat16" and major < _FIRST_WITH_BFLOAT16:
        raise TorchDeviceError(f"{name} has no bfloat16", "measure in float16 or float32")
    return name


@contextmanager
def _switches(threads: int) -> Iterator[None]:
    threads_before, autotunes = torch.get_num_threads(), torch.backends.cudnn.benchmark
    torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.set_num_threads(threads_before)
        torch.backends.cudnn.benchmark = autotunes
