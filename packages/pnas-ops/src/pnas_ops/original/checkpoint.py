"""Reads the original's checkpoints: a state dict under its own key names."""

import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pnas_ops.data.space import Architecture
from pnas_ops.files.atomic import FilePath
from pnas_ops.files.serialization import FormatError
from pnas_ops.modules.build import build_network
from pnas_ops.original.keys import layer_names

_COUNTER = "num_batches_tracked"


def load_original_checkpoint(path: FilePath, architecture: Architecture) -> nn.Sequential:
    """The net with the weights of a checkpoint of the original, as `build_network` makes it, in evaluation mode.

    The file holds a state dict, or a dict with one as "state_dict"; a prefix "module." of all keys is dropped. It is
    read as weights only: code in it is not run.

    Args:
        path: what the original saved with `torch.save`.
        architecture: of that net, as `read_original_config` or `released` gives it.

    Raises:
        FormatError: in one line, naming the file and the keys that are missing, unexpected or of another shape.
    """
    path = Path(path)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, EOFError, RuntimeError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise FormatError(f"{path}: not a checkpoint of weights alone: {reason}") from None
    try:
        return _network(_state_dict(found), architecture)
    except ValueError as error:
        raise FormatError(f"{path}: {error}") from None


def original_keys(architecture: Architecture) -> dict[str, str]:
    """The original's key for every key of `build_network(architecture).state_dict()`.

    Raises:
        ValueError: for an operation that the original's nets do not have.
    """
    with torch.device("meta"):
        network = build_network(architecture)
    return _keys(network, architecture)


def _keys(network: nn.Module, architecture: Architecture) -> dict[str, str]:
    layers = [(name, layer) for name, layer in network.named_modules() if any(True for _ in layer.parameters(False))]
    return {
        f"{ours}.{value}": f"{theirs}.{value}"
        for (ours, layer), theirs in zip(layers, layer_names(architecture), strict=True)
        for value in layer.state_dict()
    }


def _state_dict(found: Any) -> dict[str, Tensor]:
    state = found.get("state_dict", found) if isinstance(found, dict) else found
    if not isinstance(state, Mapping) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise ValueError("holds no state dict: needs tensors by name, or such a dict as 'state_dict'")
    parallel = all(key.startswith("module.") for key in state)
    return {key.removeprefix("module.") if parallel else key: value for key, value in state.items()}


def _network(state: Mapping[str, Tensor], architecture: Architecture) -> nn.Sequential:
    with torch.device("meta"):
        network = build_network(architecture)
    keys = _keys(network, architecture)
    empty = network.state_dict()
    shapes = {theirs: empty[ours].shape for ours, theirs in keys.items()}
    # PyTorch before 0.4.1 did not count batches, and nothing here depends on it.
    counters = {key: torch.tensor(0) for key in shapes if key.endswith(_COUNTER)}
    state = counters | dict(state)
    misshapen = [
        f"{key} is {tuple(state[key].shape)} instead of {tuple(shape)}"
        for key, shape in shapes.items()
        if key in state and state[key].shape != shape
    ]
    faults = {
        "missing": [key for key in shapes if key not in state],
        "unexpected": [key for key in state if key not in shapes],
        "of another shape": misshapen,
    }
    if any(faults.values()):
        said = (f"keys {fault} ({len(found)}): {_some(found)}" for fault, found in faults.items() if found)
        raise ValueError(f"does not fit {architecture.name!r}: {'; '.join(said)}")
    network.to_empty(device="cpu")
    network.load_state_dict({ours: state[theirs] for ours, theirs in keys.items()})
    return network.eval()


def _some(keys: Iterable[str], most: int = 3) -> str:
    listed = list(keys)
    return ", ".join(listed[:most]) + (", ..." if len(listed) > most else "")
