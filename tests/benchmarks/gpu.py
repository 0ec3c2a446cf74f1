"""What the project does on a GPU, and how fast: a line of JSON for each check and figure.

    python tests/benchmarks/gpu.py --out FILE                  # everything, in less than nine minutes
    python tests/benchmarks/gpu.py --only steps_cifar          # a part, in less than 90 s
    python tests/benchmarks/gpu.py --old OTHER_CHECKOUT        # what another version of the packages does
    python tests/benchmarks/gpu.py --device cpu --tiny         # whether the program itself works

Needs torch, torchvision, numpy, scipy, attrs, cattrs, safetensors and click, and for the programs and pictures pyyaml,
rich, platformdirs, Pillow and matplotlib; no converter, and nothing of ours installed. Each part runs in a process of
its own, which has its own CUDA, so that what crashes or hangs there ends nothing else. Lines are flushed one by one,
and appended to FILE. What the packages do not have, such as a part's newer names in an old checkout, is a line too.
"""

import gc
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import click
import torch

TESTS = Path(__file__).resolve().parents[1]
PACKAGES = ("pnas-ops", "pnas-supernet", "pnas-latency", "pnas-export")
PARTS = {
    "gradients": 40,
    "steps_cifar": 80,
    "steps_imagenet": 80,
    "marked_tests": 70,
    "epochs": 60,
    "resume": 40,
    "table": 65,
    "determinism": 45,
    "nccl": 25,
}
"""The most important first, each with the seconds that it may take."""
GRACE_S = 10.0
"""So long a part may go on after it should have ended."""


def find_packages(checkout: Path | None, folder: Path) -> None:
    """Puts our packages on the path: of `checkout`, or those that are there already, or of this checkout.

    Where they are not installed, `folder` gets the versions that they ask for when they are imported.
    """
    if checkout is None and find_spec("pnas_ops") is None:
        checkout = TESTS.parent
    sources = [] if checkout is None else sorted(map(str, checkout.glob("*/*/src")))
    sys.path[:0] = [*sources, str(TESTS)]
    for name in PACKAGES:
        try:
            version(name)
        except PackageNotFoundError:
            metadata = folder / f"{name.replace('-', '_')}-0.dist-info" / "METADATA"
            metadata.parent.mkdir()
            metadata.write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0\n")
    sys.path.append(str(folder))
    os.environ["PYTHONPATH"] = os.pathsep.join([*sources, str(folder), os.environ.get("PYTHONPATH", "")])


@contextmanager
def asking_only_the_driver() -> Iterator[None]:
    """Inside the `with` block whoever asks whether there is a GPU leaves CUDA untouched: what has used it cannot be
    forked.
    """
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"
    try:
        yield
    finally:
        del os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"]


def import_once() -> None:
    """Imports what takes seconds, for all the processes that are forked from this one."""
    with asking_only_the_driver():
        for name in ("torchvision", "pnas_supernet", "pnas_latency"):
            import_module(name)
    gc.freeze()  # otherwise each collection goes through all that was imported


def work(name: str, device: str, tiny: bool, cases: tuple[str, ...], seconds: float, out: Path | None) -> None:
    """One part, in a process of its own."""
    from benchmarks.gpu_parts.setting import Setting, guarded

    setting = Setting(device=torch.device(device), tiny=tiny, cases=cases, until=time.monotonic() + seconds)
    for line in guarded({"part": name}, lambda: import_module(f"benchmarks.gpu_parts.{name}").run(setting)):
        tell(line, out)


def tell(line: dict[str, object], out: Path | None) -> None:
    """Prints a line at once, and appends it to the file."""
    text = json.dumps(line)
    print(text, flush=True)
    if out is not None:
        with out.open("a") as file:
            file.write(text + "\n")


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(PARTS)), help="A part; all of them by default.")
@click.option("--case", "cases", multiple=True, help="Of the steps' parts, those alone whose name has this in it.")
@click.option("--out", type=click.Path(path_type=Path), help="A file that the lines are appended to.")
@click.option("--old", type=click.Path(path_type=Path, exists=True), help="Another checkout, whose packages are taken.")
@click.option("--device", default="cuda", show_default=True)
@click.option("--tiny", is_flag=True, help="Small nets and few steps, whose times say nothing.")
@click.option("--seconds", "given_s", type=float, help="Of each part; by default 25 to 80, nine minutes in all.")
def main(
    only: tuple[str, ...],
    cases: tuple[str, ...],
    out: Path | None,
    old: Path | None,
    device: str,
    tiny: bool,
    given_s: float | None,
) -> None:
    """Runs the parts one after the other."""
    with asking_only_the_driver():
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise click.ClickException("no CUDA GPU is here: run it where one is, or try it with --device cpu --tiny")
    with tempfile.TemporaryDirectory() as folder:
        find_packages(old, Path(folder))
        import_once()
        context = multiprocessing.get_context("fork")
        for name in ("facts", *(part for part in PARTS if not only or part in only)):
            begun, seconds = time.monotonic(), given_s or PARTS.get(name, GRACE_S)
            process = context.Process(target=work, args=(name, device, tiny, cases, seconds, out))
            process.start()
            process.join(seconds + GRACE_S)
            line: dict[str, object] = {"part": name, "seconds": round(time.monotonic() - begun, 1)}
            if process.is_alive():
                process.kill()
                process.join()
                line["error"] = f"ended, since it took more than {seconds + GRACE_S:g} s"
            elif process.exitcode:
                line["error"] = f"the process ended with {process.exitcode}"
            tell(line, out)


if __name__ == "__main__":
    main()
