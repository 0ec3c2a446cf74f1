"""Reads the original's checkpoints: a state dict under its own key names."""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from pnas_ops.data.architecture import Architecture
from pnas_ops.files.atomic import FilePath
from pnas_ops.files.serialization import FormatError
from pnas_ops.files.weights import key_faults, layers_with_weights, read_weights
from pnas_ops.modules.build import build_network
from pnas_ops.original.keys import layer_names

_COUNTER = "num_batches_tracked"
_STRAY = frozenset({"total_ops", "total_params", "n_averaged"})
"""What operation counters (thop) and weight averages leave among the tensors of a net."""

_DEEPEST = 8


def load_original_checkpoint(path: FilePath, architecture: Architecture) -> nn.Sequential:
    """The net with the weights of a checkpoint of the original, as `build_network` makes it, in evaluation mode.

    The file holds a state dict, or a dict with one, by any name and at any depth, such as "state_dict" or "model". Of
    several, one that fits is taken; an average ("ema" in its name) is preferred. A common prefix of all keys, such as
    "module." or "_orig_mod.", is dropped. The file is read as weights only: code in it is not run.

    Args:
        path: what `torch.save` wrote, or a safetensors file.
        architecture: of that net, as `read_original_config` or `released` gives it.

    Raises:
        FormatError: in one line, naming the file and the keys that are missing, unexpected or of another shape.
    """
    path = Path(path)
    states = list(_state_dicts(_read(path)))
    if not states:
        raise FormatError(f"{path}: holds no state dict", "save the net's state_dict() with torch.save")
    with torch.device("meta"):
        network = build_network(architecture)
    keys = original_keys(network, architecture)
    fitting = [_without_prefix(state, keys.values()) for state in states]
    # The first of those that fit best; averages come before others.
    best = max(fitting, key=lambda state: len(state.keys() & set(keys.values())))
    try:
        return _filled(network, keys, best, architecture.name)
    except ValueError as error:
        raise FormatError(f"{path}: {error}") from None


def original_keys(network: nn.Module, architecture: Architecture) -> dict[str, str]:
    """The original's key for every key of a net's state dict.

    Args:
        network: `build_network(architecture)`, on any device.
        architecture: of that net.

    Raises:
        ValueError: for an operation that the original's nets do not have.
    """
    return {
        f"{ours}.{value}": f"{theirs}.{value}"
        for (ours, layer), theirs in zip(layers_with_weights(network), layer_names(architecture), strict=True)
        for value in layer.state_dict()
    }


def _read(path: Path) -> object:
    """The content of the file; for foreign files PyTorch may raise anything."""
    way_out = "save the net's state_dict() with torch.save, and name that file"
    if path.exists() and not path.is_file() and not path.is_dir():
        raise FormatError(f"{path}: a pipe, a socket or a device, and no checkpoint", way_out)
    if path.is_dir():
        raise FormatError(f"{path}: a folder and no checkpoint", "name the file in it")
    if path.suffix == ".safetensors":
        return read_weights(path)
    try:
        with warnings.catch_warnings(action="ignore"):  # about files that hold a scripted module
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        if isinstance(error, OSError) and error.filename:  # it does not exist, or may not be read
            raise
        # PyTorch's own message advises running the code in the file.
        unsafe = "Unsupported global" in str(error) or "weights_only" in str(error)
        what = "holds more than tensors, which is not run" if unsafe and _is_pickled(path) else "is no checkpoint"
        raise FormatError(f"{path}: not a checkpoint of weights alone: it {what}", way_out) from None


def _is_pickled(path: Path) -> bool:
    """Whether the file begins like those of `torch.save`: a zip file, or formerly a pickle."""
    with path.open("rb") as file:
        return file.read(4).startswith((b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"))


def _state_dicts(found: object, depth: int = 0) -> Iterator[dict[str, Tensor]]:
    """All dicts of tensors in the content, averages first."""
    if not isinstance(found, Mapping) or depth > _DEEPEST:
        return
    tensors = {str(name): value for name, value in found.items() if isinstance(value, Tensor)}
    state = {name: value for name, value in tensors.items() if name.rpartition(".")[2] not in _STRAY}
    if state:
        yield state
    for name in sorted(found, key=lambda name: "ema" not in str(name).lower()):
        yield from _state_dicts(found[name], depth + 1)


def _without_prefix(state: Mapping[str, Tensor], names: Iterable[str]) -> dict[str, Tensor]:
    """The state without what wrappers insert into names: DataParallel, torch.compile, a field."""
    known = {name.partition(".")[0] for name in names}

    def bare(key: str) -> str:
        parts = key.split(".")
        first = next((place for place, part in enumerate(parts) if part in known), 0)
        return ".".join(part for part in parts[first:] if part != "_orig_mod")

    return {bare(key): value for key, value in state.items()}


def _filled(network: nn.Sequential, keys: Mapping[str, str], state: Mapping[str, Tensor], name: str) -> nn.Sequential:
    empty = network.state_dict()
    shapes = {theirs: empty[ours].shape for ours, theirs in keys.items()}
    # PyTorch before 0.4.1 did not count batches, and nothing here depends on it.
    counters = {key: torch.tensor(0) for key in shapes if key.endswith(_COUNTER)}
    state = counters | dict(state)
    if faults := key_faults(shapes, state):
        raise ValueError(f"does not fit {name!r}: {faults}")
    network.to_empty(device="cpu")
    network.load_state_dict({ours: state[theirs] for ours, theirs in keys.items()})
    return network.eval()
