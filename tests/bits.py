"""Snapshots that compare bit for bit."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def bits(value: Any) -> Any:
    """A copy of nested mappings and sequences, with the type, shape and bytes of a tensor in its place."""
    if isinstance(value, Tensor):
        return (
            str(value.dtype),
            tuple(value.shape),
            value.detach().contiguous().view(-1).view(torch.uint8).numpy().tobytes(),
        )
    if isinstance(value, Mapping):
        return {key: bits(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [bits(part) for part in value]
    return value
