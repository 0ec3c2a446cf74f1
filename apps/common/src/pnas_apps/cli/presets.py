"""Presets: TOML files of which every option is also a flag. Imports nothing heavy, since `--help` needs it."""

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import click

from pnas_apps.ground.errors import UserError
from pnas_apps.ground.toml_files import Document, read_toml
from pnas_apps.run.reference_epochs import with_compare

Flags = Mapping[str, object]
"""What a command line says of a preset's options; None where it says nothing."""

VERSION = 1
"""Of presets; a file without one has this, since the first had none."""

_SHORT_FLAGS: dict[tuple[str, ...], str] = {("compare", "nets"): "--compare"}
"""Of options whose flag says it all without the name of the option."""

_PREFIX = "preset__"
_SEPARATOR = "__"
Command = TypeVar("Command", bound=Callable[..., object])


def read_preset(name: str, folder: Path) -> Document:
    """The options of a shipped preset, or of a TOML file.

    Args:
        name: a preset's name, or the path of a file that ends in .toml.
        folder: where the shipped presets are.

    Raises:
        UserError: naming the preset or file that is not there, not TOML, or of another version.
    """
    path = Path(name) if name.endswith(".toml") else folder / f"{name}.toml"
    if not path.is_file():
        shipped = ", ".join(sorted(preset.stem for preset in folder.glob("*.toml")))
        raise UserError(f"there is no preset {name!r}: name one of {shipped}, or a file that ends in .toml")
    document = read_toml(path, way_out="mend it, or begin with a shipped preset")
    version = document.pop("version", VERSION)
    # A boolean is a number for Python, and 1.0 is 1.
    if type(version) is not int or version != VERSION:
        raise UserError(
            f"{path} has version {version!r} of presets, this software {VERSION}: use the software that it was written "
            "for, or begin with a shipped preset"
        )
    return with_compare(document)


def preset_flags(options: Document) -> Callable[[Command], Command]:
    """A decorator that gives a click command one flag an option: `search.epochs` becomes `--search-epochs`."""

    def decorate(command: Command) -> Command:
        for path, value in reversed(list(_flatten(options))):
            flag = _SHORT_FLAGS.get(path, "--" + "-".join(path).replace("_", "-"))
            name = _PREFIX + _SEPARATOR.join(path)
            what = "preset's " + ".".join(path)
            if isinstance(value, bool):
                command = click.option(f"{flag}/--no-{flag[2:]}", name, default=None, help=what)(command)
            elif isinstance(value, list):
                command = click.option(flag, name, type=type(value[0]), nargs=len(value), help=what)(command)
            else:
                command = click.option(flag, name, type=type(value), help=what)(command)
        return command

    return decorate


def split_flags(given: Mapping[str, object]) -> tuple[Flags, dict[str, object]]:
    """The flags of `preset_flags` among the options of a command, and the others."""
    flags = {name: value for name, value in given.items() if name.startswith(_PREFIX)}
    return flags, {name: value for name, value in given.items() if name not in flags}


def flag_of(flags: Flags, option: str) -> object:
    """What a command line says of an option that is in no section; None where it says nothing."""
    return flags.get(_PREFIX + option)


def sections_of(name: str) -> tuple[str, ...] | None:
    """The sections that an option of the preset is in, by the name that its flag has in a command; None of others."""
    return tuple(name.removeprefix(_PREFIX).split(_SEPARATOR)[:-1]) if name.startswith(_PREFIX) else None


def with_flags(options: Document, flags: Flags) -> Document:
    """The options, changed where a flag was given.

    Raises:
        UserError: where a file has a value in the place of a section.
    """
    changed = copy.deepcopy(options)
    for name, value in flags.items():
        if value is None:
            continue
        *sections, key = name.removeprefix(_PREFIX).split(_SEPARATOR)
        section = changed
        for name_of_section in sections:
            inner = section.setdefault(name_of_section, {})
            if not isinstance(inner, dict):
                raise UserError(f"{name_of_section} must be a section of the preset, got {inner!r}")
            section = inner
        section[key] = list(value) if isinstance(value, tuple) else value
    return changed


def _flatten(options: Document, prefix: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], object]]:
    flat: list[tuple[tuple[str, ...], object]] = []
    for key, value in options.items():
        if isinstance(value, dict):
            flat.extend(_flatten(value, (*prefix, key)))
        else:
            flat.append(((*prefix, key), value))
    return flat
