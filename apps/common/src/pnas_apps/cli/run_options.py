"""The options of every new run, and the typed values that are built from them here, at the edge.

Imports nothing heavy, since `--help` needs it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import click
from attrs import evolve, frozen
from cloup import option_group

from pnas_apps.cli.app import App, Defaults
from pnas_apps.cli.cost_options import METRIC, check_needed, read_maxima, read_metrics
from pnas_apps.cli.limit_options import LATENCIES, LATENCY, limit_options
from pnas_apps.cli.option_types import NamedPath, all_of, whole
from pnas_apps.cli.options import (
    ACCELERATOR,
    CACHE_DIR,
    DETERMINISTIC,
    DRY_RUN,
    DTYPE,
    OPS,
    RUNS,
    TABLE,
    TENSORBOARD,
    Decorator,
    check_options,
    device_options,
    known_operations,
    worker_options,
)
from pnas_apps.cli.presets import preset_flags, read_preset, split_flags
from pnas_apps.cli.session_options import SessionOptions
from pnas_apps.devices.device_names import look_for_device
from pnas_apps.ground.errors import UserError
from pnas_apps.run.device_settings import DeviceSettings, Dtype
from pnas_apps.run.sweep_aims import SweepAim, least_of_each_device, sweep_aims

if TYPE_CHECKING:
    from pnas_apps.ground.gpus import Accelerator
    from pnas_latency import Budget


@frozen(kw_only=True)
class RunOptions:
    """The options of a new run beside its images and its preset.

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
        dry: whether the run is only estimated.
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


def run_options(
    app: Defaults,
    *,
    readers: bool = True,
    sweeps: bool = False,
    preset: str | None = None,
    said: Mapping[str, str] | None = None,
    left_out: tuple[str, ...] = (),
) -> Decorator:
    """Adds the options of every new run; the command gets them as `options`, what its session is started with as
    `session`, and the flags of the preset as `flags`.

    Args:
        app: the program.
        readers: whether the command line says how many processes read photos; else as many as there are cores do.
        sweeps: whether it is for several latencies, and perhaps several devices.
        preset: the preset that the command takes, where the user cannot name one.
        said, left_out: see `preset_flags`.
    """
    spaces = app.spaces if isinstance(app, App) else ()
    added = all_of(
        option_group(
            "Run",
            "Its folder, and how it is carried out.",
            click.option(
                "--run-dir",
                type=NamedPath(),
                show_default=f"a new one in {RUNS}",
                help="Folder of the run; an unfinished run is resumed.",
            ),
            click.option(
                "--seed",
                type=whole(-(2**63), 2**63 - 1),
                default=0,
                show_default=True,
                help="Random seed.",
            ),
            *([OPS] if isinstance(app, App) else []),
            *([TENSORBOARD] if isinstance(app, App) and readers and not sweeps else []),
            DRY_RUN,
        ),
        limit_options(LATENCIES if sweeps else LATENCY),
        option_group(
            "Device and table",
            "What the net is for, and the latencies of its blocks there.",
            device_options(default=None, several=sweeps),
            DTYPE,
            click.option(
                "--table",
                type=TABLE,
                show_default="one is measured",
                help="A latency table to use.",
            ),
            click.option("--foreign-table", is_flag=True, help="Accept a table of another device than --device."),
            METRIC,
        ),
        option_group(
            "This machine",
            "Where the work is done; results may differ in their last bits.",
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
                raise UserError("--table is for one device: leave it out, or name one --device")
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
