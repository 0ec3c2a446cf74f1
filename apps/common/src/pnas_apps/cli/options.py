"""The options that commands share, and what becomes of them: typed values, built here, at the edge.

Imports nothing heavy, since `--help` needs it.
"""

from collections.abc import Callable
from functools import wraps
from math import isfinite
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, TypeVar

import click
from attrs import frozen

from pnas_apps.cli.app import App
from pnas_apps.cli.presets import preset_flags, read_preset, split_flags
from pnas_apps.devices.device_names import DEVICES_HELP
from pnas_apps.ground.errors import UserError
from pnas_apps.run.device_settings import DeviceSettings, Dtype

if TYPE_CHECKING:
    from pnas_apps.ground.session import Accelerator
    from pnas_apps.images.folders import Track
    from pnas_apps.run.preset import Preset
    from pnas_apps.run.task import Task
    from pnas_latency import Budget

Command = TypeVar("Command", bound=Callable[..., object])
Decorator = Callable[[Callable[..., None]], Callable[..., None]]

DEVICES = f"\b\nDevices:\n{indent(DEVICES_HELP, '  ')}"
"""The end of the help of commands that take a device."""


@frozen(kw_only=True)
class RunOptions:
    """What every new run is given beside its images and its preset.

    Attributes:
        run_dir: its folder; a new one if None.
        seed: fixes all that is random.
        budget: what the net may cost.
        device: what it is searched for.
        table: a latency table to use; one is measured if None.
        foreign_table: whether that may be of another device.
        cache_dir: folder of what can be made again; the user's own one if None.
    """

    run_dir: Path | None
    seed: int
    budget: "Budget"
    device: DeviceSettings
    table: Path | None
    foreign_table: bool
    cache_dir: Path | None


@frozen(kw_only=True)
class SessionOptions:
    """What a command is started with; see `pnas_apps.ground.session.started_session`."""

    accelerator: "Accelerator"
    workers: int | None


class _PositiveNumber(click.FloatRange):
    """A number above 0, and no "inf" or "nan", which click takes for numbers too."""

    def __init__(self) -> None:
        super().__init__(0, min_open=True)

    def convert(self, value: float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not isfinite(number):
            flag = "a number" if param is None else param.opts[0]
            raise UserError(f"{flag} must be finite, got {value}: give another number")
        return number


POSITIVE = _PositiveNumber()
DTYPE = click.option("--dtype", type=click.Choice(["float32", "int8"]), default="float32", show_default=True)
ACCELERATOR = click.option(
    "--accelerator",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where networks are trained; auto takes a GPU if there is one.",
)


def all_of(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several decorators as one; the options come in this order."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def device_options() -> Callable[[Command], Command]:
    """`--device` and `--threads`."""
    return all_of(
        click.option(
            "--device",
            default="tflite",
            show_default=True,
            help="Where to measure: one of those below; doctor tells which are usable here.",
        ),
        click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Of the device."),
    )


def worker_options(app: App) -> Callable[[Command], Command]:
    """`--workers`, for a program that reads photos."""
    help_text = "Processes that read photos; as many as there are cores by default."
    return all_of(*([click.option("--workers", type=click.IntRange(0), help=help_text)] if app.reads_photos else []))


def data_options(app: App) -> Callable[[Command], Command]:
    """Where the images of a new run are, and its preset."""
    download = click.option("--download", is_flag=True, help="Fetch the images into the data folder first.")
    return all_of(
        click.option("--data-dir", type=click.Path(path_type=Path), required=True, help=app.data_help),
        *([download] if app.can_download else []),
        click.option("--preset", default=app.preset, show_default=True, help="A shipped preset, or a TOML file."),
    )


def run_options(app: App) -> Decorator:
    """Adds the options of every new run; the command gets them as `options`, what its session is started with as
    `session`, and the flags of the preset as `flags`.
    """
    added = all_of(
        click.option("--run-dir", type=click.Path(path_type=Path), help="Folder of the run; a new one by default."),
        click.option("--seed", type=int, default=0, show_default=True, help="Fixes all that is random."),
        click.option(
            "--target-latency-ms",
            "latency_ms",
            type=POSITIVE,
            help="What one image may take on the device: the search lands on it.",
        ),
        click.option("--max-macs", "macs", type=POSITIVE, help="Multiply-accumulates."),
        click.option("--max-parameters", "parameters", type=POSITIVE, help="Values."),
        click.option("--max-weight-bytes", "weight_bytes", type=POSITIVE, help="As shipped."),
        click.option("--max-activation-bytes", "peak_activation_bytes", type=POSITIVE, help="At the worst moment."),
        device_options(),
        DTYPE,
        click.option("--table", type=click.Path(path_type=Path), help="A latency table to use; none is measured."),
        click.option("--foreign-table", is_flag=True, help="Let the table be that of another device than --device."),
        click.option("--cache-dir", type=click.Path(path_type=Path), help="Where tables and conversions are kept."),
        ACCELERATOR,
        worker_options(app),
        preset_flags(read_preset(app.preset, app.presets)),
    )

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def grouped(
            run_dir: Path | None,
            seed: int,
            latency_ms: float | None,
            macs: float | None,
            parameters: float | None,
            weight_bytes: float | None,
            peak_activation_bytes: float | None,
            device: str,
            threads: int,
            dtype: Dtype,
            table: Path | None,
            foreign_table: bool,
            cache_dir: Path | None,
            accelerator: "Accelerator",
            workers: int | None = 0,
            **others: object,
        ) -> None:
            from pnas_latency import Budget

            flags, own = split_flags(others)
            options = RunOptions(
                run_dir=run_dir,
                seed=seed,
                budget=Budget(
                    latency_ms=latency_ms,
                    macs=macs,
                    parameters=parameters,
                    weight_bytes=weight_bytes,
                    peak_activation_bytes=peak_activation_bytes,
                ),
                device=DeviceSettings(name=device, threads=threads, dtype=dtype),
                table=table,
                foreign_table=foreign_table,
                cache_dir=cache_dir,
            )
            command(
                **own, options=options, session=SessionOptions(accelerator=accelerator, workers=workers), flags=flags
            )

        return added(grouped)

    return decorate


def opened_run(app: App, *, judges: bool = True) -> Decorator:
    """Adds what finds a run and its images; the command gets the opened `run`.

    Args:
        app: the program.
        judges: whether the command works on one of the nets, in one process and on a CPU: then it gets its `name`, and
            the number of `images` to judge on, too.
    """
    net = click.option("--net", "name", default="searched", show_default=True, help="Which of the run's nets.")
    images = click.option("--images", type=click.IntRange(1), help="Number of test images to judge on; all by default.")
    added = all_of(
        click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path)),
        click.option("--data-dir", type=click.Path(path_type=Path), help="Where the run's images are now."),
        click.option("--cache-dir", type=click.Path(path_type=Path), help="Where conversions are kept."),
        worker_options(app),
        *([net, images] if judges else [ACCELERATOR]),
    )

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def opened(
            run_dir: Path,
            data_dir: Path | None,
            cache_dir: Path | None,
            accelerator: "Accelerator" = "cpu",
            workers: int | None = 0,
            **others: object,
        ) -> None:
            from pnas_apps.cli.runs import open_run
            from pnas_apps.ground.session import started_session

            def read(folder: Path | None, preset: "Preset", track: "Track") -> "Task":
                return app.read_task(folder, False, preset, track)

            with started_session(accelerator=accelerator, workers=workers) as started:
                session = started.alone() if judges else started
                if session is not None:
                    run = open_run(run_dir, read, data_dir=data_dir, cache_dir=cache_dir, session=session)
                    command(run, **others)

        return added(opened)

    return decorate
