"""Eager PyTorch on a CPU or a CUDA GPU as a device."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from pnas_ops import (
    Architecture,
    DeviceInfo,
    Measurement,
    Progress,
    TimedCall,
    Workload,
    build_block,
    build_network,
    processor_name,
    time_walks,
)


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
        rows: Sequence[Sequence[Workload]],
        *,
        nets: Sequence[Architecture] = (),
        progress: Progress | None = None,
    ) -> Iterator[tuple[Workload | Architecture, Measurement]]:
        """Measures every workload of `rows`, and every net, by `pnas_ops.time_walks`; the thread count is restored."""
        tiny = torch.zeros(1, device=self._device)
        places: list[dict[Workload | Architecture, TimedCall]] = [{key: self._call(key) for key in row} for row in rows]
        wholes: dict[Workload | Architecture, TimedCall] = {net: self._call(net) for net in nets}
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

    def _call(self, key: Workload | Architecture) -> TimedCall:
        module = self._module(key)
        images = torch.full(key.input_shape, 0.5, device=self._device).to(memory_format=torch.channels_last)
        return TimedCall(lambda: self._finished(module(images)), lambda: images.mul_(1.0))

    def _module(self, key: Workload | Architecture) -> nn.Module:
        # Measuring must not change the random numbers of the program around it.
        with torch.random.fork_rng(devices=[]):
            module = build_block(key.block) if isinstance(key, Workload) else build_network(key)
        return module.eval().to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def _finished(self, result: Tensor) -> Tensor:
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
