"""The module and the inputs that a device times for a workload or a net, of either kind of space."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.errors import PnasError
from pnas_ops.data.module_space import ModuleArchitecture, ModuleWorkload
from pnas_ops.data.workload import AnyNet, AnyWorkload, Workload
from pnas_ops.modules.build import build_block, build_network

ModuleBuilder = Callable[[ModuleWorkload | ModuleArchitecture], nn.Module]
"""Makes the module for a workload or a net of a `ModuleSpace`."""


class NoBuilderError(PnasError, ValueError):
    """A builder for the modules of a `ModuleSpace` is missing, or the device takes none."""


def build_timed(key: AnyWorkload | AnyNet, build: ModuleBuilder | None = None) -> nn.Module:
    """The module in evaluation mode, built from a specification or by `build`.

    Args:
        key: what to build.
        build: called for workloads and nets of a `ModuleSpace`.

    Raises:
        NoBuilderError: for a workload or a net of a `ModuleSpace` without `build`.
    """
    match key:
        case Workload():
            return build_block(key.block).eval()
        case Architecture():
            return build_network(key).eval()
    if build is None:
        raise NoBuilderError(f"{key.name} is of a user's own module", "pass build=..., which makes that module")
    return build(key).eval()


def example_inputs(key: AnyWorkload | AnyNet) -> tuple[Tensor, ...]:
    """One tensor for each input, of its shape and dtype, filled with 0.5: for converters and for timing."""
    match key:
        case ModuleWorkload():
            dtype = key.dtype
        case ModuleArchitecture():
            dtype = key.rest.dtype
        case _:
            dtype = "float32"
    return tuple(torch.full(shape, 0.5).to(getattr(torch, dtype)) for shape in key.input_shapes)
