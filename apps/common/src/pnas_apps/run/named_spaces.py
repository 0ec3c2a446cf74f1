"""Search spaces by their names on a command line."""

from collections.abc import Mapping
from typing import Protocol

from attrs import frozen

from pnas_apps.ground.errors import UserError
from pnas_apps.run.preset import Preset
from pnas_ops import Space, workloads


class BuildSpace(Protocol):
    """Makes a space of any size."""

    def __call__(self, width_mult: float, *, blocks_per_stage: int, classes: int, resolution: int) -> Space: ...


@frozen(kw_only=True)
class NamedSpace:
    """A space, and its own resolution in pixels and number of blocks per stage."""

    build: BuildSpace
    resolution: int
    blocks_per_stage: int


def named_space(
    spaces: Mapping[str, NamedSpace],
    name: str,
    *,
    classes: int,
    resolution: int | None,
    blocks_per_stage: int | None,
    width_mult: float,
) -> Space:
    """One of `spaces`, at its own resolution and with its own blocks where none are given.

    Raises:
        UserError: for another name, a resolution that its strides use up, and a width that is no number.
    """
    one = known_space(spaces, name)
    try:
        found = one.build(
            width_mult,
            blocks_per_stage=blocks_per_stage or one.blocks_per_stage,
            classes=classes,
            resolution=resolution or one.resolution,
        )
        workloads(found)
    except ValueError as error:
        raise UserError(str(error)) from None
    return found


def known_space(spaces: Mapping[str, NamedSpace], name: str) -> NamedSpace:
    """The one of `spaces` with this name; a UserError for another name."""
    if name not in spaces:
        raise UserError(f"there is no space {name!r}: name one of {', '.join(spaces)}")
    return spaces[name]


def space_of(preset: Preset, spaces: Mapping[str, NamedSpace], *, classes: int, given: Space | None) -> Space:
    """The space that a preset names, for so many classes.

    Args:
        preset: names it, or its file.
        spaces: the spaces with names.
        classes: of the images.
        given: the space in that file; None for one with a name.

    Raises:
        UserError: as `named_space` does, and for a space in a file that is for another number of classes.
    """
    if given is not None:
        if given.classes != classes:
            raise UserError(
                f"space {preset.space!r} is for {given.classes} classes, the images have {classes}: give its head "
                f"{classes} out_channels"
            )
        return given
    return named_space(
        spaces,
        preset.space,
        classes=classes,
        resolution=preset.resolution,
        blocks_per_stage=preset.blocks_per_stage,
        width_mult=preset.width_mult,
    )


def check_space(preset: Preset, spaces: Mapping[str, NamedSpace], *, given: Space | None) -> None:
    """Refuses before any image is read what `space_of` would refuse for any number of classes."""
    if given is None:
        space_of(preset, spaces, classes=2, given=None)
