"""The weights of nets in safetensors files: the only place that reads or writes them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from pnas_ops.data.errors import in_one_line
from pnas_ops.files.atomic import FilePath, write_atomically
from pnas_ops.files.serialization import FormatError


def save_weights(network: nn.Module, path: FilePath) -> None:
    """Writes all parameters and buffers of a network, on any device, atomically."""
    write_atomically(path, weights_as_bytes(network))


def weights_as_bytes(network: nn.Module) -> bytes:
    """What `save_weights` writes."""
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    return save(tensors)


def read_weights(path: FilePath) -> dict[str, Tensor]:
    """The tensors of a safetensors file by their names, all of them finite.

    Raises:
        FormatError: in one line that names the file, for one that is damaged or of another kind.
        OSError: for one that cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        found = load(Path(path).read_bytes())
    except (SafetensorError, ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        raise FormatError(f"{path}: not weights in safetensors: {in_one_line(error)}") from None
    except IsADirectoryError:
        raise FormatError(f"{path}: a folder, not weights in safetensors") from None
    for name, tensor in found.items():
        if tensor.is_floating_point() and not tensor.double().isfinite().all():
            raise FormatError(f"{path}: {name} is not finite")
    return found


def load_weights(network: nn.Module, path: FilePath) -> None:
    """Gives a network the weights that `save_weights` wrote.

    Raises:
        FormatError: as `read_weights`, and naming a tensor that is missing or unknown, or of another shape or type.
        OSError: for a file that cannot be read.
    """
    found = read_weights(path)
    if misfit := _misfit(network.state_dict(), found):
        raise FormatError(f"{path}: not the weights of this net: {misfit}")
    network.load_state_dict(found)


def layers_with_weights(network: nn.Module) -> list[tuple[str, nn.Module]]:
    """The modules that have weights of their own, with their names, in the order in which the network defines them.

    By this order two definitions of the same net can be paired, whatever the names of their layers.
    """
    return [(name, layer) for name, layer in network.named_modules() if any(True for _ in layer.parameters(False))]


def key_faults(wanted: Mapping[str, torch.Size], state: Mapping[str, Tensor]) -> str:
    """The keys of foreign weights that are missing, unexpected or of another shape, in one line; empty for none."""
    misshapen = [
        f"{key} is {tuple(state[key].shape)} instead of {tuple(shape)}"
        for key, shape in wanted.items()
        if key in state and state[key].shape != shape
    ]
    faults = {
        "missing": [key for key in wanted if key not in state],
        "unexpected": [key for key in state if key not in wanted],
        "of another shape": misshapen,
    }
    return "; ".join(f"keys {fault} ({len(keys)}): {_some(keys)}" for fault, keys in faults.items() if keys)


def _some(keys: Sequence[str], most: int = 3) -> str:
    return ", ".join(keys[:most]) + (", ..." if len(keys) > most else "")


def _misfit(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            return f"{name} is missing"
        if name not in wanted:
            return f"{name} is unknown"
        one, other = ((tuple(tensor.shape), tensor.dtype) for tensor in (found[name], wanted[name]))
        if one != other:
            return f"{name} is {one[0]} in {one[1]}, not {other[0]} in {other[1]}"
    return ""
