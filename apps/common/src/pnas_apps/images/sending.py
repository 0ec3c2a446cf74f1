"""How tensors reach a GPU without being waited for."""

import torch
from torch import Tensor


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device. From a CPU to a GPU it goes from pinned memory, and the CPU goes on meanwhile."""
    if tensor.device.type == "cpu" and device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
