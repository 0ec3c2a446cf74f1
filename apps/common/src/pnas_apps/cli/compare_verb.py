"""The command that puts several finished runs on one page."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
from cloup import option_group

from pnas_apps.cli.completing import SETTINGS, RunPath
from pnas_apps.cli.option_types import NamedPath
from pnas_apps.cli.options import CACHE_DIR, OPS
from pnas_apps.cli.verb import verb
from pnas_apps.ground.errors import UserError

PAGE = Path("compare.html")


def compare_verb() -> click.Command:
    """The command."""

    @verb(examples=("runs/first runs/second", "runs/first runs/second --out both.html --open"))
    @click.argument("runs", metavar="RUN RUN...", nargs=-1, required=True, type=RunPath())
    @option_group(
        "Page",
        "Where to write it.",
        click.option(
            "--out",
            type=NamedPath(),
            default=PAGE,
            show_default=True,
            help="The page; it must not exist yet.",
        ),
        click.option("--open", "opens", is_flag=True, help="Open the page in a browser."),
    )
    @option_group("Runs", "What is needed besides their folders.", OPS, CACHE_DIR)
    def compare(runs: tuple[Path, ...], out: Path, opens: bool, ops: Path | None, cache_dir: Path | None) -> None:
        """Compare finished runs on one page: requests, verdicts and all nets."""
        _check(runs, out)
        from pnas_apps.cli.compare_command import write_comparison
        from pnas_apps.cli.runs import show_page

        write_comparison(runs, out, ops=ops, cache_dir=cache_dir)
        click.echo(f"{len(runs)} runs compared: {out}")
        if opens:
            show_page(out)

    return compare


def _check(runs: Sequence[Path], out: Path) -> None:
    """Refuses before anything heavy is imported."""
    if len(runs) < 2:
        raise UserError(f"{runs[0]} alone cannot be compared: name two or more runs, or use report")
    for path, count in Counter(one.resolve() for one in runs).items():
        if count > 1:
            raise UserError(f"{path} is named twice: name other runs")
    for path in runs:
        if not (path / SETTINGS).exists():
            raise UserError(f"{path} holds no run: name a run's folder")
    if out.is_dir():
        raise UserError(f"{out} is a folder: name a file in it")
    if out.exists():
        raise UserError(f"{out} exists already: name another --out, or remove it")
