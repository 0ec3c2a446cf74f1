"""The commands that start a run, resume one, or work on its results."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
from cloup import option_group

from pnas_apps.cli.app import App
from pnas_apps.cli.completing import begun_with
from pnas_apps.cli.design_options import design_options
from pnas_apps.cli.explore_verb import explore_verb
from pnas_apps.cli.int8_options import Kept, int8_options
from pnas_apps.cli.opened_run import opened_run
from pnas_apps.cli.option_types import NamedPath, whole
from pnas_apps.cli.options import DEVICES, RUNTIME, data_options
from pnas_apps.cli.presets import Flags, preset_names, read_preset
from pnas_apps.cli.run_options import RunOptions, run_options
from pnas_apps.cli.session_options import SessionOptions
from pnas_apps.cli.space_options import preset_and_space
from pnas_apps.cli.start_options import AskedStart, start_options, started_preset
from pnas_apps.cli.sweep_verb import sweep_verb
from pnas_apps.cli.verb import verb
from pnas_apps.ground.errors import UserError

if TYPE_CHECKING:
    from pnas_apps.run.asked_sizes import AskedSizes
    from pnas_apps.run.preset import Preset
    from pnas_apps.run.run import Run
    from pnas_apps.steps.pipeline import StepName
    from pnas_ops import Space

# As `pnas_export.FORMATS` has them.
_FORMATS = (
    "onnx",
    "onnx-int8",
    "tflite",
    "tflite-float16",
    "tflite-dynamic-int8",
    "tflite-int8",
    "tflite-int8-float-io",
)


def begin_verbs(app: App) -> tuple[click.Command, ...]:
    """The verbs of one program that begin a run."""
    run = _begin(
        app,
        "run",
        "report",
        "Run all steps: table, search, train, compare, export, report.",
        (
            "--data-dir images --target-latency-ms 0.2",
            f"--data-dir images --preset {preset_names(app.presets)[0]} --max-macs 5e6 --dry-run",
            "--data-dir images --device adb --dtype int8 --max-file-bytes 500000",
        ),
    )
    search = _begin(
        app,
        "search",
        "search",
        "Search for a net within limits: table and search only. Continue with train or report.",
        ("--data-dir images --target-latency-ms 0.2", "--data-dir images --max-macs 3e6 --from runs/first"),
    )
    return run, search, sweep_verb(app), explore_verb(app)


def later_verbs(app: App) -> tuple[click.Command, ...]:
    """The verbs of one program that resume a run, or work on its results."""
    return _train(app), _report(app), _verdict(app), _export(app), _evaluate(app)


def _begin(app: App, name: str, until: "StepName", help_text: str, examples: tuple[str, ...]) -> click.Command:
    """A command that starts a run, or resumes one that was interrupted, up to a step."""

    @verb(name, help=help_text, epilog=DEVICES, examples=examples)
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
            raise UserError("--from RUN sets the space already: leave out --design")
        from pnas_apps.cli.beginning import begin_run
        from pnas_apps.cli.runs import go_on, tell_dry_run
        from pnas_apps.run.designing import Designer

        document = read_preset(preset, app.presets)
        with session.started() as started:

            def make_preset() -> "tuple[Preset, Space | None]":
                made, space = preset_and_space(document, flags, preset, app.preset_type(), started.processes.device)
                return (made if start is None else started_preset(made, flags)), space

            begun = begin_run(
                app.name,
                make_preset,
                app.task_reader(data_dir, download=download, dry=options.dry),
                options,
                started,
                until=until,
                designer=None if sizes is None else Designer(spaces=app.named_spaces(), sizes=sizes),
                start=start,
            )
            with begun as run:
                go = tell_dry_run if options.dry else go_on
                go(run, until, table=options.table, foreign_table=options.foreign_table)

    return begin


def _train(app: App) -> click.Command:
    @verb(examples=("runs/search", "runs/search --data-dir images --accelerator cuda"))
    @opened_run(app, judges=False)
    def train(run: "Run") -> None:
        """Train the net that a search found."""
        from pnas_apps.cli.runs import go_on

        go_on(run, "train")

    return train


def _report(app: App) -> click.Command:
    @verb(examples=("runs/first", "runs/first --open", "runs/from-gpu --data-dir images --device tflite"))
    @opened_run(app, judges=False)
    @option_group(
        "Page", "The report page.", click.option("--open", "opens", is_flag=True, help="Open it in a browser.")
    )
    def report(run: "Run", opens: bool) -> None:
        """Finish a run: missing training, comparison, export and report.

        For a finished run, this writes the page report.html again.
        """
        from pnas_apps.cli.runs import finish, show_page

        finish(run)
        if opens and run.processes.is_first:
            show_page(run.folder.page)

    return report


def _verdict(app: App) -> click.Command:
    before = "as many as before"

    @verb(examples=("runs/first --seeds 3", "runs/first --nets 10 --epochs 20"))
    @opened_run(app, judges=False, watched=False)
    @option_group(
        "Comparison",
        "How much to train; nets already trained are not trained again.",
        click.option("--nets", type=whole(1, 1_000_000), show_default=before, help="Random nets to compare with."),
        click.option("--epochs", type=whole(1, 1_000_000), show_default=before, help="Epochs per training."),
        click.option(
            "--seeds", type=whole(1, 1000), show_default=before, help="Trainings per net, each with its own seed."
        ),
    )
    def verdict(run: "Run", nets: int | None, epochs: int | None, seeds: int | None) -> None:
        """Make RUN's verdict more certain: more nets, seeds or epochs."""
        from pnas_apps.cli.verdict_command import judge_run

        judge_run(run, nets=nets, epochs=epochs, seeds=seeds)

    return verdict


def _export(app: App) -> click.Command:
    @verb(
        examples=(
            "runs/first --format tflite-float16",
            "runs/first --format tflite-int8 --fine-tune 5 --keep-float auto",
            "runs/first --format onnx --raw-pixels --out bundle",
        )
    )
    @opened_run(app)
    @option_group(
        "Files",
        "What is written, and where.",
        click.option(
            "--format",
            "formats",
            multiple=True,
            required=True,
            shell_complete=begun_with(_FORMATS),
            help=f"{', '.join(_FORMATS)}; repeat it for several.",
        ),
        click.option("--out", type=NamedPath(), show_default="inside RUN", help="Output folder of the bundle."),
        click.option(
            "--raw-pixels/--normalized",
            default=None,
            show_default="as in the bundle",
            help="Let the files take uint8 pixels and normalize them, or take normalized floats.",
        ),
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
        """Export a trained net of RUN to more formats, each with its proof."""
        from pnas_apps.cli.file_commands import export_run
        from pnas_apps.steps.export import missing_converters
        from pnas_export import FORMATS

        if lacking := missing_converters([one for one in FORMATS if one in formats]):
            raise UserError(
                f"files cannot be exported here without {', '.join(lacking)}: pip install {' '.join(lacking)}"
            )
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
    @verb(
        "eval",
        examples=("runs/first", "runs/first --file model-int8.tflite", "runs/first --file model.onnx --images 500"),
    )
    @opened_run(app, writes=False)
    @option_group(
        "Files",
        "What to test, and with which runtime.",
        click.option(
            "--file",
            "files",
            multiple=True,
            type=NamedPath(),
            show_default="the net in PyTorch",
            help="An exported file, or its name in RUN.",
        ),
        RUNTIME,
    )
    def evaluate(run: "Run", name: str, images: int | None, files: tuple[Path, ...], runtime: str | None) -> None:
        """Test exported files, or the trained net, on RUN's test images."""
        from pnas_apps.cli.file_commands import eval_run

        eval_run(run, name, files, runtime=runtime, images=images)

    return evaluate
