"""Where all text of the programs is printed, so that names of anything are printed as they are."""

import io
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

from pnas_apps.ground.terminal import printable, readable_width

_PAGE_COLUMNS = 100


class SafeConsole(Console):
    """A console that no name can steer, see `printable`, and that is wide enough for a table whatever COLUMNS says.

    Without markup: "[red]", and "pip install 'a[b]'", are printed as they are.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)
        self.width = readable_width(self.width)

    def render_str(self, text: str, **options: Any) -> Text:
        """All that is printed comes by here, but what is a `Text` already."""
        return super().render_str(printable(text), **options)

    def on_broken_pipe(self) -> None:
        """Rich would redirect stdout, which is not where this one writes."""
        self.quiet = True
        raise BrokenPipeError


def page_text(page: RenderableType) -> str:
    """What is printed, as the text of a file, of 100 columns and without colours."""
    text = io.StringIO()
    SafeConsole(file=text, width=_PAGE_COLUMNS, color_system=None).print(page)
    return text.getvalue()
