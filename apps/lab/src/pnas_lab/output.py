"""What every command does with what it has found. Imports nothing heavy, since `--help` needs it."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import RenderableType

    from pnas_apps.ground.progress import Reporter
    from pnas_ops import Progress


@frozen(kw_only=True)
class Output:
    """How a command shows its results.

    Attributes:
        as_json: whether JSON is printed, not a table.
        picture: a PNG file to draw it in; None for none.
    """

    as_json: bool
    picture: Path | None

    @contextmanager
    def progress(self, reporter: "Reporter") -> Iterator["Progress | None"]:
        """Bars for work that takes its time; none beside JSON, which is then all that is printed."""
        if self.as_json:
            yield None
            return
        with reporter.phases() as update:
            yield update

    def put(
        self,
        reporter: "Reporter",
        *,
        document: object,
        shown: Callable[[], "Sequence[RenderableType]"],
        figure: Callable[[], "Figure"],
    ) -> None:
        """Prints tables and lines or the document, and writes the picture where one is asked for.

        Args:
            reporter: prints.
            document: plain values for JSON, with units in the names.
            shown: makes what is printed for people: tables, and lines, however long.
            figure: draws the picture.
        """
        from pnas_ops import save_figure

        if self.picture is not None:
            save_figure(figure(), self.picture)
        if self.as_json:
            reporter.console.out(json.dumps(document, indent=1, allow_nan=False), highlight=False)
            return
        for one in shown():
            if isinstance(one, str):
                reporter.line(one)
            else:
                reporter.console.print(one)
        reporter.line("To draw it: --picture FILE.png" if self.picture is None else f"Drawn in {self.picture}")
