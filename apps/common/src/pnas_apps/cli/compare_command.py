"""Several finished runs on one page."""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from pnas_apps.ground.cache import find_cache
from pnas_apps.run.operations import operations_of_run
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.showing.compare_page import ShownRun, compare_page
from pnas_apps.steps.page import kept_results
from pnas_ops import write_atomically


def write_comparison(paths: Sequence[Path], out: Path, *, ops: Path | None, cache_dir: Path | None) -> None:
    """Writes the page of several runs.

    Args:
        paths: their folders.
        out: the page; its folder is made.
        ops: the file of their own operations, where they have some.
        cache_dir: folder of what can be made again; the user's own one if None.

    Raises:
        UserError: for a run that is not finished, and one of which something that the page shows is damaged.
    """
    cache = find_cache(cache_dir)
    runs = []
    for path, name in zip(paths, _names(paths), strict=True):
        folder = RunFolder(path)
        with operations_of_run(path, ops if folder.operations.is_file() else None, cache):
            report = folder.page if folder.page.exists() else folder.report
            link = _link(path, out.parent)
            runs.append(ShownRun(name=name, kept=kept_results(folder), link=link, report=report.name))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, compare_page(runs))


def _names(paths: Sequence[Path]) -> list[str]:
    """The names of the folders, or where two have the same one, their paths."""
    names = [path.resolve().name for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def _link(path: Path, folder: Path) -> str:
    return quote(Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix())
