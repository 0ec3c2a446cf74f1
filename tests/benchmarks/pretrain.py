"""Weights for one of torchvision's nets where its own cannot be downloaded: CIFAR-10, enlarged to 64 pixels.

    uv run python tests/benchmarks/pretrain.py --net mobilenet_v3_small --minutes 60 [--data ZIP] [--out FOLDER]
        [--device cuda]

Leaves FOLDER/NET.safetensors and FOLDER/NET.json, which says on what the net was trained and how good it is.
Interrupted, the same command goes on: a checkpoint is written every minute. `mobilenet_v3_large` is the backbone of
`lraspp_mobilenet_v3_large`.
"""

import tempfile
import time
import zipfile
from pathlib import Path

import click
import torch
import torchvision
from attrs import asdict, frozen
from torch import Tensor, nn
from torch.nn import functional

from pnas_apps.ground.progress import Reporter, reporter_on_stdout
from pnas_apps.ground.randomness import seeded_generator
from pnas_apps.images.augmentation import Augmentation
from pnas_apps.images.batches import ImageBatches
from pnas_apps.images.image_set import ImageSet
from pnas_apps.images.splitting import split_share
from pnas_apps.photos.views import photo_preprocessing
from pnas_apps.training.config import TrainConfig
from pnas_apps.training.judging import accuracy
from pnas_cifar10.datasets import read_images
from pnas_ops import save_json, save_weights
from pnas_supernet import delete_checkpoint, has_checkpoint, load_checkpoint, save_checkpoint

CIFAR = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "cifar10-images.zip"
NETS = ("mobilenet_v3_small", "resnet18", "mobilenet_v3_large")
RESOLUTION = 64
SECONDS_BETWEEN_CHECKPOINTS = 60.0

# The length of the training is 1, be it in minutes or in passes.
SCHEDULE = TrainConfig(epochs=1, warmup_epochs=0, lr=0.1, momentum=0.9, weight_decay=5e-4, label_smoothing=0.1)
WARM_UP = 0.05
BATCH_SIZE = 128
AUGMENTATION = Augmentation(crop_padding=4, horizontal_flip=True, cutout=0)


@frozen(kw_only=True)
class Pretrained:
    """What stands beside the weights.

    Attributes:
        net: by torchvision's name, with as many classes as there are `classes`.
        resolution: of the images, in pixels, enlarged from CIFAR-10's 32; normalized as ImageNet's.
        accuracy: share of CIFAR-10's test images that it puts into their class.
        epochs: passes over `images` training images.
        minutes: that these took.
    """

    net: str
    resolution: int
    accuracy: float
    epochs: float
    images: int
    minutes: float
    classes: tuple[str, ...]


@frozen
class Spent:
    """How far a training is."""

    seconds: float = 0.0
    steps: int = 0


@click.command(help=(__doc__ or "").partition("\n")[0])
@click.option("--net", "name", type=click.Choice(NETS), required=True)
@click.option("--minutes", type=click.FloatRange(0, 60, min_open=True), default=60.0, show_default=True)
@click.option("--share", type=click.FloatRange(0, 1, min_open=True), default=1.0, help="Of the training images.")
@click.option("--data", type=click.Path(exists=True, path_type=Path), default=CIFAR, help="train/CLASS/*, test/CLASS/*")
@click.option("--device", type=torch.device, default="cpu", show_default=True, help="Such as cuda.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("pretrained"), show_default=True)
def main(name: str, minutes: float, share: float, data: Path, device: torch.device, out: Path) -> None:
    """Reads the images, trains as long as it may, judges and saves."""
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    with reporter_on_stdout() as reporter:
        train, test = read_archive(data, reporter)
        if share < 1:
            _, train = split_share(train, share, seeded_generator(0, "share"))
        net = torchvision.models.get_model(name, weights=None, num_classes=len(train.classes))
        net = net.to(device, memory_format=torch.channels_last)
        checkpoint = out / f"{name}.pt"
        with torch.backends.cudnn.flags(enabled=True, benchmark=True):
            spent = run_training(net, train, seconds=60 * minutes, checkpoint=checkpoint, reporter=reporter)
        net.eval()
        preprocessing = photo_preprocessing(train.images.shape[-1])
        judged = ImageBatches(test, preprocessing, batch_size=256, device=device)
        found = accuracy(lambda images: net(enlarged(images)), judged)
        about = Pretrained(
            net=name,
            resolution=RESOLUTION,
            accuracy=found,
            epochs=round(spent.steps * BATCH_SIZE / len(train), 2),
            images=len(train),
            minutes=round(spent.seconds / 60, 1),
            classes=train.classes,
        )
        save_weights(net.cpu(), out / f"{name}.safetensors")
        save_json(about, out / f"{name}.json")
        delete_checkpoint(checkpoint)
        reporter.line(f"{name}: {found:.2%} of {len(test)} test images after {about.epochs} epochs; it is in {out}")


def read_archive(data: Path, reporter: Reporter) -> tuple[ImageSet, ImageSet]:
    """The training and the test images of CIFAR-10's archive, or of a folder like it, at their own 32 pixels."""
    if data.is_dir():
        return read_images(data, resolution=32, download=False, reporter=reporter)
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(data).extractall(folder)
        return read_images(Path(folder), resolution=32, download=False, reporter=reporter)


def enlarged(images: Tensor) -> Tensor:
    """What the net sees of them: they are kept, shifted and mirrored as they are, a quarter of the pixels."""
    return functional.interpolate(images, size=RESOLUTION, mode="bilinear", antialias=True)


def run_training(net: nn.Module, train: ImageSet, *, seconds: float, checkpoint: Path, reporter: Reporter) -> Spent:
    """Trains for so many seconds in all, whatever the machine gets done in them, and goes on from the checkpoint."""
    optimizer = torch.optim.SGD(
        net.parameters(), lr=SCHEDULE.lr, momentum=SCHEDULE.momentum, weight_decay=SCHEDULE.weight_decay, nesterov=True
    )
    spent, losses = Spent(), [0.0]
    if has_checkpoint(checkpoint):
        state = load_checkpoint(checkpoint, kind="pretraining")
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        spent = Spent(**state["spent"])

    def save() -> None:
        state = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "spent": asdict(spent)}
        save_checkpoint(state, checkpoint, kind="pretraining")

    device = next(net.parameters()).device
    bfloat16 = torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
    saved, began = spent, time.monotonic() - spent.seconds
    net.train()
    with reporter.bar("pretraining", round(seconds)) as advance:
        advance(round(spent.seconds))
        while spent.seconds < seconds:
            batches = ImageBatches(
                train,
                photo_preprocessing(train.images.shape[-1]),
                batch_size=BATCH_SIZE,
                generator=seeded_generator(0, "pretraining", spent.steps),
                augmentation=AUGMENTATION,
                device=device,
            )
            for images, labels in batches:
                share = spent.seconds / seconds
                optimizer.param_groups[0]["lr"] = SCHEDULE.lr_at(share) * min(1.0, share / WARM_UP)
                with bfloat16:
                    outputs = net(enlarged(images)).float()
                loss = functional.cross_entropy(outputs, labels, label_smoothing=SCHEDULE.label_smoothing)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
                before, spent = spent, Spent(time.monotonic() - began, spent.steps + 1)
                advance(round(spent.seconds) - round(before.seconds))
                if spent.seconds - saved.seconds > SECONDS_BETWEEN_CHECKPOINTS:
                    saved = spent
                    save()
                if spent.seconds >= seconds:
                    break
            recent = sum(losses[-len(batches) :]) / len(losses[-len(batches) :])
            advance(0, text=f"{spent.steps * BATCH_SIZE / len(train):.1f} epochs, loss {recent:.3f}")
    return spent


if __name__ == "__main__":
    main()
