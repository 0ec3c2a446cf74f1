"""The options of commands that work on a run that is there. Imports nothing heavy, since `--help` needs it."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import click
from cloup import option_group

from pnas_apps.cli.app import App
from pnas_apps.cli.completing import SETTINGS
from pnas_apps.cli.named_things import DeviceName, RunThere
from pnas_apps.cli.option_types import all_of, whole
from pnas_apps.cli.options import (
    ACCELERATOR,
    CACHE_DIR,
    DETERMINISTIC,
    MOVED,
    OPS,
    TENSORBOARD,
    Decorator,
    images_option,
    worker_options,
)
from pnas_apps.cli.resuming import resumes_from
from pnas_apps.cli.session_options import SessionOptions

if TYPE_CHECKING:
    from pnas_apps.ground.gpus import Accelerator
    from pnas_apps.ground.progress import Reporter
    from pnas_apps.run.preset import Preset
    from pnas_apps.run.task import Task
    from pnas_ops import Space


def opened_run(app: App, *, judges: bool = True, writes: bool = True, watched: bool = True) -> Decorator:
    """Adds what finds a run and its images; the command gets the opened `run`.

    Args:
        app: the program.
        judges: whether the command works on one of the nets, in one process and on a CPU: then it gets its `name`, and
            the number of `images` to judge on, too.
        writes: whether the command writes into the run's folder, which is then held for it alone.
        watched: whether what it trains can be shown while it does.
    """
    device = click.option(
        "--device",
        show_default="the run's own",
        type=DeviceName(),
        help="Where to measure the nets, if the run's own device is not available.",
    )
    net = click.option("--net", "name", default="searched", show_default=True, help="Name of one of the run's nets.")
    images = click.option("--images", type=whole(1, 10**9), show_default="all", help="Number of test images to use.")
    asked = [net, images] if judges else [device, *([TENSORBOARD] if watched else [])]
    machine = [CACHE_DIR, worker_options(app), *([] if judges else [ACCELERATOR, DETERMINISTIC])]
    added = all_of(
        click.argument("run_dir", metavar="RUN", type=RunThere()),
        option_group(
            "Run",
            "What is needed besides its folder.",
            images_option(MOVED, show_default="where they were"),
            OPS,
            *asked,
        ),
        option_group("This machine", "Where the work is done; results may differ in their last bits.", *machine),
    )

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def opened(
            run_dir: Path,
            data_dir: Path | None,
            ops: Path | None,
            cache_dir: Path | None,
            accelerator: "Accelerator" = "cpu",
            deterministic: bool = False,
            tensorboard: bool = False,
            workers: int | None = 0,
            device: str | None = None,
            **others: object,
        ) -> None:
            from pnas_apps.cli.opening import open_run
            from pnas_apps.ground.cache import find_cache
            from pnas_apps.run.operations import operations_of_run

            if not judges:
                resumes_from(run_dir / SETTINGS)

            asked = SessionOptions(
                accelerator=accelerator, workers=workers, deterministic=deterministic, tensorboard=tensorboard
            )

            def read(folder: Path | None, preset: "Preset", space: "Space | None", reporter: "Reporter") -> "Task":
                return app.read_task(folder, False, preset, space, reporter)

            with (
                operations_of_run(run_dir, ops, find_cache(cache_dir)),
                asked.started() as started,
            ):
                session = started.alone() if judges else started
                if session is not None:
                    opened_folder = open_run(
                        run_dir,
                        read,
                        data_dir=data_dir,
                        cache_dir=cache_dir,
                        session=session,
                        writes=writes,
                        device=device,
                    )
                    with opened_folder as run:
                        command(run, **others)

        return added(opened)

    return decorate
