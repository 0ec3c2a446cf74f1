"""What int8 takes from a net that suffers by it, and what gives it back: layers in float32, and a short fine-tuning.

Run with `uv run python tests/benchmarks/rescue_int8.py CIFAR10.zip`; the file holds train/CLASS/*.jpg and
test/CLASS/*.jpg. Minutes on two cores.

The net is a small one of inverted bottlenecks with ReLU, trained on CIFAR-10 at 16 pixels. Trainings leave channels of
very different sizes in one tensor (arXiv 1906.04721), in some nets more than in others; so that this does not depend on
luck, the channels inside each bottleneck are then scaled by powers of two, and the next weights back: in float32 not a
bit of the outputs changes, but small channels get few of the 256 steps.
"""

import tempfile
import zipfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from pnas_apps.steps.int8_training import int8_config
from pnas_apps.training.config import TrainConfig
from pnas_apps.training.judging import accuracy
from pnas_apps.training.training import Training
from pnas_export import (
    AiEdgeLitert,
    FakeQuantized,
    choose_float_layers,
    export_tflite,
    layer_errors,
    quantize_tflite,
    single_layer_errors,
)
from pnas_ops import Architecture, BlockSpec, ClassifierSpec, ConvSpec, MBConvSpec, build_network

SIDE = 16
ARCHITECTURE = Architecture(
    name="bottlenecks",
    resolution=SIDE,
    blocks=(
        BlockSpec(op=ConvSpec(kernel_size=3, activation="relu"), in_channels=3, out_channels=16),
        *(
            BlockSpec(
                op=MBConvSpec(kernel_size=3, expansion=3, activation="relu"),
                in_channels=inputs,
                out_channels=outputs,
                stride=stride,
                residual=inputs == outputs,
            )
            for inputs, outputs, stride in ((16, 16, 1), (16, 24, 2), (24, 24, 1), (24, 32, 2), (32, 32, 1))
        ),
        BlockSpec(op=ClassifierSpec(hidden_channels=64), in_channels=32, out_channels=10),
    ),
)
TRAIN = TrainConfig(epochs=8, warmup_epochs=1, lr=0.1, momentum=0.9, weight_decay=1e-4, label_smoothing=0.0)


class Batches:
    """Normalized images in batches, shuffled and mirrored anew in each pass if there is a generator."""

    def __init__(self, images: Tensor, labels: Tensor, generator: torch.Generator | None = None) -> None:
        self.images, self.labels, self.generator = images, labels, generator

    def __len__(self) -> int:
        return len(self.images) // 64 if self.generator else -(-len(self.images) // 64)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        generator = self.generator
        count = len(self.images)
        order = torch.arange(count) if generator is None else torch.randperm(count, generator=generator)
        for chosen in order.split(64)[: len(self)]:
            images = self.images[chosen]
            if generator is not None:
                mirrored = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
                images = torch.where(mirrored, images.flip(3), images)
            yield images, self.labels[chosen]


def read(archive: Path, split: str, count: int) -> tuple[Tensor, Tensor]:
    """The first images of every class, `count` in all."""
    with zipfile.ZipFile(archive) as entries:
        names = sorted(name for name in entries.namelist() if name.startswith(f"{split}/") and name.endswith(".jpg"))
        classes = sorted({name.split("/")[1] for name in names})
        chosen = [[name for name in names if name.split("/")[1] == one][: count // len(classes)] for one in classes]
        pixels = []
        for name in chain.from_iterable(chosen):
            with entries.open(name) as file:
                pixels.append(np.asarray(Image.open(file).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)))
    images = (torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255 - 0.45) / 0.25
    return images, torch.repeat_interleave(torch.arange(len(classes)), torch.tensor([*map(len, chosen)]))


def train(training: Training, batches: Batches) -> None:
    """Trains a net, in place."""
    while training.epochs_left:
        record = training.run_epoch(batches, on_step=lambda: None)
        print(f"  epoch {record.epoch + 1}: loss {record.loss:.3f}, {record.accuracy:.1%} of the training images")


def scale_channels(net: nn.Module, largest: int) -> None:
    """Divides the channels inside each bottleneck by 1 to 2 ** largest, and multiplies the next weights by as much."""
    generator = torch.Generator().manual_seed(0)
    for block in [*net.children()][1:-1]:
        parts: Any = block.op
        expand, depthwise, _ = parts
        factors = 2.0 ** -torch.randint(0, largest + 1, (depthwise[0].in_channels,), generator=generator)
        with torch.no_grad():
            for values in (expand[1].weight, expand[1].bias):
                values.mul_(factors)
            depthwise[0].weight.div_(factors[:, None, None, None])


@click.command()
@click.argument("archive", type=click.Path(exists=True, path_type=Path))
@click.option("--train-images", default=5000, show_default=True)
@click.option("--test-images", default=2000, show_default=True)
@click.option("--largest", default=6, show_default=True, help="Power of two that channels are scaled by at most.")
@click.option("--epochs", default=5, show_default=True, help="Of the fine-tuning.")
def main(archive: Path, train_images: int, test_images: int, largest: int, epochs: int) -> None:
    """Prints the accuracy and the size of each file."""
    images, labels = read(archive, "train", train_images)
    test = Batches(*read(archive, "test", test_images))
    calibration = images[torch.linspace(0, len(images) - 1, 512).long()]
    net = build_network(ARCHITECTURE, generator=torch.Generator().manual_seed(0))
    print("training")
    train(Training(net, TRAIN), Batches(images, labels, torch.Generator().manual_seed(1)))
    net.eval()
    with torch.no_grad():
        before = net(calibration)
        scale_channels(net, largest)
        print(f"scaling the channels changes outputs by {float((net(calibration) - before).abs().max()):.0e}")

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def show(what: str, path: Path) -> None:
            found = accuracy(AiEdgeLitert().load(path), test)
            print(f"{what:<40} {found:7.2%}  {path.stat().st_size / 1e3:6.1f} kB", flush=True)

        def convert(network: nn.Module, path: Path) -> Path:
            export_tflite(network, (1, 3, SIDE, SIDE), path)
            return path

        exact, file = convert(net, folder / "net.tflite"), folder / "int8.tflite"
        show(f"float32, {len(test.images)} test images", exact)
        quantize_tflite(exact, file, "int8", calibration=calibration)
        show("int8", file)
        worst = layer_errors(exact, file, calibration[:16])[:3]
        print("  furthest off:", ", ".join(f"{one.layer} ({one.relative_error:.0%})" for one in worst))
        alone = single_layer_errors(exact, calibration)
        print("  own errors:", ", ".join(f"{one.layer} ({one.relative_error:.1%})" for one in alone))
        kept = choose_float_layers(exact, "tflite-int8", calibration=calibration, test=test)
        quantize_tflite(exact, file, "int8", calibration=calibration, keep_float=kept)
        show(f"int8 with {len(kept)} of {len(alone)} layers in float32", file)
        print("  in float32:", ", ".join(kept))

        print("fine-tuning with fake quantization")
        fake = FakeQuantized(net, calibration)
        training = Training(fake, int8_config(TRAIN, epochs), optimizer=torch.optim.Adam(fake.parameters()))
        train(training, Batches(images, labels, torch.Generator().manual_seed(2)))
        tuned = convert(fake.trained, folder / "tuned.tflite")
        show(f"float32 after {epochs} epochs of fine-tuning", tuned)
        quantize_tflite(tuned, file, "int8", calibration=calibration)
        show(f"int8 after {epochs} epochs of fine-tuning", file)
        kept = choose_float_layers(tuned, "tflite-int8", calibration=calibration, test=test, original=exact)
        quantize_tflite(tuned, file, "int8", calibration=calibration, keep_float=kept)
        show(f"the same with {len(kept)} layers in float32", file)


if __name__ == "__main__":
    main()
