"""The commands that are about devices, files and tables, not about a run."""

from pathlib import Path

import click
from cloup import option_group

from pnas_apps.cli.app import App
from pnas_apps.cli.completing import begun_with
from pnas_apps.cli.cost_options import METRIC, read_metrics
from pnas_apps.cli.named_things import PathThere, RunOrBundleThere
from pnas_apps.cli.option_types import NamedPath, whole
from pnas_apps.cli.options import CACHE_DIR, DEVICES, DTYPE, RUNTIME, TABLE, device_options, known_operations
from pnas_apps.cli.presets import look_for_space
from pnas_apps.cli.presets_verb import presets_verb
from pnas_apps.cli.space_options import SpaceSize, asked_space, size_options
from pnas_apps.cli.space_verb import space_verb
from pnas_apps.cli.verb import verb
from pnas_apps.run.device_settings import Dtype

_RELEASED = ("proxyless_mobile", "proxyless_cpu", "proxyless_gpu", "proxyless_mobile_14", "proxyless_cifar")


def device_verbs(app: App) -> tuple[click.Command, ...]:
    """The verbs of one program that need no run."""
    return doctor_verb(), _table(app), space_verb(app), _released(), presets_verb(app)


def file_verbs(*, reads_photos: bool) -> tuple[click.Command, ...]:
    """The verbs about exported files, for any program.

    Args:
        reads_photos: whether its nets see photos, and not images in their size.
    """
    return _predict(reads_photos=reads_photos), _bench()


def doctor_verb() -> click.Command:
    """`doctor`, which any program can have."""

    @verb(examples=("",))
    def doctor() -> None:
        """Show which devices can be measured on, and what the others lack."""
        from pnas_apps.devices.device_report import device_report
        from pnas_apps.ground.progress import reporter_on_stdout
        from pnas_apps.showing.device_tables import device_table

        with reporter_on_stdout() as reporter:
            reporter.console.print(device_table(device_report()))

    return doctor


def _table(app: App) -> click.Command:
    @verb(
        epilog=DEVICES,
        examples=(
            "phone.json --device adb",
            f"board.json --device 'cmd:ssh board bench {{model}}' --space {app.spaces[0]} --width-mult 0.5",
            "gpu.json --device torch-cuda,mode=graph,batch=8 --dtype float16",
        ),
    )
    @click.argument("path", metavar="TABLE.json", type=NamedPath())
    @option_group("Device", "Where to measure, and what else.", device_options(), DTYPE, METRIC, CACHE_DIR)
    @option_group(
        "Table",
        "What it covers.",
        click.option(
            "--space",
            default=app.spaces[0],
            show_default=True,
            callback=look_for_space,
            shell_complete=begun_with(app.spaces),
            help=f"{', '.join(app.spaces)}, or a file that ends in .json or .toml.",
        ),
        click.option(
            "--fit", type=whole(0, 10_000), default=6, show_default=True, help="Whole nets to calibrate the table with."
        ),
        click.option(
            "--held-out",
            type=whole(0, 10_000),
            default=20,
            show_default=True,
            help="Whole nets to validate its predictions on.",
        ),
        click.option(
            "--merge",
            multiple=True,
            type=TABLE,
            show_default="none",
            help="A table of the same device whose entries are reused.",
        ),
    )
    @size_options(app)
    def table(
        path: Path,
        device: str,
        threads: int,
        dtype: Dtype,
        space: str,
        classes: int | None,
        resolution: int | None,
        blocks_per_stage: int | None,
        width_mult: float | None,
        ops: Path | None,
        metrics: tuple[str, ...],
        fit: int,
        held_out: int,
        merge: tuple[Path, ...],
        cache_dir: Path | None,
    ) -> None:
        """Measure a space's latency table on a device, and its errors.

        Resumes TABLE.json if it exists.
        """
        from pnas_apps.cli.table_command import make_table
        from pnas_apps.devices.columns import command_metrics
        from pnas_apps.devices.device_names import parse_device
        from pnas_apps.ground.cache import find_cache
        from pnas_apps.ground.progress import reporter_on_stdout

        size = SpaceSize(
            classes=classes, resolution=resolution, blocks_per_stage=blocks_per_stage, width_mult=width_mult
        )
        commands = read_metrics(metrics)
        log, cache = path.parent / f"{path.stem}.log", find_cache(cache_dir)
        with known_operations(ops, cache_dir), reporter_on_stdout() as reporter:
            found = asked_space(app, space, size)
            one = parse_device(device, threads=threads, dtype=dtype, cache=cache, log=log)
            filled = command_metrics(commands, threads=threads, dtype=dtype, cache=cache, log=log)
            make_table(one, found, path, merge=merge, metrics=filled, fit=fit, held_out=held_out, reporter=reporter)

    return table


def _bench() -> click.Command:
    @verb(
        epilog=DEVICES,
        examples=("runs/cifar10/bundle", "model.tflite other.tflite --device adb", "model.onnx --device onnxruntime"),
    )
    @click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=PathThere(way_out="name exported files"))
    @option_group(
        "Device",
        "Where to measure.",
        device_options(default=None, shown="for each file, an installed runtime that runs it"),
        CACHE_DIR,
    )
    def bench(paths: tuple[Path, ...], device: str | None, threads: int, cache_dir: Path | None) -> None:
        """Time exported files, or a folder of them, in turns on a device."""
        from pnas_apps.cli.file_commands import bench_files
        from pnas_apps.ground.cache import find_cache
        from pnas_apps.ground.progress import reporter_on_stdout

        with reporter_on_stdout() as reporter:
            bench_files(paths, device, threads=threads, cache=find_cache(cache_dir), reporter=reporter)

    return bench


def _predict(*, reads_photos: bool) -> click.Command:
    @verb(
        examples=(
            "runs/cifar10 photo.jpg other.png",
            "bundle bundle/sample.png --as-is --file model-int8.tflite",
            "runs/cifar10 photo.jpg --save-input seen.png --json",
        )
    )
    @click.argument("where", metavar="RUN", type=RunOrBundleThere())
    @click.argument("photos", metavar="PHOTO...", nargs=-1, required=True, type=NamedPath())
    @option_group(
        "File",
        "Which of the exported files to run, and how.",
        click.option("--net", "name", show_default="the one it found", help="Name of one of the run's nets."),
        click.option("--file", show_default="the one for the run's device", help="Name of a file in the bundle."),
        RUNTIME,
    )
    @option_group(
        "Photos",
        "How they are read, and how the result is shown.",
        click.option("--as-is", is_flag=True, help="Take the images as the net's input unchanged, as for sample.png."),
        click.option(
            "--save-input",
            type=NamedPath(),
            show_default="none",
            help="Save the net's input as this PNG file.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print JSON, with all logits."),
    )
    def predict(
        where: Path,
        photos: tuple[Path, ...],
        name: str | None,
        file: str | None,
        runtime: str | None,
        as_is: bool,
        save_input: Path | None,
        as_json: bool,
    ) -> None:
        """Classify photos with an exported file. Prints the most probable classes.

        RUN is the folder of a run or a bundle, of which nothing else is needed: not the images that it was made with.
        """
        from pnas_apps.cli.predict_command import Asked, predict_photos
        from pnas_apps.ground.progress import reporter_on_stdout

        asked = Asked(
            where=where,
            name=name,
            file=file,
            runtime=runtime,
            photos=photos,
            of_photos=reads_photos,
            as_is=as_is,
            save_input=save_input,
            as_json=as_json,
        )
        with reporter_on_stdout() as reporter:
            predict_photos(asked, reporter)

    return predict


def _released() -> click.Command:
    @verb(
        epilog=DEVICES,
        examples=("proxyless_cpu", "proxyless_mobile --device adb --out phone", "net.config --table phone.json"),
    )
    @click.argument("net", metavar="NET", shell_complete=begun_with(_RELEASED))
    @option_group("Device", "Where to measure its cost.", device_options(), CACHE_DIR)
    @option_group(
        "Files",
        "What to read, and where to write.",
        click.option(
            "--weights",
            type=NamedPath(),
            show_default="none",
            help="The authors' checkpoint of the net, to export.",
        ),
        click.option("--table", type=TABLE, show_default="one is measured", help="A latency table to use."),
        click.option("--out", type=NamedPath(), show_default="NET", help="Output folder."),
    )
    def released(
        net: str,
        weights: Path | None,
        table: Path | None,
        device: str,
        threads: int,
        out: Path | None,
        cache_dir: Path | None,
    ) -> None:
        """Draw, measure and export a net that ProxylessNAS released.

        NET is proxyless_mobile, proxyless_cpu, proxyless_gpu, proxyless_mobile_14 or proxyless_cifar, or the path of a
        net.config that the original wrote.
        """
        from pnas_apps.cli.released_nets import show_released
        from pnas_apps.ground.cache import find_cache
        from pnas_apps.ground.progress import reporter_on_stdout

        with reporter_on_stdout() as reporter:
            show_released(
                net,
                out or Path(Path(net).stem),
                weights=weights,
                table=table,
                device=device,
                threads=threads,
                cache=find_cache(cache_dir),
                reporter=reporter,
            )

    return released
