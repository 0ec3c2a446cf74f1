"""The command that finds a net for each of several latencies and devices in one search."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from attrs import evolve

from pnas_apps.cli.app import App
from pnas_apps.cli.options import DEVICES, data_options
from pnas_apps.cli.presets import Flags, flag_of, read_preset
from pnas_apps.cli.run_options import RunOptions, run_options
from pnas_apps.cli.session_options import SessionOptions
from pnas_apps.cli.space_options import preset_and_space
from pnas_apps.cli.verb import verb

if TYPE_CHECKING:
    from pnas_apps.run.preset import Preset
    from pnas_ops import Space

_SAID = {
    "compare.nets": "0",
    "search.arch_interval": "the preset's, or more for many nets",
}
"""What a sweep takes where a preset says something else."""


def sweep_verb(app: App) -> click.Command:
    """`sweep`, for one program."""

    @verb(
        epilog=DEVICES,
        examples=(
            "--data-dir images --target-latency-ms 0.1,0.2,0.4",
            "--data-dir images --target-latency-ms 2,4 --device tflite --device adb --compare 5",
            "--data-dir images --target-latency-ms 0.1,0.2 --dry-run",
        ),
    )
    @data_options(app)
    @run_options(app, sweeps=True, said=_SAID)
    def sweep(
        data_dir: Path,
        preset: str,
        options: RunOptions,
        session: SessionOptions,
        flags: Flags,
        download: bool = False,
    ) -> None:
        """Search once for several latencies and devices, then train each net.

        Each net is exported and measured, too, and gets the folder of a run. The sweep writes a table of all nets, and
        a picture of accuracy over latency. With --compare, each net is compared with random nets of its latency.
        """
        from pnas_apps.cli.beginning import begin_run
        from pnas_apps.cli.runs import tell_dry_run
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

            read_task = app.task_reader(data_dir, download=download, dry=options.dry)
            with begin_run(f"{app.name}-sweep", of_all, read_task, options, started) as run:
                if options.dry:
                    tell_dry_run(
                        run, "report", table=options.table, foreign_table=options.foreign_table, aims=options.aims
                    )
                    return
                go_on_sweeping(run, of_one()[0], table=options.table, foreign_table=options.foreign_table)

    return sweep
