"""A run that was begun, opened again by its folder alone."""

from pathlib import Path

from pnas_apps.cli.run_options import RunOptions
from pnas_apps.ground.cache import find_cache
from pnas_apps.ground.errors import UserError
from pnas_apps.run.trusted_code import is_trusted
from pnas_own.run import OwnFolder, OwnSettings


def reopened(
    path: Path, *, make: str | None, cache_dir: Path | None, check: bool
) -> tuple[OwnSettings, str, RunOptions]:
    """What a run was begun with, its FILE.py:FUNCTION, and the options with which it goes on.

    Args:
        path: its folder.
        make: the FILE.py:FUNCTION that the command line names; that of the run if None.
        cache_dir: folder of what can be made again; the user's own one if None.
        check: whether every photo is read before the run goes on.

    Raises:
        UserError: for a folder that holds no run, and for one whose file was never named here, since to go on is to run
            the code in it.
    """
    settings = OwnFolder(path).read_settings()
    file = Path(settings.make.rpartition(":")[0])
    if make is None and file.is_file() and not is_trusted(file, find_cache(cache_dir)):
        raise UserError(
            f"{path} would execute {file}, which in its present form was never run with this --cache-dir: give the "
            f"run's --cache-dir, or inspect the code, and if you trust it, add --make {settings.make}"
        )
    options = RunOptions(
        run_dir=path,
        seed=settings.seed,
        budget=settings.budget,
        metrics=settings.metrics,
        device=settings.device,
        ops=None,
        table=None,
        foreign_table=False,
        cache_dir=cache_dir,
        check=check,
    )
    return settings, make or settings.make, options
