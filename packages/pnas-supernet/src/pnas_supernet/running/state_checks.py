"""Checks of a state before it is loaded, since a search or a training would otherwise fail much later."""

from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


def refuse_not_finite_state(state: Any, name: str = "") -> None:
    """Checks that all tensors and numbers of a state are finite.

    Args:
        state: nested dicts, lists and tuples of them.
        name: of the state, with which the name in the error begins.

    Raises:
        ValueError: naming the first that is not finite.
    """
    if isinstance(state, Tensor | float):
        if not torch.as_tensor(state).isfinite().all():
            raise ValueError(f"{name} is not finite")
        return
    parts = state.items() if isinstance(state, dict) else enumerate(state) if isinstance(state, list | tuple) else ()
    for key, part in parts:
        refuse_not_finite_state(part, f"{name}.{key}" if name else str(key))


def refuse_other_optimizer(optimizer: Optimizer, state: dict[str, Any]) -> None:
    """Compares a state's options and what it keeps for each parameter with the present optimizer.

    Raises:
        ValueError: for groups of other sizes, options of another type, and a tensor that lacks its parameter's shape.
    """
    groups, groups_before = optimizer.state_dict()["param_groups"], state["param_groups"]
    sizes, sizes_before = ([len(group["params"]) for group in one] for one in (groups, groups_before))
    if sizes != sizes_before:
        raise ValueError(f"an optimizer's groups have {sizes_before} weights, not {sizes}")
    refuse_unlike_state(groups, groups_before, "an optimizer's group")
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for index, kept in state["state"].items():
        for name, moment in kept.items():
            if torch.is_tensor(moment) and moment.ndim and moment.shape != parameters[index].shape:
                raise ValueError(f"{name} of a weight of {tuple(parameters[index].shape)} is {tuple(moment.shape)}")


def refuse_unlike_state(now: Any, before: Any, name: str) -> None:
    """Compares the types of two states, where both have a value.

    Raises:
        ValueError: naming the first that differs. Extra entries of a list are allowed, since it may have grown.
    """
    if isinstance(now, dict) and isinstance(before, dict):
        for key in now.keys() & before.keys():
            refuse_unlike_state(now[key], before[key], f"{name}.{key}")
    elif isinstance(now, list | tuple) and isinstance(before, list | tuple):
        for index, parts in enumerate(zip(now, before, strict=False)):
            refuse_unlike_state(*parts, f"{name}.{index}")
    elif now is None or before is None or (isinstance(now, int | float) and isinstance(before, int | float)):
        return
    elif type(now) is not type(before):
        raise ValueError(f"{name} is a {type(before).__name__}, not a {type(now).__name__}")
