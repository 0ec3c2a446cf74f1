"""Shell completion of values beside verbs, flags and choices. Imports nothing heavy."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from pnas_apps.cli.option_types import NamedPath
from pnas_apps.cli.presets import preset_names

SETTINGS = "settings.json"
"""The file that makes a folder one of a run, as `pnas_apps.run.run_folder.RunFolder` calls it."""

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def begun_with(names: Iterable[str]) -> Complete:
    """Completes to these names."""
    known = tuple(names)
    return lambda _, __, begun: [CompletionItem(name) for name in known if name.startswith(begun)]


def preset_or_file(folder: Path) -> Complete:
    """Completes to the names of the presets in a folder, and to files."""

    def complete(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        found = begun_with(preset_names(folder))(context, parameter, begun)
        return found or [CompletionItem(begun, type="file")]

    return complete


class RunPath(NamedPath):
    """The folder of a run, to which a shell completes."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The runs whose path begins so, as deep as one folder further; where there are none, any folder."""
        above = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
        settings = (path for deeper in ("*", "*/*") for path in above.glob(f"{deeper}/{SETTINGS}"))
        found: list[str] = []
        with suppress(OSError):  # of a folder that may not be read
            found = sorted(str(path.parent) for path in settings if str(path).startswith(incomplete))
        return [CompletionItem(path) for path in found] or [CompletionItem(incomplete, type="dir")]
