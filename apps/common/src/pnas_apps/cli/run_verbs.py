"""The commands that begin a run, go on with one, or work on what it left."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pnas_apps.cli.app import App
from pnas_apps.cli.design_options import design_options
from pnas_apps.cli.int8_options import Kept, int8_options
from pnas_apps.cli.option_types import whole
from pnas_apps.cli.options import DEVICES, RunOptions, SessionOptions, data_options, opened_run, run_options
from pnas_apps.cli.presets import Flags, read_preset
from pnas_apps.cli.space_options import preset_and_space
from pnas_apps.cli.start_options import AskedStart, start_options, started_preset
from pnas_apps.cli.sweep_verb import sweep_verb
from pnas_apps.ground.errors import UserError

if TYPE_CHECKING:
    from pnas_apps.run.asked_sizes import AskedSizes
    from pnas_apps.run.preset import Preset
    from pnas_apps.run.run import Run
    from pnas_apps.steps.pipeline import StepName
    from pnas_ops import Space


def run_verbs(app: App) -> tuple[click.Command, ...]:
    """All of them, for one program."""
    search = _begin(
        app, "search", "search", "Search a net within a budget: table and search alone; train and report go on."
    )
    run = _begin(app, "run", "report", "The whole road: table, search, train, compare, export, report.")
    return search, _train(app), _evaluate(app), _export(app), _report(app), _verdict(app), run, sweep_verb(app)


def _begin(app: App, name: str, until: "StepName", help_text: str) -> click.Command:
    """A command that begins a run, or goes on with one that was interrupted, up to a step."""

    @click.command(name, help=help_text, epilog=DEVICES)
    @data_options(app)
    @run_options(app)
    @start_options
    @design_options
    def begin(
        data_dir: Path,
        preset: str,
        options: RunOptions,
        session: SessionOptions,
        flags: Flags,
        sizes: "AskedSizes | None",
        start: AskedStart | None,
        download: bool = False,
    ) -> None:
        if start is not None and sizes is not None:
            raise UserError("--from RUN has its space already: leave out --design")
        _start(app, until, data_dir, preset, options, session, flags, sizes, start, download=download)

    return begin


def _start(
    app: App,
    until: "StepName",
    data_dir: Path,
    preset: str,
    options: RunOptions,
    session: SessionOptions,
    flags: Flags,
    sizes: "AskedSizes | None",
    start: AskedStart | None,
    *,
    download: bool,
) -> None:
    from pnas_apps.cli.runs import begin_run, go_on
    from pnas_apps.run.designing import Designer

    document = read_preset(preset, app.presets)
    with session.started() as started:

        def make_preset() -> "tuple[Preset, Space | None]":
            made, space = preset_and_space(document, flags, preset, app.preset_type(), started.processes.device)
            return (made if start is None else started_preset(made, flags)), space

        begun = begin_run(
            app.name,
            make_preset,
            partial(app.read_task, data_dir, download),
            options,
            started,
            until=until,
            designer=None if sizes is None else Designer(spaces=app.named_spaces(), sizes=sizes),
            start=start,
        )
        with begun as run:
            go_on(run, until, table=options.table, foreign_table=options.foreign_table)


def _train(app: App) -> click.Command:
    @click.command()
    @opened_run(app, judges=False)
    def train(run: "Run") -> None:
        """Train the net that a search found, to ship."""
        from pnas_apps.cli.runs import go_on

        go_on(run, "train")

    return train


def _report(app: App) -> click.Command:
    @click.command()
    @opened_run(app, judges=False)
    @click.option("--open", "opens", is_flag=True, help="Show the page in a browser.")
    def report(run: "Run", opens: bool) -> None:
        """Finish a run: whatever it lacks of training, comparison and export, then the report.

        Of a run that is finished, write the page, report.html, anew.
        """
        from pnas_apps.cli.runs import finish, show_page

        finish(run)
        if opens and run.processes.is_first:
            show_page(run.folder.page)

    return report


def _verdict(app: App) -> click.Command:
    @click.command()
    @opened_run(app, judges=False)
    @click.option("--nets", type=whole(1, 1_000_000), help="Random nets to compare with; as many as before by default.")
    @click.option("--epochs", type=whole(1, 1_000_000), help="Of each training; as many as before by default.")
    @click.option("--seeds", type=whole(1, 1000), help="Trainings of each net; as many as before by default.")
    def verdict(run: "Run", nets: int | None, epochs: int | None, seeds: int | None) -> None:
        """Say more surely whether the search of RUN paid: with more nets or seeds, or longer trainings."""
        from pnas_apps.cli.verdict_command import judge_run

        judge_run(run, nets=nets, epochs=epochs, seeds=seeds)

    return verdict


def _export(app: App) -> click.Command:
    @click.command()
    @opened_run(app)
    @click.option(
        "--format",
        "formats",
        multiple=True,
        required=True,
        help="onnx, onnx-int8, tflite, tflite-float16, tflite-dynamic-int8, tflite-int8 or tflite-int8-float-io; give "
        "it several times for several.",
    )
    @click.option("--out", type=click.Path(path_type=Path), help="Folder of the bundle; inside RUN by default.")
    @click.option(
        "--raw-pixels/--normalized",
        default=None,
        help="Whether the files take uint8 pixels and normalize by themselves; as those of the bundle by default.",
    )
    @click.option(
        "--calibration-images",
        type=whole(16, 1_000_000),
        default=512,
        show_default=True,
        help="Number of training images that show an int8 file the ranges of its activations.",
    )
    @int8_options
    def export(
        run: "Run",
        name: str,
        images: int | None,
        formats: tuple[str, ...],
        out: Path | None,
        raw_pixels: bool | None,
        calibration_images: int,
        keep_float: Kept | None,
        fine_tune_epochs: int | None,
    ) -> None:
        """Write a trained net of RUN in more formats, each with its proof."""
        from pnas_apps.cli.file_commands import export_run
        from pnas_apps.steps.export import missing_converters
        from pnas_export import FORMATS

        if lacking := missing_converters([one for one in FORMATS if one in formats]):
            raise UserError(f"no files can be made here without {', '.join(lacking)}: pip install {' '.join(lacking)}")
        export_run(
            run,
            name,
            formats,
            out=out,
            raw_pixels=raw_pixels,
            images=images,
            calibration_images=calibration_images,
            keep_float=keep_float,
            fine_tune_epochs=fine_tune_epochs,
        )

    return export


def _evaluate(app: App) -> click.Command:
    @click.command("eval")
    @opened_run(app, writes=False)
    @click.option(
        "--file", "files", multiple=True, type=click.Path(path_type=Path), help="An exported file, or its name in RUN."
    )
    @click.option("--runtime", help="ai-edge-litert, tflite-runtime or onnxruntime; all that are installed by default.")
    def evaluate(run: "Run", name: str, images: int | None, files: tuple[Path, ...], runtime: str | None) -> None:
        """Judge files on RUN's test images, or the trained net where no file is named."""
        from pnas_apps.cli.file_commands import eval_run

        eval_run(run, name, files, runtime=runtime, images=images)

    return evaluate
