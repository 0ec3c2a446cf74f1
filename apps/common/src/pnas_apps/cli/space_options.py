"""Search spaces on a command line: one of the program's at any size, or one in a file."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
from attrs import frozen
from cloup import option_group

from pnas_apps.cli.app import App
from pnas_apps.cli.option_types import Command, Number, whole
from pnas_apps.cli.options import OPS
from pnas_apps.cli.presets import Flags, flag_of, with_flags
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.toml_files import Document

if TYPE_CHECKING:
    import torch

    from pnas_apps.run.preset import ImagePreset, PhotoPreset, Preset
    from pnas_ops import Space


_SIZES = ("resolution", "blocks_per_stage", "width_mult")


@frozen(kw_only=True)
class SpaceSize:
    """The size of a space on a command line; None where it says nothing."""

    classes: int | None
    resolution: int | None
    blocks_per_stage: int | None
    width_mult: float | None


def size_options(app: App) -> Callable[[Command], Command]:
    """The fields of `SpaceSize`, and `--ops`."""
    own = "the space's own"
    return option_group(
        "Size of the space",
        "Not for a space in a file, which has its size already.",
        click.option(
            "--classes", type=whole(2, 1_000_000), show_default=f"{app.classes}", help="Classes of the images."
        ),
        click.option("--resolution", type=whole(1, 4096), show_default=own, help="Side of the images, in pixels."),
        click.option("--blocks-per-stage", type=whole(1, 100), show_default=own, help="Blocks per stage."),
        click.option("--width-mult", type=Number(0.01, 16.0), show_default="1", help="Multiplier of its channels."),
        OPS,
    )


def asked_space(app: App, name: str, size: SpaceSize) -> "Space":
    """A space of the program's, or that of a file, which has its size already.

    Raises:
        UserError, PnasError: for anything that the user can fix.
    """
    from pnas_apps.run.named_spaces import named_space
    from pnas_apps.run.space_files import read_space_file
    from pnas_apps.run.space_names import is_space_file

    if is_space_file(name):
        _refuse_sizes(name, [one for one in ("classes", *_SIZES) if getattr(size, one) is not None])
        return read_space_file(Path(name))
    return named_space(
        app.named_spaces(),
        name,
        classes=size.classes or app.classes,
        resolution=size.resolution,
        blocks_per_stage=size.blocks_per_stage,
        width_mult=size.width_mult or 1.0,
    )


def preset_and_space(
    options: Document,
    flags: Flags,
    name: str,
    kind: "type[ImagePreset] | type[PhotoPreset]",
    device: "torch.device",
) -> "tuple[Preset, Space | None]":
    """The preset that options and flags amount to, and the space in the file that it names, if it does.

    Args:
        options: of the preset's file.
        flags: of the command line.
        name: of the preset.
        kind: of the preset.
        device: where networks are trained.

    Raises:
        UserError, PnasError: for anything that the user can fix.
    """
    from pnas_apps.run.preset import structure_preset
    from pnas_apps.run.space_files import read_space_file
    from pnas_apps.run.space_names import is_space_file

    changed = with_flags(options, flags)
    path = changed.get("space")
    if not isinstance(path, str) or not is_space_file(path):
        return structure_preset(changed, name, kind, device=device), None
    _refuse_sizes(path, [one for one in _SIZES if flag_of(flags, one) is not None])
    space = read_space_file(Path(path))
    if flag_of(flags, "space") is not None:
        changed["resolution"] = space.resolution  # that of the preset was for its own space
    preset: Preset = structure_preset(changed, name, kind, device=device)
    if preset.resolution != space.resolution:
        raise UserError(
            f"preset {name!r} has resolution {preset.resolution}, the space in {path} {space.resolution}: set "
            f"resolution to {space.resolution}"
        )
    return preset, space


def _refuse_sizes(path: str, given: list[str]) -> None:
    if given:
        flags = ", ".join(f"--{one.replace('_', '-')}" for one in given)
        raise UserError(f"the space in {path} has its own size: leave out {flags}, or edit the file")
