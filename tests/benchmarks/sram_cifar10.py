"""100 KB of SRAM on CIFAR-10: a space chosen and searched, beside MobileNetV2 of several widths trained as long.

MobileNetV2 is that which people train on CIFAR-10: without the strides of its stem and of its second stage. Images are
`CLASSES x IMAGES` of shared/data/cifar10-images.zip, so that it takes half an hour on one core: accuracies are those of
a short training, and mean something beside one another only.

    OMP_NUM_THREADS=1 python tests/benchmarks/sram_cifar10.py FOLDER
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

from pnas_apps.run.results import RunResults
from pnas_latency import MACS, peak_activation_bytes
from pnas_ops import (
    BlockSpec,
    ClassifierSpec,
    ConvSpec,
    MBConvSpec,
    SearchSpace,
    Stage,
    ZeroSpec,
    load_json,
    save_json,
)

ZIP = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "cifar10-images.zip"
IMAGES = {"train": 250, "test": 100}
SRAM_BYTES = 100 * 1024
SEARCH = ["--preset", "quick", "--search-share", "1.0", "--search-warmup-epochs", "2", "--search-epochs", "2"]
# All nets are trained anew, alike.
COMPARED = ["--train-epochs", "1", "--train-warmup-epochs", "0", "--baselines", ""]
COMPARED += ["--compare", "1", "--compare-epochs", "5", "--compare-seeds", "1"]
WIDTHS = (0.25, 0.5)


def unpack(folder: Path) -> None:
    """The first images of every class."""
    taken: Counter[tuple[str, str]] = Counter()
    with ZipFile(ZIP) as archive:
        for name in sorted(one for one in archive.namelist() if one.endswith(".jpg")):
            split, label, _ = name.split("/")
            if taken[split, label] < IMAGES[split]:
                taken[split, label] += 1
                archive.extract(name, folder)


def mobilenet_v2(width: float) -> SearchSpace:
    """A space of which it is the biggest net: the others skip some of its blocks."""

    def channels(count: int) -> int:
        return max(8, int(count * width + 4) // 8 * 8)

    stages = [(24, 2, 1), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1)]
    return SearchSpace(
        name=f"mobilenet-v2-{width:g}",
        resolution=32,
        stem=(
            BlockSpec(op=ConvSpec(kernel_size=3), in_channels=3, out_channels=channels(32)),
            BlockSpec(op=MBConvSpec(kernel_size=3, expansion=1), in_channels=channels(32), out_channels=channels(16)),
        ),
        stages=tuple(Stage(width=channels(count), depth=depth, stride=stride) for count, depth, stride in stages),
        candidates=(MBConvSpec(kernel_size=3, expansion=6), ZeroSpec()),
        head=BlockSpec(op=ClassifierSpec(hidden_channels=1280), in_channels=channels(320), out_channels=10),
    )


def program(*arguments: str | Path) -> str:
    """What `pnas-cifar10` prints, shown too."""
    command = [sys.executable, "-m", "pnas_cifar10", *map(str, arguments)]
    print("$ pnas-cifar10", *arguments[:2], flush=True)
    printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    print(printed, flush=True)
    return printed


def accuracy_of(kind: str, run: Path) -> str:
    """Of a net that was trained anew."""
    verdict = load_json(run / "results.json", RunResults).verdict
    assert verdict is not None
    (net,) = (one for one in verdict.nets if one.kind == kind)
    return f"{net.accuracies[0]:.2%}"


def main(folder: Path) -> None:
    if not (folder / "data").exists():
        unpack(folder / "data")
    given: Sequence[str | Path] = ["--data-dir", folder / "data", "--cache-dir", folder / "cache", *SEARCH]
    lines = []
    sram = peak_activation_bytes("int8")
    for width in WIDTHS:
        space, run = mobilenet_v2(width), folder / f"mobilenet-{width}"
        save_json(space, folder / f"{space.name}.json")
        reference = [
            *given,
            *COMPARED,
            "--space",
            folder / f"{space.name}.json",
            "--run-dir",
            run,
            "--device",
            "torch-cpu",
        ]
        program("run", *reference)
        net = space.architecture([0] * len(space.mixed))
        lines.append((space.name, accuracy_of("biggest", run), MACS.of(net), sram.of(net)))
    run = folder / "designed"
    program(
        "run",
        *given,
        *COMPARED,
        "--run-dir",
        run,
        "--dtype",
        "int8",
        "--design",
        "--max-activation-bytes",
        f"{SRAM_BYTES}",
    )
    results = json.loads((run / "results.json").read_text())
    (limit,) = (one for one in results["limits"] if one["name"].startswith("peak_activation"))
    net = results["nets"][0]
    lines.append(("designed and searched", accuracy_of("searched", run), net["macs"], limit["shipped"]))
    print("| net | accuracy | million MACs | int8 peak activation, bytes |\n|---|---|---|---|")
    for name, accuracy, macs, peak in lines:
        print(f"| {name} | {accuracy} | {macs / 1e6:.1f} | {peak:,.0f} |")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
