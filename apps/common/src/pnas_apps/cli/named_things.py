"""What a command line names that has to be there already: looked for before anything heavy is imported."""

from pathlib import Path
from typing import Any

import click

from pnas_apps.cli.completing import SETTINGS, RunPath
from pnas_apps.cli.option_types import NamedPath
from pnas_apps.devices.device_names import DEVICE_KINDS, look_for_device
from pnas_apps.ground.errors import UserError
from pnas_apps.run.named_functions import named_file


class FileThere(NamedPath):
    """A file that is read.

    Args:
        what: it is, for the error message.
        way_out: where it is not there.
    """

    def __init__(self, what: str, *, way_out: str) -> None:
        super().__init__()
        self._what, self._way_out = what, way_out

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        path = super().convert(value, param, ctx)
        if path.is_dir():
            raise UserError(f"{path} is a folder, not {self._what}: {self._way_out}")
        if not path.exists():
            raise UserError(f"{path} cannot be read (No such file or directory): {self._way_out}")
        return path


class PathThere(NamedPath):
    """A file, or a folder of some.

    Args:
        way_out: where neither is there.
    """

    def __init__(self, *, way_out: str) -> None:
        super().__init__()
        self._way_out = way_out

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        path = super().convert(value, param, ctx)
        if not path.exists():
            raise UserError(f"there is no file {path}: {self._way_out}")
        return path


class RunThere(RunPath):
    """The folder of a run that was begun."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        path = super().convert(value, param, ctx)
        if not (path / SETTINGS).exists():
            raise UserError(f"{path} holds no run: name a run's folder")
        return path


class RunOrBundleThere(RunPath):
    """The folder of a run or a bundle, which is opened later."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        path = super().convert(value, param, ctx)
        if not path.is_dir():
            raise UserError(f"{path} holds neither a run nor a bundle: name the folder of one")
        return path


class DeviceName(click.ParamType):  # type: ignore[type-arg]
    """A device, to whose kind a shell completes."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name as it is given."""
        look_for_device(value)
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """The kinds that begin so."""
        return [click.shell_completion.CompletionItem(kind) for kind in DEVICE_KINDS if kind.startswith(incomplete)]


def look_for_function(text: str) -> str:
    """The same FILE.py:FUNCTION; raises a UserError where there is no such file."""
    named_file(text)
    return text


def look_for_images(context: click.Context, option: click.Parameter, folder: Path | None) -> Path | None:
    """A callback that refuses a file, and a folder that is not there unless it is to be made: `--download` is eager."""
    if folder is None:
        return None
    if folder.exists():
        if not folder.is_dir():
            raise UserError(f"{folder} is a file, not a folder of images: name another --data-dir, or unpack it")
    elif folder.is_symlink():
        raise UserError(f"{folder} is a link to {folder.readlink()}, which does not exist: name another --data-dir")
    elif not context.params.get("download"):
        fetch = ", or fetch images there with --download" if "download" in context.params else ""
        raise UserError(f"there is no folder {folder}: name another --data-dir{fetch}")
    else:
        above = next(place for place in folder.parents if place.exists() or place.is_symlink())
        if not above.is_dir():
            raise UserError(f"{folder} cannot be made, since {above} is not a folder: name another --data-dir")
    return folder
