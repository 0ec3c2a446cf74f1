"""Transfers of numbers between a device and the CPU: many at once, since each transfer waits for the device."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def on_cpu(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Floating-point tensors on the CPU, fetched together and without a graph; those on the CPU as they are."""
    away = [tensor.detach() for tensor in tensors if tensor.device.type != "cpu"]
    if not away:
        return [tensor.detach() for tensor in tensors]
    # Tensors of different dtypes are transferred in the widest, which holds all of them exactly.
    joined = torch.cat([tensor.reshape(-1).to(away[0].device) for tensor in away]).cpu()
    fetched = iter(torch.split(joined, [tensor.numel() for tensor in away]))
    return [
        tensor.detach() if tensor.device.type == "cpu" else next(fetched).to(tensor.dtype).view(tensor.shape)
        for tensor in tensors
    ]


class Underway:
    """An asynchronous transfer of a tensor's numbers to the CPU, during which the device goes on computing.

    Args:
        tensor: must not be changed before they are read.
    """

    def __init__(self, tensor: Tensor) -> None:
        self._copy = tensor.detach().to("cpu", non_blocking=tensor.is_cuda)
        self._arrival = torch.cuda.current_stream(tensor.device).record_event() if tensor.is_cuda else None

    def read(self) -> Any:
        """As `Tensor.tolist`, once they have arrived."""
        if self._arrival is not None:
            self._arrival.synchronize()
        return self._copy.tolist()


def put_back(tensors: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Copies the values of `on_cpu` tensors back to the originals; does not wait for the device."""
    pairs = [
        (tensor.detach(), value)
        for tensor, value in zip(tensors, values, strict=True)
        if tensor.device.type != "cpu"  # what is on the CPU is itself in `values`
    ]
    if not pairs:
        return
    device = pairs[0][0].device
    joined = torch.cat([value.reshape(-1) for _, value in pairs])
    if device.type == "cuda":
        joined = joined.pin_memory()  # copying from other memory would wait
    pieces = torch.split(joined.to(device, non_blocking=True), [value.numel() for _, value in pairs])
    for (tensor, value), piece in zip(pairs, pieces, strict=True):
        tensor.copy_(piece.view(value.shape))
