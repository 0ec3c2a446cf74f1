"""The operators that a forward pass runs, and the workload of a module that follows from them."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from pnas_ops import ModuleWorkload, Zero, count_parameters, forward_macs
from pnas_supernet.gates.modes import evaluating
from pnas_supernet.gates.nested import tensors_in


class OperatorRecorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """In the `with` block, records every operator that PyTorch runs.

    Attributes:
        operators: each with the shapes and dtypes of its tensors and its integer options: strides, groups. Those
            without a tensor make constants, and are left out.
        kernel_sizes: of the convolutions among them, by their index.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operators: list[str] = []
        self.kernel_sizes: dict[int, int] = {}

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: object,
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        options = dict(kwargs or {})
        if any(_has_tensor(argument) for argument in (*args, *options.values())):
            if func is torch.ops.aten.convolution.default and isinstance(weight := args[1], Tensor):
                self.kernel_sizes[len(self.operators)] = max(weight.shape[2:])
            texts = [*map(_text, args), *(f"{name}={_text(value)}" for name, value in options.items())]
            self.operators.append(f"{func}({', '.join(text for text in texts if not text.endswith('~'))})")
        return func(*args, **options)


def run_recorded(recorder: OperatorRecorder, module: nn.Module, arguments: tuple[Any, ...]) -> tuple[object, int]:
    """The output of a module in evaluation mode, and its multiply-accumulates; `recorder` has its operators.

    cuDNN is turned off, since its operators have other names: a net is the same workload wherever it is recorded.
    """
    outputs: list[object] = []

    def forward() -> None:
        with recorder:
            outputs.append(module(*arguments))

    with evaluating(module), torch.backends.cudnn.flags(enabled=False):
        macs = forward_macs(forward)
    return outputs[0], macs


def record_workload(title: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[ModuleWorkload, object]:
    """The workload of `module` at these inputs, and its output there."""
    recorder = OperatorRecorder()
    output, macs = run_recorded(recorder, module, inputs)
    workload = ModuleWorkload(
        title=title,
        # A supernet's Zero makes zeros of its input's shape; a net has nothing in its place.
        operators=() if isinstance(module, Zero) else tuple(recorder.operators),
        input_shapes=shapes_of(inputs),
        dtype=dtype_of(inputs),
        macs=macs,
        parameters=count_parameters(module),
        kernel_size=max(recorder.kernel_sizes.values(), default=1),
    )
    return workload, output


def output_of(module: nn.Module, inputs: tuple[Tensor, ...]) -> object:
    """The output of a module in evaluation mode, without gradients."""
    with evaluating(module):
        return module(*inputs)


def running(candidates: Mapping[str, nn.Module], inputs: tuple[Tensor, ...]) -> dict[str, nn.Module]:
    """Those of a rule's own candidates that run on the inputs.

    Padding that mirrors an image cannot be larger than it, and a block may ask more of its layers than to be called.
    """
    found = {}
    for title, candidate in candidates.items():
        with suppress(Exception):  # whatever a block of somebody's raises
            output_of(candidate, inputs)
            found[title] = candidate
    return found


def shapes_of(inputs: Iterable[Tensor]) -> tuple[tuple[int, ...], ...]:
    """The shapes of the inputs."""
    return tuple(tuple(tensor.shape) for tensor in inputs)


def dtype_of(inputs: Iterable[Tensor]) -> str:
    """The name of the first input's dtype: "float32"."""
    return str(next(iter(inputs)).dtype).removeprefix("torch.")


def _has_tensor(argument: object) -> bool:
    return bool(tensors_in(argument))


def _text(argument: object) -> str:
    """An operator's argument as text; "~" at the end where the work does not depend on it."""
    match argument:
        case Tensor():
            return "x".join([*map(str, argument.shape), str(argument.dtype).removeprefix("torch.")])
        case list() | tuple():
            return f"[{', '.join(map(_text, argument))}]"
        case bool() | int() | str() | None:
            return str(argument)
    return "~"
