"""How far tables measured here are from whole nets: float32, int8 and ONNX Runtime, CIFAR-10's and ImageNet's space.

Run with `uv run python tests/benchmarks/validate_tables.py FOLDER` on an idle machine; tables, pictures and a log are
left in FOLDER. A table that is there already is judged, not measured again.
"""

import time
from pathlib import Path

import click

from pnas_apps.cli.table_command import make_table
from pnas_apps.devices.device_names import parse_device
from pnas_apps.ground.cache import find_cache
from pnas_apps.ground.progress import reporter_on_stdout
from pnas_apps.run.device_settings import Dtype
from pnas_ops import cifar_mbconv_space, imagenet_mbconv_space

SPACES = {"cifar": cifar_mbconv_space, "imagenet": imagenet_mbconv_space}
DEVICES: dict[str, tuple[str, Dtype]] = {
    "float32": ("tflite", "float32"),
    "int8": ("tflite", "int8"),
    "onnxruntime": ("onnxruntime", "float32"),
}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--space", "spaces", multiple=True, type=click.Choice(list(SPACES)), default=list(SPACES))
@click.option("--device", "devices", multiple=True, type=click.Choice(list(DEVICES)), default=list(DEVICES))
@click.option("--held-out", default=20, show_default=True)
def main(folder: Path, spaces: tuple[str, ...], devices: tuple[str, ...], held_out: int) -> None:
    """Measures every table and prints what it is worth."""
    folder.mkdir(parents=True, exist_ok=True)
    with reporter_on_stdout() as reporter:
        for space in spaces:
            for name in devices:
                runtime, dtype = DEVICES[name]
                device = parse_device(runtime, threads=1, dtype=dtype, cache=find_cache(None), log=folder / "log.txt")
                start = time.perf_counter()
                path = folder / f"{space}-{name}.json"
                make_table(device, SPACES[space](), path, fit=6, held_out=held_out, reporter=reporter)
                reporter.console.print(f"  {time.perf_counter() - start:.0f} s\n")


if __name__ == "__main__":
    main()
