"""The command that finds a net for each of several budgets and devices in one search."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from attrs import evolve

from pnas_apps.cli.app import App
from pnas_apps.cli.options import DEVICES, RunOptions, SessionOptions, data_options, run_options
from pnas_apps.cli.presets import Flags, flag_of, read_preset
from pnas_apps.cli.space_options import preset_and_space

if TYPE_CHECKING:
    from pnas_apps.run.preset import Preset
    from pnas_ops import Space


def sweep_verb(app: App) -> click.Command:
    """`sweep`, for one program."""

    @click.command(epilog=DEVICES)
    @data_options(app)
    @run_options(app, sweeps=True)
    def sweep(
        data_dir: Path,
        preset: str,
        options: RunOptions,
        session: SessionOptions,
        flags: Flags,
        download: bool = False,
    ) -> None:
        """The whole road for several budgets and devices: one search, then each net trained, exported and measured.

        Leaves a folder of a run for every net, a table of them all, and a picture of accuracy over latency. With
        --compare each of them is compared with random nets of its latency, too.
        """
        from pnas_apps.cli.runs import begin_run
        from pnas_apps.cli.sweeps import go_on_sweeping
        from pnas_apps.run.sweep_effort import sweep_preset

        document = read_preset(preset, app.presets)
        with session.started() as started:

            def of_one() -> "tuple[Preset, Space | None]":
                return preset_and_space(document, flags, preset, app.preset_type(), started.processes.device)

            def of_all() -> "tuple[Preset, Space | None]":
                made, space = of_one()
                if flag_of(flags, "compare__nets") is None:
                    # Each net with others beside would take as long as all else together.
                    made = evolve(made, compare=evolve(made.compare, nets=0))
                is_given = flag_of(flags, "search__arch_interval") is not None
                return (made if is_given else sweep_preset(made, len(options.aims))), space

            read_task = partial(app.read_task, data_dir, download)
            with begin_run(f"{app.name}-sweep", of_all, read_task, options, started) as run:
                go_on_sweeping(run, of_one()[0], table=options.table, foreign_table=options.foreign_table)

    return sweep
