"""How a GPU computes: as fast as possible, or with the same bits every time."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from pnas_ops import PnasError
from pnas_supernet.searching.precision import Precision

_WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
_REPEATABLE_WORKSPACES = (":4096:8", ":16:8")


class NotRepeatableError(PnasError, RuntimeError):
    """It is too late to make a GPU's results repeatable."""


@contextmanager
def tuned(device: torch.device | str, *, deterministic: bool = False) -> Iterator[None]:
    """In the `with` block a GPU computes as fast as it can; after it, PyTorch's settings are as before.

    cuDNN times its kernels for each new convolution shape and takes the fastest. This costs seconds to minutes once,
    and pays off in searches, whose shapes stay the same: without it a float32 search can take ten times as long.
    Whether float32 products may be rounded to TF32 is left to PyTorch's own settings
    (`torch.set_float32_matmul_precision`, `torch.backends.cudnn.allow_tf32`). A CPU needs no tuning.

    Args:
        device: that computes.
        deterministic: the same bits every time instead, also on a CPU: kernels are not timed, since another may win
            next time, and slower ones are used. An operation without such a kernel raises PyTorch's RuntimeError. For a
            GPU this sets CUBLAS_WORKSPACE_CONFIG in the environment for good, unless it is set: cuBLAS reads it once.

    Raises:
        NotRepeatableError: if CUDA has been used already, when it is too late for CUBLAS_WORKSPACE_CONFIG.
    """
    gpu = torch.device(device).type == "cuda"
    if gpu and deterministic:
        _choose_workspace()
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.deterministic
    algorithms = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        if gpu:
            cudnn.benchmark, cudnn.deterministic = not deterministic, deterministic
        if deterministic:
            torch.use_deterministic_algorithms(True)
        yield
    finally:
        cudnn.benchmark, cudnn.deterministic = before
        torch.use_deterministic_algorithms(algorithms[0], warn_only=algorithms[1])


def default_precision(device: torch.device | str) -> Precision:
    """The precision of forward passes that suits a device: bfloat16 on a GPU that supports it, else float32."""
    device = torch.device(device)
    if device.type != "cuda":
        return "float32"
    with torch.cuda.device(device):
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"


def warn_of_slow_kernels(network: nn.Module, device: torch.device, precision: Precision) -> None:
    """Warns where cuDNN without tuning takes kernels that are many times slower than others."""
    cudnn = torch.backends.cudnn
    if device.type != "cuda" or precision != "float32" or cudnn.benchmark or cudnn.deterministic:
        return
    if any(isinstance(part, nn.Conv2d) and part.groups > 1 for part in network.modules()):
        warnings.warn(
            "cuDNN computes float32 depthwise convolutions up to ten times slower than it could: search inside "
            '`with pnas_supernet.tuned(device):`, or with SearchConfig(precision="bfloat16")',
            stacklevel=3,
        )


def _choose_workspace() -> None:
    if os.environ.get(_WORKSPACE) in _REPEATABLE_WORKSPACES:
        return
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        raise NotRepeatableError(
            f"cuBLAS has been used without {_WORKSPACE}, so that it need not give the same bits again",
            f"start again with {_WORKSPACE}={_REPEATABLE_WORKSPACES[0]} in the environment",
        )
    os.environ[_WORKSPACE] = _REPEATABLE_WORKSPACES[0]
