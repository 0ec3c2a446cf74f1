"""Checkpoints that are whole or not there, and hold no code."""

import io
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from pnas_apps.errors import UserError
from pnas_ops import write_atomically


def save_checkpoint(state: dict[str, Any], path: Path) -> None:
    """Writes tensors and plain values atomically."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomically(path, buffer.getvalue())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """What `save_checkpoint` wrote.

    Raises:
        UserError: naming a damaged file.
    """
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except (UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UserError(f"{path} is damaged ({reason}): delete it to repeat this step from its beginning") from None
    return state
