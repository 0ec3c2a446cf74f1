"""Nets as a command line names them."""

import difflib
from collections.abc import Iterable
from pathlib import Path

import torch
from attrs import evolve, frozen
from torch import nn

from pnas_apps.ground.errors import UserError
from pnas_apps.run.named_functions import call_user_code, named_file, run_file, takes_argument
from pnas_lab.torchvision_nets import Published, published, torchvision_names, torchvision_net
from pnas_ops import (
    BASELINES,
    RELEASED,
    Architecture,
    FormatError,
    UnknownOperationError,
    baseline,
    build_network,
    counted,
    load_json,
    released,
    workloads,
)

OURS = (*BASELINES, *RELEASED)
"""Names of nets that are architectures."""
_DEFAULT_RESOLUTION = 224
_CHANNELS = 3


@frozen(kw_only=True, eq=False)
class Model:
    """A net as a module, and what goes into it.

    Attributes:
        name: what people call it.
        module: it.
        input_shape: (1, C, H, W) as a rule.
        published: what its makers say of it at this shape; None where nothing is known.
    """

    name: str
    module: nn.Module
    input_shape: tuple[int, ...]
    published: Published | None = None


def read_architecture(text: str, *, resolution: int | None = None) -> Architecture:
    """The net that a command line names: one with a name, or one in a file.

    Args:
        text: a name, or a path that ends in .json.
        resolution: of its images; its own if None.

    Raises:
        UserError: for anything else, naming what is near, and for a resolution that its strides use up.
    """
    found = _of_file(Path(text)) if text.endswith(".json") else _of_name(text)
    if resolution is not None:
        found = evolve(found, resolution=resolution)
    try:
        workloads(found)
    except ValueError as error:
        raise UserError(f"{error}: give a larger --resolution") from None
    return found


def read_model(
    text: str, *, classes: int | None, resolution: int | None = None, input_shape: tuple[int, ...] | None = None
) -> Model:
    """The net that a command line names: ours, torchvision's or the user's own.

    Args:
        text: a name, a path that ends in .json, or FILE.py:FUNCTION, whose function returns a module.
        classes: of a net of torchvision, its own if None; for a function that takes their number.
        resolution: of the images, square ones of RGB; the net's own if None, and 224 for a function.
        input_shape: of one input, in place of a resolution.

    Raises:
        UserError: for anything else, naming what is near; for a resolution and a shape; for images that a net of ours
            does not take.
    """
    if input_shape is not None and resolution is not None:
        raise UserError("--input-shape sets the resolution, too: leave out --resolution")
    if ":" in text:
        module = _of_function(text, classes)
        return Model(name=text, module=module, input_shape=(1, *_shape(input_shape, resolution or _DEFAULT_RESOLUTION)))
    if text in torchvision_names():
        return _of_torchvision(text, classes, resolution, input_shape)
    if not text.endswith(".json") and text not in OURS:
        raise UserError(_unknown(text, [*OURS, *torchvision_names()], "a file that ends in .json, or FILE.py:FUNCTION"))
    if classes is not None:
        raise UserError(f"{text} has its own number of classes: leave out --classes")
    net = read_architecture(text, resolution=resolution if input_shape is None else input_shape[-1])
    if input_shape is not None and net.input_shape[1:] != input_shape:
        channels = counted(net.in_channels, "channel")
        raise UserError(f"{text} takes square images of {channels}: give --resolution instead of --input-shape")
    with torch.device("meta"):
        module = build_network(net)
    return Model(name=net.name, module=module, input_shape=net.input_shape)


def _of_name(name: str) -> Architecture:
    for one in BASELINES:
        if one == name:
            return baseline(one)
    for other in RELEASED:
        if other == name:
            return released(other)
    raise UserError(_unknown(name, OURS, "a file of a net that ends in .json"))


def _of_file(path: Path) -> Architecture:
    if not path.is_file():
        raise UserError(f"there is no file {path}: name a net's file, such as the architecture.json of a run")
    try:
        return load_json(path, Architecture)
    except UnknownOperationError as error:
        raise UserError(
            f"{error.what}: install the package that has them, under the entry points pnas.operations"
        ) from None
    except FormatError as error:
        raise UserError(f"{error.what}: name a net's file, such as the architecture.json of a run") from None


def _of_torchvision(
    name: str, classes: int | None, resolution: int | None, input_shape: tuple[int, ...] | None
) -> Model:
    known = published(name)
    shape = _shape(input_shape, resolution or known.resolution)
    return Model(
        name=name,
        module=torchvision_net(name, classes=classes, resolution=shape[-1]),
        input_shape=(1, *shape),
        published=known if shape == _shape(None, known.resolution) and classes is None else None,
    )


def _shape(given: tuple[int, ...] | None, resolution: int) -> tuple[int, ...]:
    return given or (_CHANNELS, resolution, resolution)


def _of_function(text: str, classes: int | None) -> nn.Module:
    path, name = named_file(text)
    make = getattr(run_file(path), name, None)
    if not callable(make):
        raise UserError(f"{path} has no function {name}: name one that returns a torch.nn.Module")
    takes_classes = takes_argument(make)
    if takes_classes and classes is None:
        raise UserError(f"{path}: {name} takes the number of classes: give it with --classes")
    if classes is not None and not takes_classes:
        raise UserError(f"{path}: {name} takes no number of classes: leave out --classes")
    arguments = [classes] if takes_classes else []
    made = call_user_code(path, f"{name} raised", lambda: make(*arguments))
    if not isinstance(made, nn.Module):
        raise UserError(f"{path}: {name} returned a {type(made).__name__}: let it return a torch.nn.Module")
    return made


def _unknown(name: str, known: Iterable[str], files: str) -> str:
    names = list(dict.fromkeys(known))
    near = difflib.get_close_matches(name, names, n=4, cutoff=0.5) or names[:4]
    return f"there is no net {name!r}: name one like {', '.join(near)}, or {files}"
