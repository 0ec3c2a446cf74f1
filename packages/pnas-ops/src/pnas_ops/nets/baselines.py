"""Baselines: published nets to compare with, by name."""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Literal, get_args

from pnas_ops.data.architecture import Architecture
from pnas_ops.nets.chain import Layers, net
from pnas_ops.nets.errors import ArchitectureError, check_count, check_multiple
from pnas_ops.nets.mobile_nets import efficientnet_b0, mnasnet_a1, mnasnet_b1, mobilenet_v2
from pnas_ops.nets.residual_nets import resnet18, resnet50, resnext50_32x4d
from pnas_ops.nets.shuffle_nets import shufflenet_v2_x1_0

BaselineName = Literal[
    "mobilenet_v2",
    "mnasnet_a1",
    "mnasnet_b1",
    "resnet18",
    "resnet50",
    "resnext50_32x4d",
    "shufflenet_v2_x1_0",
    "efficientnet_b0",
]
"""One of `BASELINES`."""

BASELINES: tuple[BaselineName, ...] = get_args(BaselineName)
"""The names that `baseline` knows."""

_LAYERS: Mapping[BaselineName, Callable[[float], tuple[Layers, ...]]] = {
    "mobilenet_v2": mobilenet_v2,
    "mnasnet_a1": mnasnet_a1,
    "mnasnet_b1": mnasnet_b1,
    "resnet18": resnet18,
    "resnet50": resnet50,
    "resnext50_32x4d": resnext50_32x4d,
    "shufflenet_v2_x1_0": shufflenet_v2_x1_0,
    "efficientnet_b0": efficientnet_b0,
}


def baseline(
    name: BaselineName, *, width_mult: float = 1.0, resolution: int = 224, in_channels: int = 3, classes: int = 1000
) -> Architecture:
    """A published net, without weights.

    Args:
        name: one of `BASELINES`.
        width_mult: of all channels but those of the image and the classes, by the rule of the net's authors, or
            MobileNetV2's.
        resolution: side of the images in pixels.
        in_channels: of an image.
        classes: outputs.

    Raises:
        ArchitectureError: for another name, for a width that is not positive, for invalid numbers of classes, channels
            or pixels, and for images that are too small.
    """
    if name not in _LAYERS:
        near = get_close_matches(name, BASELINES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(BASELINES)}"
        raise ArchitectureError(f"no baseline is called {name!r}", hint)
    check_multiple("width_mult", width_mult)
    for what, count in {"resolution": resolution, "in_channels": in_channels, "classes": classes}.items():
        check_count(what, count)
    title = name if width_mult == 1 else f"{name}-{width_mult:g}"
    return net(title, _LAYERS[name](width_mult), resolution=resolution, in_channels=in_channels, classes=classes)
