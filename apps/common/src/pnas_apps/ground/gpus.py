"""Which device networks are trained on, found without waiting for a GPU's driver that does not answer."""

import subprocess
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Literal

import torch

from pnas_apps.ground.errors import UserError
from pnas_supernet import Precision

Accelerator = Literal["auto", "cpu", "cuda"]
"""Where networks are trained; "auto" takes a GPU if there is one."""

PATIENCE_S = 60.0
"""So long a driver may take to begin: some seconds where it manages many GPUs."""

_KILLED_S = 1.0

DRIVERS = (Path("/proc/driver/nvidia/version"), Path("/dev/dxg"))
"""One of them is there where a driver is: NVIDIA's own, or Windows' below Linux."""

# In a process of its own, since a call into a driver that hangs can neither be interrupted nor killed. Without PyTorch,
# whose import takes seconds. Whatever it says is left to PyTorch, which says it better.
_KNOCK = """
from ctypes import CDLL, byref, c_int, c_void_p
cuda, device, context = CDLL("libcuda.so.1"), c_int(), c_void_p()
if cuda.cuInit(0) == 0 and cuda.cuDeviceGet(byref(device), 0) == 0:
    cuda.cuDevicePrimaryCtxRetain(byref(context), device)
"""


def training_device(accelerator: Accelerator) -> torch.device:
    """Where networks are trained. A driver is asked only where there is one and a GPU may be used.

    Raises:
        UserError: where there is no GPU and one is wanted, and where one is there that cannot be used.
    """
    if accelerator == "cpu":
        return torch.device("cpu")
    if any(driver.exists() for driver in DRIVERS):
        refuse_silent_driver([sys.executable, "-I", "-S", "-c", _KNOCK])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        available = torch.cuda.is_available()
    if not available and caught:  # of a GPU that is not there, PyTorch says nothing
        raise unusable_gpu(str(caught[0].message))
    if not available and accelerator == "cuda":
        raise UserError("PyTorch finds no CUDA GPU here: leave out --accelerator, or give --accelerator cpu")
    return torch.device("cuda" if available else "cpu")


def begin_on(device: torch.device) -> None:
    """Uses the GPU once, so that a fault shows now and not in the middle of the first step.

    Raises:
        UserError: for one that cannot be used.
    """
    if device.type == "cuda":
        try:
            torch.ones(1, device=device).add_(1).item()
        except RuntimeError as error:
            raise unusable_gpu(str(error)) from None


def refuse_silent_driver(knock: list[str], *, patience_s: float = PATIENCE_S) -> None:
    """Raises a UserError where a program that begins to use the GPU has not ended in time.

    Args:
        knock: the program.
        patience_s: seconds that it is given.
    """
    process = subprocess.Popen(knock, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_KILLED_S)  # and no longer: what hangs in the driver stays
        raise UserError(
            f"the GPU's driver has not answered for {patience_s:g} s: restart it, or the machine, and run the same "
            "command again to resume; or give --accelerator cpu"
        ) from None


def unusable_gpu(reason: str) -> UserError:
    """The error for a GPU that is there."""
    said = reason.split("\n")[0].removeprefix("CUDA initialization: ").rstrip(". ")
    return UserError(f"the GPU cannot be used ({said}): run the same command again later, or give --accelerator cpu")


def check_precisions(device: torch.device, *, search: Precision, train: Precision) -> None:
    """Raises a UserError where a GPU lacks a number format, which it would compute in another, slowly.

    Args:
        device: where networks are trained.
        search, train: the formats of forward passes in the search and in the training.
    """
    wanting = [flag for flag, precision in (("search", search), ("train", train)) if precision == "bfloat16"]
    if device.type != "cuda" or not wanting:
        return
    with torch.cuda.device(device):
        if not torch.cuda.is_bf16_supported(including_emulation=False):
            flags = " ".join(f"--{step}-precision float16" for step in wanting)
            raise UserError(f"{torch.cuda.get_device_name()} has no bfloat16: give {flags}, or float32")
