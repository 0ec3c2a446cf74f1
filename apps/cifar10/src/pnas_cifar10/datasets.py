"""The images that the program knows how to read."""

from pathlib import Path
from typing import Any

import torch
from torchvision.datasets import CIFAR10
from torchvision.transforms.v2 import functional

from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.folders import read_image_folder
from pnas_apps.images.image_set import ImageSet
from pnas_apps.images.unreadable import check_every_class, judge_unreadable

DIGITS_TEST_SHARE = 0.6
DIGITS_NOISE = 48
"""Standard deviation of the noise on every pixel, of 255: without it any net reads 98 of 100 digits."""
DIGITS_SEED = 0
CIFAR10_SIZES = 50_000, 10_000


def read_digits(resolution: int) -> tuple[ImageSet, ImageSet]:
    """scikit-learn's 1,797 handwritten digits, grey, enlarged from 8 x 8, with noise: training and test images.

    They are made harder, so that nets differ: most of them are kept for the test, which tells smaller differences then.
    Noise and split are always the same, whatever the seed of a run, and the same share of every digit is on both sides.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits: Any = load_digits()
    train, test = train_test_split(
        torch.arange(len(digits.target)).numpy(),
        test_size=DIGITS_TEST_SHARE,
        stratify=digits.target,
        random_state=DIGITS_SEED,
    )
    pixels = torch.from_numpy(digits.images).float().unsqueeze(1).mul(255 / 16)
    clean = functional.resize(pixels, [resolution, resolution], antialias=True)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(DIGITS_SEED))
    images = ImageSet(
        images=(clean + DIGITS_NOISE * noise).clamp(0, 255).round().to(torch.uint8),
        labels=torch.from_numpy(digits.target).long(),
        classes=tuple(map(str, digits.target_names)),
    )
    return images.subset(torch.from_numpy(train)), images.subset(torch.from_numpy(test))


def read_images(
    folder: Path, *, resolution: int, download: bool, max_corrupt_share: float = 0.0, reporter: Reporter
) -> tuple[ImageSet, ImageSet]:
    """Training and test images of a folder.

    Args:
        folder: either CIFAR-10 as torchvision keeps it, or `train/CLASS/*` and `test/CLASS/*` with any images.
        resolution: side in pixels that the images are brought to.
        download: whether torchvision may download CIFAR-10 into the folder; it checks the archive's checksum.
        max_corrupt_share: of the images in files, how many may be unreadable: they are left out.
        reporter: shows progress, and is told what is left out.

    Raises:
        UserError: for a folder of neither layout, and for what is wrong inside it.
    """
    if (folder / "train").is_dir():
        train, bad = read_image_folder(folder / "train", resolution=resolution, reporter=reporter)
        test, bad_too = read_image_folder(
            folder / "test", resolution=resolution, reporter=reporter, classes=train.classes
        )
        unreadable = [*bad, *bad_too]
        judge_unreadable(
            unreadable, len(train) + len(test) + len(unreadable), max_share=max_corrupt_share, tell=reporter.line
        )
        for images in (train, test):
            check_every_class(images.labels, images.classes)
        return train, test
    if download or holds_cifar(folder):
        return _read_torchvision(folder, "train", resolution, download), _read_torchvision(
            folder, "test", resolution, download
        )
    if folder.is_file():
        raise UserError(f"{folder} is a file, not a folder of images: unpack it, and name the folder with --data-dir")
    state = "holds neither" if folder.is_dir() else "is not a folder with"
    raise UserError(
        f"{folder} {state} train/CLASS/* and test/CLASS/* nor {CIFAR10.base_folder} (torchvision's CIFAR-10): "
        "name another --data-dir, or download CIFAR-10 there with --download"
    )


def holds_cifar(folder: Path) -> bool:
    """Whether torchvision's CIFAR-10 is in a folder, perhaps damaged."""
    return (folder / str(CIFAR10.base_folder)).is_dir()


def noise_like_cifar(resolution: int) -> tuple[ImageSet, ImageSet]:
    """Noise with the size of CIFAR-10: as many training and test images, of as many classes."""
    generator = torch.Generator().manual_seed(0)

    def noise(count: int) -> ImageSet:
        images = torch.randint(256, (count, 3, resolution, resolution), dtype=torch.uint8, generator=generator)
        return ImageSet(images=images, labels=torch.arange(count) % 10, classes=tuple(map(str, range(10))))

    train, test = CIFAR10_SIZES
    return noise(train), noise(test)


def _read_torchvision(folder: Path, split: str, resolution: int, download: bool) -> ImageSet:
    try:
        data = CIFAR10(folder, train=split == "train", download=download)
    except OSError as error:
        raise UserError(f"CIFAR-10 could not be downloaded to {folder} ({error}): put it there by hand") from None
    except RuntimeError as error:
        raise UserError(
            f"{folder / CIFAR10.base_folder} is incomplete or damaged ({error}): download it again"
        ) from None
    images = torch.from_numpy(data.data).permute(0, 3, 1, 2).contiguous()
    if resolution != images.shape[-1]:
        images = functional.resize(images, [resolution, resolution], antialias=True)
    return ImageSet(images=images, labels=torch.tensor(data.targets), classes=tuple(data.classes))
