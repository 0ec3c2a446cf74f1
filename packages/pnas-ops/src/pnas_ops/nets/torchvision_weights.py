"""Reads torchvision's weights of the baselines."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pnas_ops.data.architecture import Architecture
from pnas_ops.files.serialization import FormatError
from pnas_ops.files.weights import key_faults, layers_with_weights
from pnas_ops.modules.build import build_network
from pnas_ops.nets.baselines import BASELINES, BaselineName, baseline
from pnas_ops.nets.errors import ArchitectureError

_MODELS: Mapping[BaselineName, str] = {
    name: "mnasnet1_0" if name == "mnasnet_b1" else name for name in BASELINES if name != "mnasnet_a1"
}
"""Their names in torchvision, which has no MnasNet-A1."""


def torchvision_weights(state: Mapping[str, Tensor], architecture: Architecture) -> dict[str, Tensor]:
    """The weights of a torchvision module as those of `build_network(architecture)`.

    The nets compute the same in evaluation mode. BatchNorm has another eps here, which its weight compensates for.

    Args:
        state: the module's `state_dict()`, or what `torch.load` or safetensors' `load_file` read from a file of it.
        architecture: a `baseline` of the width and the classes of that module, at any resolution.

    Raises:
        ArchitectureError: for a net that torchvision does not have.
        FormatError: in one line, naming the keys that are missing, unexpected or of another shape.
    """
    theirs = _module(architecture)
    with torch.device("meta"):
        ours = build_network(architecture)
    layers = list(zip(layers_with_weights(ours), layers_with_weights(theirs), strict=True))
    empty = ours.state_dict()
    shapes = {
        f"{their_name}.{value}": empty[f"{our_name}.{value}"].shape
        for (our_name, layer), (their_name, _) in layers
        for value in layer.state_dict()
    }
    # Nothing here depends on the counters, and not every file has them.
    counters = {key: torch.tensor(0) for key in shapes if key.endswith("num_batches_tracked")}
    found = counters | dict(state)
    if faults := key_faults(shapes, found):
        raise FormatError(
            f"weights do not fit {architecture.name!r}: {faults}", "name the net, width and classes that they are of"
        )
    weights: dict[str, Tensor] = {}
    for (our_name, layer), (their_name, their_layer) in layers:
        values = {value: found[f"{their_name}.{value}"] for value in layer.state_dict()}
        if isinstance(layer, nn.BatchNorm2d) and isinstance(their_layer, nn.BatchNorm2d):
            variance = values["running_var"].double()
            factor = ((variance + layer.eps) / (variance + their_layer.eps)).sqrt()
            values["weight"] = (values["weight"] * factor).to(values["weight"].dtype)
        weights |= {f"{our_name}.{value}": tensor for value, tensor in values.items()}
    return weights


def _module(architecture: Architecture) -> nn.Module:
    """Torchvision's net of these operations, without memory for its weights; its width does not matter."""
    from torchvision.models import get_model

    for name, theirs in _MODELS.items():
        if _operations(baseline(name)) == _operations(architecture):
            with torch.device("meta"):
                module: nn.Module = get_model(theirs, weights=None)
            return module
    raise ArchitectureError(f"{architecture.name!r} is no net of torchvision's", f"it has {', '.join(_MODELS)}")


def _operations(architecture: Architecture) -> list[tuple[object, int, bool]]:
    return [(block.op, block.stride, block.residual) for block in architecture.blocks]
