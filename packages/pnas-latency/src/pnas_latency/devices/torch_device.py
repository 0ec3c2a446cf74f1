"""Eager PyTorch on a CPU or a CUDA GPU as a device."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from pnas_ops import (
    AnyNet,
    AnyWorkload,
    DeviceInfo,
    Measurement,
    ModuleBuilder,
    Progress,
    TimedCall,
    build_timed,
    example_inputs,
    processor_name,
    time_walks,
)

Timed = AnyWorkload | AnyNet


class TorchDevice:
    """Measures float32 blocks in evaluation mode, channels_last, one image at a time.

    Args:
        device: "cpu", "cuda" or "cuda:<index>".
        threads: threads of PyTorch's CPU operators while measuring.
        samples: least number of samples a workload.

    Raises:
        ValueError: for another kind of device, or a GPU that PyTorch cannot see.
    """

    def __init__(self, device: str = "cpu", *, threads: int = 1, samples: int = 200) -> None:
        self._device = torch.device(device)
        self._samples = samples
        if self._device.type not in ("cpu", "cuda"):
            raise ValueError(f"PyTorch latency is measured on cpu or cuda, not on {device!r}")
        if self._device.type == "cuda" and (self._device.index or 0) >= torch.cuda.device_count():
            raise ValueError(f"PyTorch sees {torch.cuda.device_count()} CUDA devices, not {device!r}: measure on 'cpu'")
        if threads < 1:
            raise ValueError(f"threads must be at least 1, got {threads}")
        self._info = DeviceInfo(
            device=processor_name() if self._device.type == "cpu" else torch.cuda.get_device_name(self._device),
            runtime="torch",
            runtime_version=str(torch.__version__),
            threads=threads,
            dtype="float32",
        )

    @property
    def info(self) -> DeviceInfo:
        """The processor by its name, and the version of PyTorch."""
        return self._info

    def measure(
        self,
        rows: Sequence[Sequence[AnyWorkload]],
        *,
        nets: Sequence[AnyNet] = (),
        build: ModuleBuilder | None = None,
        progress: Progress | None = None,
    ) -> Iterator[tuple[AnyWorkload | AnyNet, Measurement]]:
        """Measures every workload of `rows`, and every net, by `pnas_ops.time_walks`; the thread count is restored.

        Modules that `build` makes are moved to this device, and to channels_last.
        """
        tiny = torch.zeros(1, device=self._device)
        places: list[dict[Timed, TimedCall]] = [{key: self._call(key, build) for key in row} for row in rows]
        wholes: dict[Timed, TimedCall] = {net: self._call(net, build) for net in nets}
        # A net waits for the GPU once. On a CPU it saves nothing: `tiny + 1` would deduct what every operator pays.
        idle = [TimedCall(lambda: self._finished(tiny + 1))] if self._device.type == "cuda" else []
        with _threads(self.info.threads), torch.inference_mode():
            measurements = time_walks(
                places,
                idle=idle,
                wholes=wholes,
                samples=self._samples,
                progress=progress,
            )
        return iter(measurements.items())

    def _call(self, key: Timed, build: ModuleBuilder | None) -> TimedCall:
        # Measuring must not change the random numbers of the program around it.
        with torch.random.fork_rng(devices=[]):
            module = build_timed(key, build).to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        inputs = [self._channels_last(x.to(self._device)) for x in example_inputs(key)]
        return TimedCall(lambda: self._finished(module(*inputs)), lambda: [x.mul_(1) for x in inputs])

    def _channels_last(self, x: Tensor) -> Tensor:
        return x.to(memory_format=torch.channels_last) if x.ndim == 4 else x

    def _finished(self, result: object) -> object:
        # CUDA runs behind Python's back; without waiting, only the launch would be timed.
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return result


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
