"""The commands that every program has. Heavy libraries are imported by the commands, not here."""

from collections.abc import Callable, Mapping
from functools import partial, wraps
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from pnas_apps.cli.presets import Options, preset_flags, read_preset, with_flags
from pnas_apps.devices.device_names import DEVICES_HELP

if TYPE_CHECKING:
    from pnas_apps.images.folders import Track
    from pnas_apps.run.named_spaces import NamedSpace
    from pnas_apps.run.settings import ImagePreset, PhotoPreset, Preset, Task

_DEVICES = f"\b\nDevices:\n{indent(DEVICES_HELP, '  ')}"
_BUDGET = ("latency_ms", "macs", "parameters", "weight_bytes", "peak_activation_bytes")
_COMMON = ("run_dir", "seed", "table", "foreign_table", "cache_dir")


@frozen(kw_only=True)
class App:
    """What one program knows that the others do not.

    Attributes:
        name: begins the names of its runs' folders.
        presets: folder of its presets.
        preset: the one that it takes by default, whose options are its flags.
        data_help: what may be in the folder of images.
        can_download: whether it can fetch images itself.
        reads_photos: whether images are read all the time, which workers can do, and not once.
        preset_type: what its presets are.
        read_task: images and space: of a folder, which may be filled first, or of none where they come with a library.
        spaces: names of its search spaces.
        classes: that these have where the command line names no number.
        named_spaces: them, by these names.
    """

    name: str
    presets: Path
    preset: str
    data_help: str
    can_download: bool
    reads_photos: bool
    preset_type: "Callable[[], type[ImagePreset] | type[PhotoPreset]]"
    read_task: "Callable[[Path | None, bool, Preset, Track], Task]"
    spaces: tuple[str, ...]
    classes: int
    named_spaces: "Callable[[], Mapping[str, NamedSpace]]"


def add_verbs(main: click.Group, app: App) -> None:
    """Gives a program all commands of `App`s."""
    for command in (
        _doctor(),
        _table(app),
        _search(app),
        _train(app),
        _evaluate(app),
        _export(app),
        _report(app),
        _bench(),
        _released(),
        _run(app),
    ):
        main.add_command(command)


def run_options(app: App) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Adds the options of every run; the command gets them as `common`, what its session is started with as `session`,
    and the flags of the preset as `flags`.
    """
    options = [
        click.option("--run-dir", type=click.Path(path_type=Path), help="Folder of the run; a new one by default."),
        click.option("--seed", type=int, default=0, show_default=True, help="Fixes all that is random."),
        click.option(
            "--target-latency-ms",
            "latency_ms",
            type=click.FloatRange(0, min_open=True),
            help="What one image may take on the device: the search lands on it.",
        ),
        click.option("--max-macs", "macs", type=click.FloatRange(0, min_open=True), help="Multiply-accumulates."),
        click.option("--max-parameters", "parameters", type=click.FloatRange(0, min_open=True), help="Values."),
        click.option("--max-weight-bytes", "weight_bytes", type=click.FloatRange(0, min_open=True), help="As shipped."),
        click.option(
            "--max-activation-bytes",
            "peak_activation_bytes",
            type=click.FloatRange(0, min_open=True),
            help="At the worst moment.",
        ),
        *_device_options(),
        _DTYPE,
        click.option("--table", type=click.Path(path_type=Path), help="A latency table to use; none is measured."),
        click.option("--foreign-table", is_flag=True, help="Let the table be that of another device than --device."),
        click.option("--cache-dir", type=click.Path(path_type=Path), help="Where tables and conversions are kept."),
        _ACCELERATOR,
        *_worker_options(app),
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def grouped(device: str, threads: int, dtype: str, **given: Any) -> None:
            common = {name: given.pop(name) for name in _COMMON}
            common["budget"] = {name: given.pop(name) for name in _BUDGET}
            common["target"] = {"name": device, "threads": threads, "dtype": dtype}
            session = _session(given)
            own = {name: given.pop(name) for name in ("data_dir", "download", "preset") if name in given}
            command(**own, common=common, session=session, flags=given)

        decorated: Callable[..., None] = preset_flags(read_preset(app.preset, app.presets))(grouped)
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


def _device_options() -> list[Callable[..., Any]]:
    return [
        click.option(
            "--device",
            default="tflite",
            show_default=True,
            help="Where to measure: one of those below; doctor tells which are usable here.",
        ),
        click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Of the device."),
    ]


def _worker_options(app: App) -> list[Callable[..., Any]]:
    help_text = "Processes that read photos; as many as there are cores by default."
    return [click.option("--workers", type=click.IntRange(0), help=help_text)] if app.reads_photos else []


def _session(given: Options) -> Options:
    """Takes what a session is started with out of a command's options."""
    return {"accelerator": given.pop("accelerator", "cpu"), "workers": given.pop("workers", 0)}


_ACCELERATOR = click.option(
    "--accelerator",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Where networks are trained; auto takes a GPU if there is one.",
)
_DTYPE = click.option("--dtype", type=click.Choice(["float32", "int8"]), default="float32", show_default=True)


def _with(options: list[Callable[..., Any]]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _data_options(app: App) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return _with(
        [
            click.option("--data-dir", type=click.Path(path_type=Path), required=True, help=app.data_help),
            *(
                [click.option("--download", is_flag=True, help="Fetch the images into the data folder first.")]
                if app.can_download
                else []
            ),
            click.option("--preset", default=app.preset, show_default=True, help="A shipped preset, or a TOML file."),
        ]
    )


def _start(
    app: App,
    until: str,
    data_dir: Path,
    preset: str,
    *,
    common: Options,
    session: Options,
    flags: Options,
    download: bool = False,
) -> None:
    from pnas_apps.cli.runner import run_task
    from pnas_apps.ground.session import started_session

    options = with_flags(read_preset(preset, app.presets), flags)
    with started_session(**session) as started:
        read = partial(app.read_task, data_dir, download)
        run_task(app.name, preset, options, app.preset_type(), read, until=until, session=started, **common)  # type: ignore[arg-type]


def _run(app: App) -> click.Command:
    @click.command(epilog=_DEVICES)
    @_data_options(app)
    @run_options(app)
    def run(data_dir: Path, preset: str, **options: Any) -> None:
        """The whole road: table, search, train, export, report."""
        _start(app, "report", data_dir, preset, **options)

    return run


def _search(app: App) -> click.Command:
    @click.command(epilog=_DEVICES)
    @_data_options(app)
    @run_options(app)
    def search(data_dir: Path, preset: str, **options: Any) -> None:
        """Search a net within a budget: table and search alone; train and report go on."""
        _start(app, "search", data_dir, preset, **options)

    return search


def _options_of_a_run(app: App, *, judges: bool = True) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Adds what finds a run, one of its nets, and its images; the command gets an opened `run`."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def opened(run_dir: Path, data_dir: Path | None, cache_dir: Path | None, **given: Any) -> None:
            from pnas_apps.cli.runner import open_run
            from pnas_apps.ground.session import started_session

            def read(folder: Path | None, preset: "Preset", track: "Track") -> "Task":
                return app.read_task(folder, False, preset, track)

            with started_session(**_session(given)) as started:
                session = started.alone() if judges else started
                if session is not None:
                    found = open_run(run_dir, read, data_dir=data_dir, cache_dir=cache_dir, session=session)
                    command(found, **given)

        options: list[Callable[..., Any]] = [
            click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path)),
            click.option("--data-dir", type=click.Path(path_type=Path), help="Where the run's images are now."),
            click.option("--cache-dir", type=click.Path(path_type=Path), help="Where conversions are kept."),
            *_worker_options(app),
        ]
        if judges:
            options += [
                click.option("--net", "name", default="searched", show_default=True, help="Which of the run's nets."),
                click.option(
                    "--images", type=click.IntRange(1), help="Number of test images to judge on; all by default."
                ),
            ]
        else:
            options.append(_ACCELERATOR)
        return _with(options)(opened)

    return decorate


def _train(app: App) -> click.Command:
    @click.command()
    @_options_of_a_run(app, judges=False)
    def train(run: Any) -> None:
        """Train the nets of a search: the one that it found, the fastest and the biggest."""
        from pnas_apps.cli.runner import go_on

        go_on(run, "train")

    return train


def _report(app: App) -> click.Command:
    @click.command()
    @_options_of_a_run(app, judges=False)
    def report(run: Any) -> None:
        """Finish a run: whatever it lacks of training and export, then the report."""
        from pnas_apps.cli.runner import go_on

        run.processes.first(run.folder.refuse_finished)
        go_on(run, "report")

    return report


def _export(app: App) -> click.Command:
    @click.command()
    @_options_of_a_run(app)
    @click.option(
        "--format",
        "formats",
        multiple=True,
        required=True,
        help="onnx, onnx-int8, tflite, tflite-float16, tflite-dynamic-int8, tflite-int8 or tflite-int8-float-io; give "
        "it several times for several.",
    )
    @click.option("--out", type=click.Path(path_type=Path), help="Folder of the bundle; inside RUN by default.")
    @click.option("--raw-pixels/--normalized", help="Whether the files take uint8 pixels and normalize by themselves.")
    @click.option(
        "--calibration-images",
        type=click.IntRange(16),
        default=512,
        show_default=True,
        help="Number of training images that show an int8 file the ranges of its activations.",
    )
    def export(run: Any, **options: Any) -> None:
        """Write a trained net of RUN in more formats, each with its proof."""
        from pnas_apps.cli.file_commands import export_run

        export_run(run, **options)

    return export


def _evaluate(app: App) -> click.Command:
    @click.command("eval")
    @_options_of_a_run(app)
    @click.option(
        "--file", "files", multiple=True, type=click.Path(path_type=Path), help="An exported file, or its name in RUN."
    )
    @click.option("--runtime", help="ai-edge-litert, tflite-runtime or onnxruntime; all that are installed by default.")
    def evaluate(run: Any, **options: Any) -> None:
        """Judge files on RUN's test images, or the trained net where no file is named."""
        from pnas_apps.cli.file_commands import eval_run

        eval_run(run, **options)

    return evaluate


def _doctor() -> click.Command:
    @click.command()
    def doctor() -> None:
        """Say which devices can be measured on here, and what the others lack."""
        from pnas_apps.devices.device_names import device_report
        from pnas_apps.ground.progress import reporter_on_stdout
        from pnas_apps.showing.terminal_tables import device_table

        with reporter_on_stdout() as reporter:
            reporter.console.print(device_table(device_report()))

    return doctor


def _table(app: App) -> click.Command:
    @click.command(epilog=_DEVICES)
    @click.argument("path", metavar="TABLE.json", type=click.Path(path_type=Path))
    @_with([*_device_options(), _DTYPE])
    @click.option("--space", type=click.Choice(app.spaces), default=app.spaces[0], show_default=True)
    @click.option("--classes", type=click.IntRange(2), default=app.classes, show_default=True, help="Of the images.")
    @click.option("--resolution", type=click.IntRange(1), help="Of the images, in pixels; the space's own by default.")
    @click.option("--blocks-per-stage", type=click.IntRange(1), help="Of the space; its own by default.")
    @click.option("--width-mult", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True)
    @click.option("--fit", type=click.IntRange(0), default=6, show_default=True, help="Whole nets to calibrate with.")
    @click.option("--held-out", type=click.IntRange(0), default=20, show_default=True, help="Whole nets to judge by.")
    @click.option(
        "--merge", multiple=True, type=click.Path(path_type=Path), help="A table of the same device to take over."
    )
    @click.option("--cache-dir", type=click.Path(path_type=Path), help="Where conversions are kept.")
    def table(
        path: Path,
        device: str,
        threads: int,
        dtype: str,
        space: str,
        classes: int,
        resolution: int | None,
        blocks_per_stage: int | None,
        width_mult: float,
        cache_dir: Path | None,
        **options: Any,
    ) -> None:
        """Measure the latency table of a space on a device, and say how far its predictions are off.

        Goes on with TABLE.json where it is there.
        """
        from pnas_apps.cli.runner import default_cache
        from pnas_apps.devices.device_names import parse_device
        from pnas_apps.ground.progress import reporter_on_stdout
        from pnas_apps.run.named_spaces import named_space
        from pnas_apps.steps.table import make_table

        found = named_space(
            app.named_spaces(),
            space,
            classes=classes,
            resolution=resolution,
            blocks_per_stage=blocks_per_stage,
            width_mult=width_mult,
        )
        cache = (cache_dir or default_cache()) / "conversions"
        one = parse_device(device, threads=threads, dtype=dtype, cache=cache, log=path.parent / f"{path.stem}.log")
        with reporter_on_stdout() as reporter:
            make_table(one, found, path, reporter=reporter, **options)

    return table


def _bench() -> click.Command:
    @click.command(epilog=_DEVICES)
    @click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
    @_with(_device_options())
    def bench(paths: tuple[Path, ...], device: str, threads: int) -> None:
        """Time exported files, or all in a folder, in turns on a device."""
        from pnas_apps.cli.file_commands import bench_files
        from pnas_apps.cli.runner import default_cache
        from pnas_apps.ground.progress import reporter_on_stdout

        with reporter_on_stdout() as reporter:
            bench_files(paths, device, threads=threads, cache=default_cache(), reporter=reporter)

    return bench


def _released() -> click.Command:
    @click.command(epilog=_DEVICES)
    @click.argument("net", metavar="NET")
    @click.option("--weights", type=click.Path(path_type=Path), help="The original's checkpoint of the net, to export.")
    @click.option("--table", type=click.Path(path_type=Path), help="A latency table to use; none is measured.")
    @_with(_device_options())
    @click.option("--out", type=click.Path(path_type=Path), help="Folder of what is written; NET by default.")
    @click.option("--cache-dir", type=click.Path(path_type=Path), help="Where conversions are kept.")
    def released(net: str, out: Path | None, cache_dir: Path | None, **options: Any) -> None:
        """Draw and price a net that ProxylessNAS released, and ship its weights.

        NET is proxyless_mobile, proxyless_cpu, proxyless_gpu, proxyless_mobile_14 or proxyless_cifar, or the path of a
        net.config that the original wrote.
        """
        from pnas_apps.cli.released_nets import show_released
        from pnas_apps.cli.runner import default_cache
        from pnas_apps.ground.progress import reporter_on_stdout

        with reporter_on_stdout() as reporter:
            folder = out or Path(Path(net).stem)
            show_released(net, folder, cache=cache_dir or default_cache(), reporter=reporter, **options)

    return released
