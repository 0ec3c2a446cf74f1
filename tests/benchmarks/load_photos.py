"""Training photos a second beside torchvision's `ImageFolder` in a `DataLoader`: same changes, same workers, in turns.

Run with `uv run python tests/benchmarks/load_photos.py PHOTOS` on an idle machine; PHOTOS is a folder with one
sub-folder a class, or a zip file with such folders in it. Both loaders end with what the nets here are trained on:
normalized float32 in channels_last order. Then one process goes through the photos once more, and tells what the parts
of a view take.
"""

import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median

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
from pnas_apps.photos.views import PhotoAugmentation, TrainingView, photo_preprocessing


@click.command()
@click.argument("photos", type=click.Path(exists=True, path_type=Path))
@click.option("--workers", default=2, help="Processes of either loader.")
@click.option("--batch-size", default=64)
@click.option("--resolution", default=224)
@click.option("--images", default=2000, help="Of a pass; the photos come again and again.")
@click.option("--turns", default=5, help="Passes of either loader.")
def main(photos: Path, workers: int, batch_size: int, resolution: int, images: int, turns: int) -> None:
    """Prints images a second of both loaders, and what limits ours."""
    with tempfile.TemporaryDirectory() as folder:
        if photos.suffix == ".zip":
            zipfile.ZipFile(photos).extractall(folder)
            photos = next(path for path in sorted(Path(folder).rglob("*")) if len(list(path.glob("*/*.jpg"))) > 1)
        found = find_photos(photos, reporter=Reporter(Console(quiet=True)))
        order = torch.arange(images) % len(found)
        view, preprocessing = TrainingView(resolution, PhotoAugmentation()), photo_preprocessing(resolution)
        loading = Loading(unreadable=UnreadablePhotos(len(found), tell=print), workers=workers)
        ours = PhotoBatches(
            found.subset(order),
            view,
            preprocessing,
            batch_size=batch_size,
            generator=seeded_generator(0, "benchmark"),
            loading=loading,
        )
        plain = v2.Compose(
            [
                v2.RandomResizedCrop(resolution),
                v2.RandomHorizontalFlip(),
                v2.PILToTensor(),
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
        )
        rates: dict[str, list[float]] = {"PhotoBatches": [], "ImageFolder": []}
        for _ in range(turns):
            for name, loader in (("PhotoBatches", ours), ("ImageFolder", theirs)):
                rates[name].append(_images_a_second(loader))
        console = Console()
        for name, values in rates.items():
            console.print(f"{name}: {median(values):.0f} images a second ({min(values):.0f} to {max(values):.0f})")
        ratios = [one / other for one, other in zip(*rates.values(), strict=True)]
        console.print(f"ratio {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}), {workers} workers")
        for what, milliseconds in _shares_ms(found, view).items():
            console.print(f"  {what}: {milliseconds:.2f} ms an image")


def _images_a_second(batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> float:
    start = time.perf_counter()
    count = 0
    for images, labels in batches:
        images.contiguous(memory_format=torch.channels_last)
        count += len(labels)
    return count / (time.perf_counter() - start)


def _shares_ms(photos: PhotoSet, view: TrainingView) -> dict[str, float]:
    def whole(path: Path) -> None:
        with open_image(path) as photo:
            view(photo, 0)

    def decode(path: Path) -> None:
        with open_image(path) as photo:
            photo.decode()

    def mean_ms(work: Callable[[Path], object]) -> float:
        start = time.perf_counter()
        for index in range(len(photos)):
            work(photos.path(index))
        return (time.perf_counter() - start) / len(photos) * 1e3

    reading, decoding, viewing = mean_ms(Path.read_bytes), mean_ms(decode), mean_ms(whole)
    return {"reading": reading, "decoding": decoding - reading, "cut-out, resize, changes": viewing - decoding}


if __name__ == "__main__":
    main()
