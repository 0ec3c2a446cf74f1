"""The options that commands share, and what becomes of them: typed values, built here, at the edge.

Imports nothing heavy, since `--help` needs it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click
from attrs import evolve, frozen
from cloup import option_group

from pnas_apps.cli.app import App, Defaults
from pnas_apps.cli.completing import begun_with, preset_or_file
from pnas_apps.cli.cost_options import MAX, METRIC, check_needed, read_maxima, read_metrics
from pnas_apps.cli.named_things import DeviceName, FileThere, RunThere, look_for_images
from pnas_apps.cli.option_types import COUNT, MILLISECONDS, Numbers, all_of, whole
from pnas_apps.cli.presets import preset_flags, preset_names, read_preset, split_flags
from pnas_apps.devices.device_names import DEVICES_HELP, look_for_device
from pnas_apps.ground.errors import UserError
from pnas_apps.run.device_settings import DeviceSettings, Dtype
from pnas_apps.run.sweep_aims import SweepAim, least_of_each_device, sweep_aims

if TYPE_CHECKING:
    from pnas_apps.ground.gpus import Accelerator
    from pnas_apps.ground.progress import Reporter
    from pnas_apps.ground.session import Session
    from pnas_apps.run.preset import Preset
    from pnas_apps.run.task import Task
    from pnas_latency import Budget
    from pnas_ops import Space

RUNS = Path("runs")
"""Where the folders of runs are that are given none."""

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
        metrics: commands that fill columns of the table, by their names.
        device: what it is searched for.
        aims: of a sweep, whose first device that is; empty of a run for one aim.
        ops: file of the user's own operations, which are known; None for none.
        table: a latency table to use; one is measured if None.
        foreign_table: whether that may be of another device.
        cache_dir: folder of what can be made again; the user's own one if None.
        check: whether every photo is read before the run begins.
        dry: whether the run is only reckoned.
    """

    run_dir: Path | None
    seed: int
    budget: "Budget"
    metrics: dict[str, str]
    device: DeviceSettings
    ops: Path | None
    table: Path | None
    foreign_table: bool
    cache_dir: Path | None
    check: bool
    dry: bool = False
    aims: tuple[SweepAim, ...] = ()

    @property
    def targets(self) -> "tuple[tuple[DeviceSettings, Budget], ...]":
        """Each device that is searched for, with the least that a net may cost there."""
        if not self.aims:
            return ((self.device, self.budget),)
        return tuple(
            (aim.device, evolve(self.budget, latency_ms=aim.latency_ms)) for aim in least_of_each_device(self.aims)
        )


@frozen(kw_only=True)
class SessionOptions:
    """What a command is started with; see `pnas_apps.ground.session.started_session`."""

    accelerator: "Accelerator"
    workers: int | None
    deterministic: bool
    tensorboard: bool = False

    def started(self) -> "AbstractContextManager[Session]":
        """The session, within a `with` statement. Imports PyTorch."""
        from pnas_apps.ground.session import started_session

        return started_session(
            accelerator=self.accelerator,
            workers=self.workers,
            deterministic=self.deterministic,
            tensorboard=self.tensorboard,
        )


DTYPE = click.option(
    "--dtype",
    type=click.Choice(get_args(Dtype)),
    default="float32",
    show_default=True,
    help="Of the device: int8 where it runs TFLite files, float16 and bfloat16 in PyTorch.",
)
CACHE_DIR = click.option(
    "--cache-dir",
    type=click.Path(path_type=Path),
    show_default="the user's cache",
    help="Where tables and conversions are kept for later.",
)
OPS = click.option(
    "--ops",
    type=FileThere("a file of operations", way_out="name a Python file"),
    show_default="none",
    help="A Python file of your own operations, which is run: those that the space in --space FILE names.",
)
TABLE = FileThere("a table", way_out="name another table")
MOVED = "Where the run's images are now."
"""The help of `images_option` for a run that was begun."""
ACCELERATOR = click.option(
    "--accelerator",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where networks are trained; auto takes a GPU if there is one.",
)
RUNTIME = click.option(
    "--runtime",
    show_default="what is installed",
    shell_complete=begun_with(("ai-edge-litert", "tflite-runtime", "onnxruntime")),
    help="That runs the file: ai-edge-litert, tflite-runtime or onnxruntime.",
)
DRY_RUN = click.option(
    "--dry-run",
    is_flag=True,
    help="Say what would be done, how long each step takes here and how much memory and disk, from some steps of "
    "each kind: a minute on an idle machine, more on a busy one and where little is converted yet. Nothing is written.",
)
DETERMINISTIC = click.option(
    "--deterministic",
    is_flag=True,
    help="On a GPU, too, the same seed gives the same bits, and an interrupted run ends as one that was not: it takes "
    "longer. Without it, the same paths; a CPU repeats itself anyway.",
)


def _installed_tensorboard(context: click.Context, option: click.Parameter, asked: bool) -> bool:
    if asked and find_spec("tensorboard") is None:
        raise UserError("--tensorboard needs a package that is not here: pip install tensorboard")
    return asked


TENSORBOARD = click.option(
    "--tensorboard",
    is_flag=True,
    callback=_installed_tensorboard,
    help="Write losses, accuracies, latency, multipliers, probabilities and pictures for TensorBoard while it runs.",
)


@contextmanager
def known_operations(ops: Path | None, cache_dir: Path | None = None) -> Iterator[None]:
    """The operations of the file that `--ops` names, if it does, are known in the `with` block."""
    from pnas_apps.ground.cache import find_cache
    from pnas_apps.run.operations import given_operations

    with given_operations(ops, find_cache(cache_dir)):
        yield


def device_options(*, default: str | None = "tflite", several: bool = False) -> Callable[[Command], Command]:
    """`--device` and `--threads`; without a `default` the device is that of the preset."""
    more = " Give it several times for several." if several else ""
    return all_of(
        click.option(
            "--device",
            default=default,
            multiple=several,
            show_default=default or "the preset's, or else tflite",
            type=DeviceName(),
            help=f"Where to measure: one of those below; doctor tells which are usable here.{more}",
        ),
        click.option("--threads", type=whole(1, 1024), default=1, show_default=True, help="Of the device."),
    )


def worker_options(app: Defaults) -> Callable[[Command], Command]:
    """`--workers`, for a program that reads photos."""
    workers = click.option(
        "--workers", type=whole(0, 1024), show_default="one for each core", help="Processes that read photos."
    )
    return all_of(*([workers] if app.reads_photos else []))


def check_options(app: Defaults) -> Callable[[Command], Command]:
    """`--no-check`, for a program that reads photos."""
    help_text = "Whether every photo is read once before the run begins; those that can be are remembered."
    check = click.option("--check/--no-check", default=True, show_default=True, help=help_text)
    return all_of(*([check] if app.reads_photos else []))


def preset_option(app: Defaults) -> Callable[[Command], Command]:
    """`--preset`, before the flags of its options, whose help tells what it has."""
    return click.option(
        "--preset",
        default=app.preset,
        show_default=True,
        is_eager=True,
        shell_complete=preset_or_file(app.presets),
        help=f"{', '.join(preset_names(app.presets))}, or a TOML file: what the options of the preset are where no "
        "flag says it. See the command presets; --preset NAME --help tells them below.",
    )


def images_option(help_text: str, **options: Any) -> Callable[[Command], Command]:
    """`--data-dir`, a folder that has to be there."""
    return click.option(
        "--data-dir", type=click.Path(path_type=Path), callback=look_for_images, help=help_text, **options
    )


def data_options(app: App) -> Callable[[Command], Command]:
    """Where the images of a new run are, and its preset."""
    download = click.option(
        "--download", is_flag=True, is_eager=True, help="Fetch the images into the data folder first."
    )
    return option_group(
        "Images and preset",
        "What is learnt from, and how long.",
        images_option(app.data_help, required=True),
        *([download] if app.pretended_task is not None else []),
        preset_option(app),
    )


LATENCY = click.option(
    "--target-latency-ms",
    "latency_ms",
    type=MILLISECONDS,
    show_default="none",
    help="Milliseconds that one image may take on the device, or its batch: the search lands on it.",
)
LATENCIES = click.option(
    "--target-latency-ms",
    "latency_ms",
    type=Numbers(MILLISECONDS),
    required=True,
    help="Milliseconds that one image may take on the device, or its batch: a number for each net, such as "
    "0.1,0.2,0.4.",
)


def _limit(flag: str, name: str, help_text: str) -> Callable[[Command], Command]:
    return click.option(flag, name, type=COUNT, show_default="none", help=help_text)


def limit_options(latency: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Callable[[Command], Command]:
    """What a net may cost; `latency` is the option of its milliseconds."""
    return option_group(
        "Limits",
        "What the net may cost.",
        latency,
        _limit("--max-macs", "macs", "Multiply-accumulates of one image."),
        _limit("--max-parameters", "parameters", "Values that are learnt."),
        _limit(
            "--max-weight-bytes",
            "weight_bytes",
            "Constants of the TFLite file in --dtype: weights, biases, shapes and paddings.",
        ),
        _limit(
            "--max-activation-bytes",
            "peak_activation_bytes",
            "Tensors of that file that are alive at once, padded copies too, without kernels' scratch memory.",
        ),
        _limit("--max-file-bytes", "file_bytes", "That file as a whole: constants, names, scales, labels."),
        MAX,
    )


def run_options(
    app: Defaults,
    *,
    readers: bool = True,
    sweeps: bool = False,
    dry_runs: bool = True,
    preset: str | None = None,
    said: Mapping[str, str] | None = None,
    left_out: tuple[str, ...] = (),
) -> Decorator:
    """Adds the options of every new run; the command gets them as `options`, what its session is started with as
    `session`, and the flags of the preset as `flags`.

    Args:
        app: the program.
        readers: whether the command line says how many processes read photos; else as many as there are cores do.
        sweeps: whether it is for several budgets, and perhaps several devices.
        dry_runs: whether it may be reckoned before.
        preset: that the command takes, where the user cannot name one.
        said, left_out: see `preset_flags`.
    """
    spaces = app.spaces if isinstance(app, App) else ()
    added = all_of(
        option_group(
            "Run",
            "Its folder, and what becomes of it.",
            click.option(
                "--run-dir",
                type=click.Path(path_type=Path),
                show_default=f"a new one in {RUNS}",
                help="Folder of the run; an unfinished one goes on.",
            ),
            click.option(
                "--seed",
                type=whole(-(2**63), 2**63 - 1),
                default=0,
                show_default=True,
                help="Fixes all that is random.",
            ),
            *([OPS] if isinstance(app, App) else []),
            *([TENSORBOARD] if isinstance(app, App) and readers and not sweeps else []),
            *([DRY_RUN] if dry_runs else []),
        ),
        limit_options(LATENCIES if sweeps else LATENCY),
        option_group(
            "Device and table",
            "What the net is for, and how long its blocks take there.",
            device_options(default=None, several=sweeps),
            DTYPE,
            click.option(
                "--table",
                type=TABLE,
                show_default="one is measured",
                help="A latency table to use.",
            ),
            click.option(
                "--foreign-table", is_flag=True, help="Let the table be that of another device than --device."
            ),
            METRIC,
        ),
        option_group(
            "This machine",
            "Where the work is done, which does not change what is found.",
            CACHE_DIR,
            ACCELERATOR,
            DETERMINISTIC,
            *([worker_options(app)] if readers else []),
            check_options(app),
        ),
        preset_flags(app, preset=preset, spaces=spaces, said=said, left_out=left_out),
    )

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def grouped(
            run_dir: Path | None,
            seed: int,
            latency_ms: float | tuple[float, ...] | None,
            macs: float | None,
            parameters: float | None,
            weight_bytes: float | None,
            peak_activation_bytes: float | None,
            file_bytes: float | None,
            maxima: tuple[str, ...],
            metrics: tuple[str, ...],
            device: str | tuple[str, ...] | None,
            threads: int,
            dtype: Dtype,
            table: Path | None,
            foreign_table: bool,
            cache_dir: Path | None,
            accelerator: "Accelerator",
            deterministic: bool,
            workers: int | None = None if app.reads_photos else 0,
            check: bool = True,
            ops: Path | None = None,
            tensorboard: bool = False,
            dry_run: bool = False,
            **others: object,
        ) -> None:
            flags, own = split_flags(others)
            columns, commands = read_maxima(maxima), read_metrics(metrics)
            check_needed(columns, commands)
            if not device:
                device = str(
                    read_preset(str(own.get("preset", preset or app.preset)), app.presets).get("device", "tflite")
                )
                look_for_device(device)  # which no option has named
            names = (device,) if isinstance(device, str) else device
            devices = [DeviceSettings(name=name, threads=threads, dtype=dtype) for name in names]
            budgets = latency_ms if isinstance(latency_ms, tuple) else ()
            _refuse_repeated(names)
            if table is not None and len(names) > 1:
                raise UserError("--table is of one device: leave it out, or name one --device")
            from pnas_latency import Budget

            options = RunOptions(
                run_dir=run_dir,
                seed=seed,
                budget=Budget(
                    latency_ms=None if isinstance(latency_ms, tuple) else latency_ms,
                    macs=macs,
                    parameters=parameters,
                    weight_bytes=weight_bytes,
                    peak_activation_bytes=peak_activation_bytes,
                    file_bytes=file_bytes,
                    columns=columns,
                ),
                metrics=commands,
                device=devices[0],
                aims=sweep_aims(devices, budgets),
                ops=ops,
                table=table,
                foreign_table=foreign_table,
                cache_dir=cache_dir,
                check=check,
                dry=dry_run,
            )
            asked = SessionOptions(
                accelerator=accelerator, workers=workers, deterministic=deterministic, tensorboard=tensorboard
            )
            with known_operations(ops, cache_dir):
                command(**own, options=options, session=asked, flags=flags)

        return added(grouped)

    return decorate


def _refuse_repeated(names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"--device names {name} twice: leave one of them out")


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
        help="Where to measure the nets, if the run's own device is not here.",
    )
    net = click.option("--net", "name", default="searched", show_default=True, help="Which of the run's nets.")
    images = click.option(
        "--images", type=whole(1, 10**9), show_default="all", help="Number of test images to judge on."
    )
    asked = [net, images] if judges else [device, *([TENSORBOARD] if watched else [])]
    machine = [CACHE_DIR, worker_options(app), *([] if judges else [ACCELERATOR, DETERMINISTIC])]
    added = all_of(
        click.argument("run_dir", metavar="RUN", type=RunThere()),
        option_group(
            "Run",
            "What is needed beside its folder.",
            images_option(MOVED, show_default="where they were"),
            OPS,
            *asked,
        ),
        option_group("This machine", "Where the work is done, which does not change what is found.", *machine),
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
