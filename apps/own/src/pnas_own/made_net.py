"""Whether what a user's function has made is a net that can be searched and trained."""

from itertools import chain
from pathlib import Path
from typing import Any

from torch import jit, nn
from torch.nn.parameter import is_lazy

from pnas_apps.ground.errors import UserError


def check_made(made: Any, path: Path, name: str) -> nn.Module:
    """The net.

    Args:
        made: what the function `name` of the file `path` returned.

    Raises:
        UserError: for anything but a module of Python whose weights are there, and may learn.
    """
    if not isinstance(made, nn.Module):
        raise UserError(f"{path}: {name} returned a {type(made).__name__}: let it return a torch.nn.Module")
    if isinstance(made, jit.ScriptModule):
        raise UserError(
            f"{path}: {name} returned a scripted net, whose layers cannot be replaced: return the one that "
            "torch.jit.script or torch.jit.trace was given"
        )
    for tensor_name, tensor in chain(made.named_parameters(), made.named_buffers()):
        if is_lazy(tensor):
            raise UserError(
                f"{path}: {tensor_name} of the net that {name} makes has no shape yet, as in a lazy module: "
                f"run the net once on some images in {name}"
            )
        if tensor.is_meta:
            raise UserError(
                f"{path}: {tensor_name} of the net that {name} makes is on the meta device, where it has no values: "
                "make the net on the CPU and load its weights"
            )
    weights = list(made.parameters())
    if not weights:
        raise UserError(f"{path}: the net that {name} makes has no weights: there is nothing to train")
    if not any(one.requires_grad for one in weights):
        raise UserError(
            f"{path}: all weights of the net that {name} makes are frozen: call requires_grad_(True) on those that may "
            "learn"
        )
    return made
