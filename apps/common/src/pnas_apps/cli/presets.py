"""Presets: TOML files of which every option is also a flag. Imports nothing heavy, since `--help` needs it."""

import copy
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import cloup
from attrs import frozen

from pnas_apps.cli.app import Defaults
from pnas_apps.cli.option_types import Command
from pnas_apps.cli.preset_help import GROUPS, OptionHelp
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.toml_files import Document, read_toml
from pnas_apps.run.reference_epochs import with_compare
from pnas_apps.run.space_names import check_space_there

Flags = Mapping[str, object]
"""What a command line says of a preset's options; None where it says nothing."""

VERSION = 1
"""Of presets; a file without one has this, since the first had none."""

_SHORT_FLAGS = {"compare.nets": "--compare"}
"""Of options whose flag says it all without the name of the option."""

_PREFIX = "preset__"
_SEPARATOR = "__"


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
        raise UserError(
            f"there is no preset {name!r}: name one of {', '.join(preset_names(folder))}, or a file that ends in .toml"
        )
    document = read_toml(path, way_out="fix it, or start from a shipped preset")
    document.pop("about", None)  # for people, see `read_about`
    version = document.pop("version", VERSION)
    # A boolean is a number for Python, and 1.0 is 1.
    if type(version) is not int or version != VERSION:
        raise UserError(
            f"{path} is a preset of version {version!r}, and this software reads {VERSION}: use the software it was "
            "written for, or start from a shipped preset"
        )
    return with_compare(document)


@frozen(kw_only=True)
class About:
    """A preset's description of itself, for people.

    Attributes:
        purpose: what it is for.
        time: the time that a run takes, and on what machine.
        memory: the most memory that it takes, or that this was not measured.
    """

    purpose: str
    time: str
    memory: str


def read_about(path: Path) -> About:
    """The description in the file of a shipped preset."""
    about = read_toml(path, way_out="reinstall the program")["about"]
    assert isinstance(about, dict)
    return About(**about)


def preset_names(folder: Path) -> list[str]:
    """The names of the shipped presets."""
    return sorted(preset.stem for preset in folder.glob("*.toml"))


def preset_flags(
    app: Defaults,
    *,
    preset: str | None = None,
    spaces: tuple[str, ...] = (),
    said: Mapping[str, str] | None = None,
    left_out: tuple[str, ...] = (),
) -> Callable[[Command], Command]:
    """A decorator that gives a command one flag an option: `search.epochs` becomes `--search-epochs`.

    The help of a flag tells what the preset has that `--preset` names before `--help`.

    Args:
        app: whose presets they are.
        preset: whose options these are; that which the program takes by default if None.
        spaces: the spaces that the program has.
        said: in place of what the preset has, where the command takes something else.
        left_out: options that do not concern the command, or sections of them.
    """
    name = preset or app.preset
    options = dict(_flatten(read_preset(name, app.presets)))
    groups = []
    for group in GROUPS:
        flags = [
            _flag(
                path, options[path], about, spaces=spaces, preset=name, folder=app.presets, said=(said or {}).get(path)
            )
            for path, about in group.options.items()
            if path in options and not {path, path.partition(".")[0]} & {*left_out}
        ]
        if flags:
            groups.append(cloup.option_group(group.title, group.text, *flags))

    def decorate(command: Command) -> Command:
        for add in reversed(groups):
            command = add(command)
        return command

    return decorate


def _flag(
    path: str, value: object, about: OptionHelp, *, spaces: tuple[str, ...], **shown: Any
) -> Callable[[Command], Command]:
    flag = _SHORT_FLAGS.get(path, "--" + path.replace(".", "-").replace("_", "-"))
    settings: dict[str, Any] = {"type": type(value)}
    if isinstance(value, bool):
        flag, settings = f"{flag}/--no-{flag[2:]}", {"default": None}
    elif isinstance(value, list):
        settings = {"type": type(value[0]), "nargs": len(value)}
    elif about.choices:
        settings = {"type": click.Choice(about.choices)}
    elif path == "space":
        settings["callback"] = look_for_space
        settings["shell_complete"] = lambda _, __, begun: [one for one in spaces if one.startswith(begun)]
    text = about.text.replace("{spaces}", ", ".join(spaces))
    parameter = _PREFIX + path.replace(".", _SEPARATOR)
    return click.option(flag, parameter, cls=_PresetFlag, path=path, help=text, **settings, **shown)


def look_for_space(context: click.Context, option: click.Parameter, name: str | None) -> str | None:
    """A callback that refuses the path of a space's file that is not there."""
    check_space_there(name)
    return name


class _PresetFlag(click.Option):
    """A flag whose help shows the preset's value."""

    def __init__(self, *args: Any, path: str, preset: str, folder: Path, said: str | None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._path, self._preset, self._folder, self._said = path, preset, folder, said

    def get_help_extra(self, ctx: click.Context) -> click.types.OptionHelpExtra:
        """As click has it, with the preset's value for the default."""
        preset = ctx.params.get("preset", self._preset)
        key = f"{__name__}.{preset}"
        if key not in ctx.meta:
            ctx.meta[key] = dict(_flatten(read_preset(preset, self._folder)))
        extra = super().get_help_extra(ctx)
        extra["default"] = self._said or _shown(ctx.meta[key].get(self._path))
        return extra


def _shown(value: object) -> str:
    """A value of a preset, as a command line has it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return " ".join(map(_shown, value))
    return "none" if value in (None, "") else str(value).removesuffix(".0")


def split_flags(given: Mapping[str, object]) -> tuple[Flags, dict[str, object]]:
    """The flags of `preset_flags` among the options of a command, and the others."""
    flags = {name: value for name, value in given.items() if name.startswith(_PREFIX)}
    return flags, {name: value for name, value in given.items() if name not in flags}


def flag_of(flags: Flags, option: str) -> object:
    """The value on the command line of an option that is in no section; None where it has none."""
    return flags.get(_PREFIX + option)


def with_flags(options: Document, flags: Flags) -> Document:
    """The options, changed where a flag was given.

    Raises:
        UserError: where a file has a value in place of a section.
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


def _flatten(options: Document, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Every value, by its name with those of its sections before it."""
    for key, value in options.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
