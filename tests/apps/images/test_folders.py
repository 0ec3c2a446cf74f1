"""Folders of images, good and bad."""

import io
import os
import shutil
from collections.abc import Iterator
from errno import EACCES
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from rich.console import Console
from torchvision.datasets import CIFAR10

from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.folders import find_classes, read_image_folder
from pnas_apps.images.image_set import ImageSet
from pnas_cifar10.datasets import read_digits, read_images

QUIET = Reporter(Console(quiet=True))
SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "cifar10-images.zip"


def read(folder: Path, classes: tuple[str, ...] | None = None) -> ImageSet:
    images, unreadable = read_image_folder(folder, resolution=8, reporter=QUIET, classes=classes)
    assert not unreadable
    return images


def test_images_are_read_scaled_and_labelled(image_folder: Path) -> None:
    images = read(image_folder / "train")
    assert images.classes == ("blue", "red")
    assert images.images.shape == (8, 3, 8, 8)
    assert images.images.dtype == torch.uint8
    assert images.labels.tolist() == [0] * 4 + [1] * 4
    assert (images.images[images.labels == 1][:, 0] == 250).all()
    assert (images.images[images.labels == 1][:, 2] == 0).all()


def test_training_and_test_images_have_the_same_classes_in_the_same_order(image_folder: Path) -> None:
    train, test = read_images(image_folder, resolution=8, download=False, reporter=QUIET)
    assert train.classes == test.classes
    (image_folder / "test" / "red").rename(image_folder / "test" / "green")
    with pytest.raises(UserError, match=r"has other classes than .*: it lacks red and also has green: give"):
        read(image_folder / "test", train.classes)


def break_nothing_there(folder: Path) -> None:
    shutil.rmtree(folder)


def break_empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def break_archive(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_bytes(b"PK")


def break_one_class(folder: Path) -> None:
    shutil.rmtree(folder / "red")


def break_one_level_too_high(folder: Path) -> None:
    folder.rename(folder.with_name("unpacked"))
    folder.mkdir()
    folder.with_name("unpacked").rename(folder / "photos")


def break_one_class_beside_thumbnails(folder: Path) -> None:
    shutil.rmtree(folder / "red")
    for name in (".thumbnails", "@eaDir"):
        (folder / "blue" / name).mkdir()


def break_class_without_images(folder: Path) -> None:
    shutil.rmtree(folder / "red")
    (folder / "red").mkdir()
    (folder / "red" / "notes.txt").write_text("none")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (break_nothing_there, r"train is not a folder with sub-folders of images.*: name another$"),
        (break_archive, r"train is not a folder with sub-folders of images.*: unpack it, and name the folder$"),
        (break_empty, r"train has no sub-folders: name a folder with one sub-folder of images per class$"),
        (break_one_class, r"train holds only one class \(blue\): a classifier needs at least two"),
        (break_one_class_beside_thumbnails, r"train holds only one class \(blue\): a classifier needs at least two"),
        (
            break_one_level_too_high,
            r"train holds only one class \(photos\): if the .* inside it, name \S+/train/photos$",
        ),
        (
            break_class_without_images,
            r"red holds no images, but 1 other file \(1 \.txt\): add some or remove the folder",
        ),
    ],
)
def test_what_is_wrong_is_named_in_one_line(image_folder: Path, spoil, message: str) -> None:
    spoil(image_folder / "train")
    with pytest.raises(UserError, match=message) as caught:
        read(image_folder / "train")
    assert "\n" not in str(caught.value)


def test_a_single_folder_that_cannot_be_read_is_named(image_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    break_one_class(image_folder / "train")
    iterdir = Path.iterdir

    def refuse(path: Path) -> Iterator[Path]:
        if path.name == "blue":
            raise PermissionError(EACCES, "Permission denied")
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(UserError, match=r"train/blue cannot be read \(Permission denied\): allow it, or name another"):
        read(image_folder / "train")


@pytest.mark.parametrize(
    ("name", "printed"),
    [(b"bad\xff", r"train/bad\\udcff"), (b"two\nlines", r"train/two\\nlines"), (b"\xc2\x85", r"\\x85")],
)
def test_a_folder_that_no_line_of_labels_can_name_is_refused(image_folder: Path, name: bytes, printed: str) -> None:
    (image_folder / "train" / os.fsdecode(name)).mkdir()
    with pytest.raises(
        UserError, match=rf"{printed} cannot name a class, since it is not a line of UTF-8.*: rename the folder$"
    ):
        find_classes(image_folder / "train", None)


def test_what_a_system_leaves_beside_the_classes_is_no_class(image_folder: Path) -> None:
    for name in ("__MACOSX", "@eaDir", ".cache", "$RECYCLE.BIN"):
        (image_folder / "train" / name).mkdir()
    assert find_classes(image_folder / "train", None) == ("blue", "red")


def test_all_unreadable_images_are_told_at_once_with_the_share_that_leaves_them_out(
    image_folder: Path, reporter: Reporter
) -> None:
    noise = Image.effect_noise((64, 64), 50)
    noise.save(image_folder / "train" / "red" / "0.png")
    bad = [image_folder / name for name in ("train/blue/1.png", "train/red/0.png", "test/red/2.png", "test/red/3.png")]
    for path in bad:
        path.write_bytes(path.read_bytes()[:45])

    def read_with(share: float) -> tuple[ImageSet, ImageSet]:
        return read_images(image_folder, resolution=8, download=False, max_corrupt_share=share, reporter=reporter)

    with pytest.raises(
        UserError,
        match=r"^4 of 16 images cannot be read \(\S+train/blue/1\.png: .*; .*train/red/0\.png: .*; "
        r".*test/red/2\.png: .*; all are listed above\): remove or replace them, or .* --max-corrupt-share 0\.25$",
    ):
        read_with(0.24)
    train, test = read_with(0.25)
    assert [row.labels.bincount().tolist() for row in (train, test)] == [[3, 3], [4, 2]]
    file = reporter.console.file
    assert isinstance(file, io.StringIO)
    assert all(file.getvalue().count(f"unreadable: {path}: ") == 2 for path in bad)
    for path in bad:
        path.unlink()
    for after, before in zip(read_with(0), (train, test), strict=True):
        assert torch.equal(after.images, before.images)
        assert torch.equal(after.labels, before.labels)


def test_a_class_without_a_readable_image_is_named(image_folder: Path) -> None:
    for path in (image_folder / "test" / "red").iterdir():
        path.write_bytes(b"")
    with pytest.raises(UserError, match="class 'red' has no readable image: add some, or remove its folder"):
        read_images(image_folder, resolution=8, download=False, max_corrupt_share=1, reporter=QUIET)


def test_images_that_are_turned_or_of_16_bits_come_into_memory_as_they_are_meant(image_folder: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    halves = np.zeros((8, 8, 3), np.uint8)
    halves[:4] = 200
    Image.fromarray(halves).save(image_folder / "train" / "blue" / "0.png", exif=exif)
    ramp = np.arange(64).reshape(8, 8) * 257
    Image.fromarray(ramp.astype(np.uint16)).save(image_folder / "train" / "blue" / "1.png")
    images = read(image_folder / "train").images
    assert torch.equal(images[0], torch.from_numpy(halves[::-1].copy()).permute(2, 0, 1))
    assert torch.equal(images[1], torch.arange(64, dtype=torch.uint8).view(1, 8, 8).expand(3, 8, 8))


def test_a_folder_of_neither_layout_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds neither train/CLASS/\* .* nor cifar-10-batches-py.*--download"):
        read_images(tmp_path, resolution=32, download=False, reporter=QUIET)
    with pytest.raises(UserError, match="is not a folder with"):
        read_images(tmp_path / "missing", resolution=32, download=False, reporter=QUIET)
    (tmp_path / "cifar.zip").write_bytes(b"PK")
    with pytest.raises(UserError, match=r"cifar\.zip is a file, .*: unpack it, and name the folder with --data-dir"):
        read_images(tmp_path / "cifar.zip", resolution=32, download=False, reporter=QUIET)


def test_torchvisions_layout_is_read_and_its_checksums_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib
    import pickle

    folder = tmp_path / CIFAR10.base_folder
    folder.mkdir()
    pixels = np.arange(2 * 3072, dtype=np.uint8).reshape(2, 3072)

    def write(name: str, content: object) -> list[str]:
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]

    names = ["cat", "dog"]
    monkeypatch.setattr(CIFAR10, "train_list", [write("data_batch_1", {"data": pixels, "labels": [1, 0]})])
    monkeypatch.setattr(CIFAR10, "test_list", [write("test_batch", {"data": pixels[:1], "labels": [1]})])
    meta = write("batches.meta", {"label_names": names})
    monkeypatch.setattr(CIFAR10, "meta", {"filename": meta[0], "key": "label_names", "md5": meta[1]})
    train, test = read_images(tmp_path, resolution=32, download=False, reporter=QUIET)
    assert (train.classes, train.labels.tolist(), test.labels.tolist()) == (("cat", "dog"), [1, 0], [1])
    assert torch.equal(train.images, torch.from_numpy(pixels).view(2, 3, 32, 32))
    (folder / "test_batch").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"cifar-10-batches-py is incomplete or damaged .*download it again"):
        read_images(tmp_path, resolution=32, download=False, reporter=QUIET)


def test_digits_are_always_split_alike_and_every_class_is_on_both_sides() -> None:
    (train, test), (again, _) = read_digits(16), read_digits(16)
    assert (len(train), len(test)) == (718, 1079)
    assert train.images.shape == (718, 1, 16, 16)
    assert torch.equal(train.images, again.images)
    assert set(test.labels.tolist()) == set(range(10))
    seen = {image.numpy().tobytes() for image in train.images}
    assert not any(image.numpy().tobytes() in seen for image in test.images)


@pytest.mark.slow
def test_cifar10_as_jpeg_files_is_read_whole(tmp_path: Path) -> None:
    if not SHARED.exists():
        pytest.skip(f"{SHARED.name} is not beside the repository")
    shutil.unpack_archive(SHARED, tmp_path)
    train, test = read_images(tmp_path, resolution=32, download=False, reporter=QUIET)
    assert torch.equal(train.labels.bincount(), torch.full((10,), 5000))
    assert torch.equal(test.labels.bincount(), torch.full((10,), 1000))
