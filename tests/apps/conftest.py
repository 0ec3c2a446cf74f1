"""What the tests of the programs share."""

import io
from pathlib import Path

import pytest
import torch
from PIL import Image
from rich.console import Console

from pnas_apps.ground.progress import Reporter
from pnas_apps.images.image_set import ImageSet


@pytest.fixture
def reporter() -> Reporter:
    """Progress that nobody sees."""
    return Reporter(Console(file=io.StringIO()))


@pytest.fixture
def image_set() -> ImageSet:
    """60 random grey images of 3 classes, of which the class is the mean brightness."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 3
    noise = torch.randint(40, (60, 1, 8, 8), generator=generator)
    images = (noise + 90 * labels.view(-1, 1, 1, 1)).to(torch.uint8)
    return ImageSet(images=images, labels=labels, classes=("dark", "middle", "bright"))


@pytest.fixture
def image_folder(tmp_path: Path) -> Path:
    """`train` and `test`, each with two classes of four 10 x 12 pictures."""
    folder = tmp_path / "data"
    for split in ("train", "test"):
        for name, color in (("blue", (0, 0, 250)), ("red", (250, 0, 0))):
            (folder / split / name).mkdir(parents=True)
            for index in range(4):
                Image.new("RGB", (10, 12), color).save(folder / split / name / f"{index}.png")
    return folder
