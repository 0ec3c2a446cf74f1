"""Training photos a second beside torchvision's `ImageFolder` in a `DataLoader`: same changes, same workers, in turns.

Run with `uv run python tests/benchmarks/load_photos.py PHOTOS` on an idle machine; PHOTOS is a folder with one
sub-folder a class, or a zip file with such folders in it. Both loaders end with what the nets here are trained on:
normalized float32 in channels_last order, on `--device`: a GPU finishes ours, and
workers torchvision's. Then one process goes through the photos once more, and tells what the parts of a view take.
"""

import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Literal

import click
import torch
from rich.console import Console
from torch.utils.data import DataLoader, Subset
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from pnas_apps.ground.progress import Reporter
from pnas_apps.ground.randomness import seeded_generator
from pnas_apps.images.image_file import open_image
from pnas_apps.images.loading import Loading, UnreadablePhotos
from pnas_apps.photos.batches import PhotoBatches
from pnas_apps.photos.photo_set import PhotoSet, find_photos
from pnas_apps.photos.views import COLOR_JITTER, PhotoAugmentation, TrainingView, photo_preprocessing


@click.command()
@click.argument("photos", type=click.Path(exists=True, path_type=Path))
@click.option("--workers", default=2, help="Processes of either loader.")
@click.option("--batch-size", default=64)
@click.option("--resolution", default=224)
@click.option("--images", default=2000, help="Of a pass; the photos come again and again.")
@click.option("--turns", default=5, help="Passes of either loader.")
@click.option("--device", default="cpu", help="Where the batches go: cpu or cuda.")
@click.option(
    "--colours", type=click.Choice(["none", "normal", "strong"]), default="none", help="How much they change."
)
def main(
    photos: Path,
    workers: int,
    batch_size: int,
    resolution: int,
    images: int,
    turns: int,
    device: str,
    colours: Literal["none", "normal", "strong"],
) -> None:
    """Prints images a second of both loaders, and what limits ours."""
    with tempfile.TemporaryDirectory() as folder:
        if photos.suffix == ".zip":
            zipfile.ZipFile(photos).extractall(folder)
            photos = next(path for path in sorted(Path(folder).rglob("*")) if len(list(path.glob("*/*.jpg"))) > 1)
        found = find_photos(photos, reporter=Reporter(Console(quiet=True)))
        order = torch.arange(images) % len(found)
        view = TrainingView(resolution, PhotoAugmentation(color_jitter=colours))
        preprocessing = photo_preprocessing(resolution)
        loading = Loading(unreadable=UnreadablePhotos(len(found), tell=print), workers=workers)
        ours = PhotoBatches(
            found.subset(order),
            view,
            preprocessing,
            batch_size=batch_size,
            generator=seeded_generator(0, "benchmark"),
            loading=loading,
            device=device,
        )
        plain = v2.Compose(
            [
                v2.RandomResizedCrop(resolution),
                v2.RandomHorizontalFlip(),
                v2.PILToTensor(),
                v2.ColorJitter(**COLOR_JITTER[colours]),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(preprocessing.mean, preprocessing.std),
            ]
        )
        theirs = DataLoader(
            Subset(ImageFolder(photos, plain), order.tolist()),
            batch_size=batch_size,
            shuffle=True,
            drop_last=True,
            num_workers=workers,
            pin_memory=device == "cuda",
        )
        rates: dict[str, list[float]] = {"PhotoBatches": [], "ImageFolder": []}
        for _ in range(turns):
            for name, loader in (("PhotoBatches", ours), ("ImageFolder", theirs)):
                rates[name].append(_images_a_second(loader, torch.device(device)))
        console = Console()
        for name, values in rates.items():
            console.print(f"{name}: {median(values):.0f} images a second ({min(values):.0f} to {max(values):.0f})")
        ratios = [one / other for one, other in zip(*rates.values(), strict=True)]
        console.print(f"ratio {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), {workers} workers")
        for what, milliseconds in _shares_ms(found, view).items():
            console.print(f"  {what}: {milliseconds:.2f} ms an image")
        finishing_ms = _finishing_ms(found.path(0), view, batch_size, torch.device(device))
        console.print(f"  colours and normalization of whole batches on {device}: {finishing_ms:.3f} ms an image")


def _images_a_second(batches: Iterable[tuple[torch.Tensor, torch.Tensor]], device: torch.device) -> float:
    start = time.perf_counter()
    count = 0
    for images, labels in batches:
        images.to(device, memory_format=torch.channels_last, non_blocking=True)
        count += len(labels)
    _wait(device)
    return count / (time.perf_counter() - start)


def _shares_ms(photos: PhotoSet, view: TrainingView) -> dict[str, float]:
    def cut(path: Path) -> None:
        with open_image(path) as photo:
            view.cut(photo, 0)

    def decode(path: Path) -> None:
        with open_image(path) as photo:
            photo.decode()

    def mean_ms(work: Callable[[Path], object]) -> float:
        start = time.perf_counter()
        for index in range(len(photos)):
            work(photos.path(index))
        return (time.perf_counter() - start) / len(photos) * 1e3

    reading, decoding, viewing = mean_ms(Path.read_bytes), mean_ms(decode), mean_ms(cut)
    return {"reading": reading, "decoding": decoding - reading, "cut-out, resize": viewing - decoding}


def _finishing_ms(photo: Path, view: TrainingView, batch_size: int, device: torch.device) -> float:
    with open_image(photo) as opened:
        cut = view.cut(opened, 0)
    pixels, drawn = cut.pixels.to(device).repeat(batch_size, 1, 1, 1), cut.drawn.repeat(batch_size, 1)
    preprocessing = photo_preprocessing(view.resolution)
    for repeats in (1, 10):  # the first is to warm up
        start = time.perf_counter()
        for _ in range(repeats):
            preprocessing(view.finish(pixels, drawn))
        _wait(device)
    return (time.perf_counter() - start) / repeats / batch_size * 1e3


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
