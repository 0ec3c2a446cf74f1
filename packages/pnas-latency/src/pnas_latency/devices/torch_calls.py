"""What a walk times with PyTorch: modules on a device, with their inputs."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from pnas_latency.devices.launching import Graphs, Launch, TorchMode, compiled, eager
from pnas_ops import AnyNet, AnyWorkload, ModuleBuilder, TimedCall, build_timed, example_inputs

Timed = AnyWorkload | AnyNet

_OTHER_WORK_BYTES = 256 * 1024 * 1024
"""What a GPU writes before each call: more than its last-level cache holds (50 MB on an H100). So weights are as cold
for a block as for a net, and a net takes as long measured alone as among others."""


class _Successor(nn.Module):
    """A module of almost no work, to measure the cost of a call."""

    def forward(self, x: Tensor) -> Tensor:
        return x + 1


class TorchCalls:
    """Makes the calls of one walk.

    Args:
        device: where they run.
        mode: how they run.
        batch: number of images; the first dimension of each input is multiplied by it.
        dtype: of weights and inputs.
    """

    def __init__(self, device: torch.device, *, mode: TorchMode, batch: int, dtype: torch.dtype) -> None:
        self._device, self._batch, self._dtype = device, batch, dtype
        self._launch: Callable[[nn.Module, Sequence[Tensor]], Launch]
        match mode:
            case "eager":
                self._launch = eager
            case "compile":
                self._launch = compiled
            case "graph":
                self._launch = Graphs(device)
        # Blocks with equal inputs share them: with large batches, each block's own would take gigabytes.
        self._inputs: dict[tuple[tuple[int, ...], torch.dtype], Tensor] = {}
        is_gpu = device.type == "cuda"
        self._other_work = torch.empty(_OTHER_WORK_BYTES, dtype=torch.int8, device=device) if is_gpu else None

    def module(self, key: Timed, build: ModuleBuilder | None) -> nn.Module:
        """What a workload or a net is, on the device."""
        # Measuring must not change the random state of the calling program.
        with torch.random.fork_rng(devices=[]):
            built = build_timed(key, build)
        return built.to(self._device, self._dtype, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def call(self, key: Timed, module: nn.Module) -> TimedCall:
        """The call that is timed."""
        inputs = [self._input(x) for x in example_inputs(key)]
        return self._timed(self._launch(module, inputs), inputs)

    def idle(self) -> tuple[TimedCall, ...]:
        """The overhead that a net pays once, and blocks measured one by one pay each: launching and waiting.

        On a CPU there is none: `x + 1` would deduct what every operator pays.
        """
        if self._device.type == "cpu":
            return ()
        tiny = torch.zeros(1, device=self._device)
        return (self._timed(self._launch(_Successor(), [tiny]), [tiny]),)

    def _timed(self, launch: Launch, inputs: Sequence[Tensor]) -> TimedCall:
        def run() -> None:
            launch()
            self._wait()

        def prepare() -> None:
            if self._other_work is not None:
                self._other_work.zero_()
            for x in inputs:
                x.mul_(1)
            self._wait()

        return TimedCall(run, prepare)

    def _wait(self) -> None:
        # CUDA runs asynchronously; without waiting, only the launch would be timed.
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def _input(self, example: Tensor) -> Tensor:
        x = example.repeat(self._batch, *[1] * (example.ndim - 1))
        x = x.to(self._device, self._dtype if x.is_floating_point() else x.dtype)
        x = x.to(memory_format=torch.channels_last) if x.ndim == 4 else x
        return self._inputs.setdefault((tuple(x.shape), x.dtype), x)
