"""The commands that are about devices, files and tables, not about a run."""

from pathlib import Path

import click

from pnas_apps.cli.app import App
from pnas_apps.cli.options import DEVICES, DTYPE, POSITIVE, device_options
from pnas_apps.run.device_settings import Dtype


def device_verbs(app: App) -> tuple[click.Command, ...]:
    """All of them, for one program."""
    return _doctor(), _table(app), _bench(), _released()


def _doctor() -> click.Command:
    @click.command()
    def doctor() -> None:
        """Say which devices can be measured on here, and what the others lack."""
        from pnas_apps.devices.device_names import device_report
        from pnas_apps.ground.progress import reporter_on_stdout
        from pnas_apps.showing.device_tables import device_table

        with reporter_on_stdout() as reporter:
            reporter.console.print(device_table(device_report()))

    return doctor


def _table(app: App) -> click.Command:
    @click.command(epilog=DEVICES)
    @click.argument("path", metavar="TABLE.json", type=click.Path(path_type=Path))
    @device_options()
    @DTYPE
    @click.option("--space", type=click.Choice(app.spaces), default=app.spaces[0], show_default=True)
    @click.option("--classes", type=click.IntRange(2), default=app.classes, show_default=True, help="Of the images.")
    @click.option("--resolution", type=click.IntRange(1), help="Of the images, in pixels; the space's own by default.")
    @click.option("--blocks-per-stage", type=click.IntRange(1), help="Of the space; its own by default.")
    @click.option("--width-mult", type=POSITIVE, default=1.0, show_default=True)
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
        dtype: Dtype,
        space: str,
        classes: int,
        resolution: int | None,
        blocks_per_stage: int | None,
        width_mult: float,
        fit: int,
        held_out: int,
        merge: tuple[Path, ...],
        cache_dir: Path | None,
    ) -> None:
        """Measure the latency table of a space on a device, and say how far its predictions are off.

        Goes on with TABLE.json where it is there.
        """
        from pnas_apps.cli.table_command import make_table
        from pnas_apps.devices.device_names import parse_device
        from pnas_apps.ground.cache import find_cache
        from pnas_apps.ground.progress import reporter_on_stdout
        from pnas_apps.run.named_spaces import named_space

        found = named_space(
            app.named_spaces(),
            space,
            classes=classes,
            resolution=resolution,
            blocks_per_stage=blocks_per_stage,
            width_mult=width_mult,
        )
        log = path.parent / f"{path.stem}.log"
        one = parse_device(device, threads=threads, dtype=dtype, cache=find_cache(cache_dir), log=log)
        with reporter_on_stdout() as reporter:
            make_table(one, found, path, merge=merge, fit=fit, held_out=held_out, reporter=reporter)

    return table


def _bench() -> click.Command:
    @click.command(epilog=DEVICES)
    @click.argument("paths", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
    @device_options()
    def bench(paths: tuple[Path, ...], device: str, threads: int) -> None:
        """Time exported files, or all in a folder, in turns on a device."""
        from pnas_apps.cli.file_commands import bench_files
        from pnas_apps.ground.cache import find_cache
        from pnas_apps.ground.progress import reporter_on_stdout

        with reporter_on_stdout() as reporter:
            bench_files(paths, device, threads=threads, cache=find_cache(None), reporter=reporter)

    return bench


def _released() -> click.Command:
    @click.command(epilog=DEVICES)
    @click.argument("net", metavar="NET")
    @click.option("--weights", type=click.Path(path_type=Path), help="The original's checkpoint of the net, to export.")
    @click.option("--table", type=click.Path(path_type=Path), help="A latency table to use; none is measured.")
    @device_options()
    @click.option("--out", type=click.Path(path_type=Path), help="Folder of what is written; NET by default.")
    @click.option("--cache-dir", type=click.Path(path_type=Path), help="Where conversions are kept.")
    def released(
        net: str,
        weights: Path | None,
        table: Path | None,
        device: str,
        threads: int,
        out: Path | None,
        cache_dir: Path | None,
    ) -> None:
        """Draw and price a net that ProxylessNAS released, and ship its weights.

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
