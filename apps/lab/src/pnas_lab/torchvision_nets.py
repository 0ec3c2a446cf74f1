"""Nets of torchvision, without their weights."""

import inspect
import warnings
from collections.abc import Mapping

import torch
from attrs import frozen
from torch import nn
from torchvision import models

from pnas_apps.ground.errors import UserError
from pnas_ops import in_one_line

_AS_PUBLISHED: dict[str, dict[str, object]] = {"googlenet": {"aux_logits": False}}


@frozen(kw_only=True)
class Published:
    """What torchvision says of a net at `resolution` pixels: its parameters, and its GMACs to three decimals."""

    resolution: int
    parameters: int
    gmacs: float


def torchvision_names() -> list[str]:
    """The names of torchvision's nets that classify or segment images."""
    return sorted(models.list_models(module=models) + models.list_models(module=models.segmentation))


def published(name: str) -> Published:
    """The published figures of the net by that name, with its default weights."""
    weights = models.get_model_weights(name).DEFAULT
    options = weights.transforms.keywords
    (resolution,) = {*_sizes(options["crop_size" if "crop_size" in options else "resize_size"])}
    return Published(resolution=resolution, parameters=weights.meta["num_params"], gmacs=weights.meta["_ops"])


def torchvision_net(name: str, *, classes: int | None, resolution: int) -> nn.Module:
    """The net with the parts that the published one has, on the meta device where it can be made there.

    Raises:
        UserError: for a number of classes that it cannot have.
    """
    options: dict[str, object] = {"weights": None} | _AS_PUBLISHED.get(name, {})
    known = inspect.signature(models.get_model_builder(name)).parameters
    if "weights_backbone" in known:
        options["weights_backbone"] = None  # which would be fetched
    if "aux_loss" in known:
        options["aux_loss"] = True
    if name.startswith("vit_"):
        options["image_size"] = resolution
    if classes is not None:
        options["num_classes"] = classes
    try:
        return _made(name, options)
    except (AssertionError, TypeError, ValueError) as error:
        raise UserError(
            f"torchvision cannot make {name} with these --classes and --resolution ({in_one_line(error)}): give others"
        ) from None


def _made(name: str, options: Mapping[str, object]) -> nn.Module:
    # Some warn of how they draw weights, which are not there.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        try:
            with torch.device("meta"):
                return models.get_model(name, **options)  # type: ignore[no-any-return]
        except NotImplementedError:  # RegNets compute their widths with tensors
            return models.get_model(name, **options)  # type: ignore[no-any-return]


def _sizes(size: int | list[int] | tuple[int, ...]) -> tuple[int, ...]:
    return (size,) if isinstance(size, int) else tuple(size)
