"""Presets: TOML files of which every option is also a flag. Imports nothing heavy, since `--help` needs it."""

import copy
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pnas_apps.ground.errors import UserError

Options = dict[str, Any]
_SEPARATOR = "__"
Command = TypeVar("Command", bound=Callable[..., Any])


def read_preset(name: str, folder: Path) -> Options:
    """The options of a shipped preset, or of a TOML file.

    Args:
        name: a preset's name, or the path of a file that ends in .toml.
        folder: where the shipped presets are.

    Raises:
        UserError: naming the preset or file that is not there or not TOML.
    """
    path = Path(name) if name.endswith(".toml") else folder / f"{name}.toml"
    if not path.is_file():
        shipped = ", ".join(sorted(preset.stem for preset in folder.glob("*.toml")))
        raise UserError(f"there is no preset {name!r}: name one of {shipped}, or a file that ends in .toml")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a TOML file: {error}") from None


def preset_flags(options: Options) -> Callable[[Command], Command]:
    """A decorator that gives a click command one flag an option: `search.epochs` becomes `--search-epochs`."""

    def decorate(command: Command) -> Command:
        for path, value in reversed(list(_flatten(options))):
            flag = "--" + "-".join(path).replace("_", "-")
            name = _SEPARATOR.join(path)
            what = "preset's " + ".".join(path)
            if isinstance(value, bool):
                command = click.option(f"{flag}/--no-{flag[2:]}", name, default=None, help=what)(command)
            elif isinstance(value, list):
                command = click.option(flag, name, type=type(value[0]), nargs=len(value), help=what)(command)
            else:
                command = click.option(flag, name, type=type(value), help=what)(command)
        return command

    return decorate


def with_flags(options: Options, flags: dict[str, Any]) -> Options:
    """The options, changed where a flag of `preset_flags` was given.

    Raises:
        UserError: where a file has a value in the place of a section.
    """
    changed = copy.deepcopy(options)
    for name, value in flags.items():
        if value is None:
            continue
        *sections, key = name.split(_SEPARATOR)
        section = changed
        for name_of_section in sections:
            section = section.setdefault(name_of_section, {})
            if not isinstance(section, dict):
                raise UserError(f"{name_of_section} must be a section of the preset, got {section!r}")
        section[key] = list(value) if isinstance(value, tuple) else value
    return changed


def _flatten(options: Options, prefix: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    flat = []
    for key, value in options.items():
        if isinstance(value, dict):
            flat.extend(_flatten(value, (*prefix, key)))
        else:
            flat.append(((*prefix, key), value))
    return flat
