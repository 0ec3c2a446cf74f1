"""What a walk times of PyTorch: modules on a device, with the inputs that they run on."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from pnas_latency.devices.launching import Graphs, Launch, TorchMode, compiled, eager
from pnas_ops import AnyNet, AnyWorkload, ModuleBuilder, TimedCall, build_timed, example_inputs

Timed = AnyWorkload | AnyNet

_OTHER_WORK_BYTES = 256 * 1024 * 1024
"""What a GPU writes before each call: more than its last cache holds (50 MB on an H100), so that weights are as cold
before a block as before a net, and a net measured alone is as one measured among others."""


class _Successor(nn.Module):
    """Next to nothing, for the cost of a call."""

    def forward(self, x: Tensor) -> Tensor:
        return x + 1


class TorchCalls:
    """Makes the calls of one walk.

    Args:
        device: where they run.
        mode: how they run.
        batch: number of images; the first dimension of each input is so many times as long.
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
        # Blocks of one place share them: of large batches each would have gigabytes of its own.
        self._inputs: dict[tuple[tuple[int, ...], torch.dtype], Tensor] = {}
        is_gpu = device.type == "cuda"
        self._other_work = torch.empty(_OTHER_WORK_BYTES, dtype=torch.int8, device=device) if is_gpu else None

    def module(self, key: Timed, build: ModuleBuilder | None) -> nn.Module:
        """What a workload or a net is, on the device."""
        # Measuring must not change the random numbers of the program around it.
        with torch.random.fork_rng(devices=[]):
            built = build_timed(key, build)
        return built.to(self._device, self._dtype, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def call(self, key: Timed, module: nn.Module) -> TimedCall:
        """The call that is timed."""
        inputs = [self._input(x) for x in example_inputs(key)]
        return self._timed(self._launch(module, inputs), inputs)

    def idle(self) -> tuple[TimedCall, ...]:
        """What a net saves, compared with its blocks one by one: to be launched and waited for once.

        On a CPU that is nothing: `x + 1` would deduct what every operator pays.
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
        # CUDA runs behind Python's back; without waiting, only the launch would be timed.
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def _input(self, example: Tensor) -> Tensor:
        x = example.repeat(self._batch, *[1] * (example.ndim - 1))
        x = x.to(self._device, self._dtype if x.is_floating_point() else x.dtype)
        x = x.to(memory_format=torch.channels_last) if x.ndim == 4 else x
        return self._inputs.setdefault((tuple(x.shape), x.dtype), x)
