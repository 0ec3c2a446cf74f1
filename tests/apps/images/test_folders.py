"""Folders of images, good and bad."""

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision.datasets import CIFAR10

from pnas_apps.ground.errors import UserError
from pnas_apps.images.folders import read_image_folder
from pnas_cifar10.datasets import read_digits, read_images

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "cifar10-images.zip"


def read(folder: Path, classes: tuple[str, ...] | None = None):
    return read_image_folder(folder, resolution=8, track=lambda paths, total: paths, classes=classes)


def test_images_are_read_scaled_and_labelled(image_folder: Path) -> None:
    images = read(image_folder / "train")
    assert images.classes == ("blue", "red")
    assert images.images.shape == (8, 3, 8, 8)
    assert images.images.dtype == torch.uint8
    assert images.labels.tolist() == [0] * 4 + [1] * 4
    assert (images.images[images.labels == 1][:, 0] == 250).all()
    assert (images.images[images.labels == 1][:, 2] == 0).all()


def test_training_and_test_images_have_the_same_classes_in_the_same_order(image_folder: Path) -> None:
    train, test = read_images(image_folder, resolution=8, download=False, track=lambda paths, total: paths)
    assert train.classes == test.classes
    (image_folder / "test" / "red").rename(image_folder / "test" / "green")
    with pytest.raises(UserError, match=r"not hold the same classes .* differ in: green, red"):
        read(image_folder / "test", train.classes)


def break_nothing_there(folder: Path) -> None:
    shutil.rmtree(folder)


def break_empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def break_one_class(folder: Path) -> None:
    shutil.rmtree(folder / "red")


def break_class_without_images(folder: Path) -> None:
    shutil.rmtree(folder / "red")
    (folder / "red").mkdir()
    (folder / "red" / "notes.txt").write_text("none")


def break_image(folder: Path) -> None:
    (folder / "red" / "2.png").write_bytes(b"not a picture")


def break_truncated_image(folder: Path) -> None:
    path = folder / "red" / "0.png"
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:900])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (break_nothing_there, r"train is not a folder: expected sub-folders with images"),
        (break_empty, r"train is empty: expected sub-folders with images"),
        (break_one_class, r"train holds one class only \(blue\): a classifier needs at least two"),
        (break_class_without_images, r"red holds no images: add some or remove the folder"),
        (break_image, r"2\.png is not a readable image \(.*\): remove it or replace it"),
        (break_truncated_image, r"0\.png is not a readable image \(.*\): remove it or replace it"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(image_folder: Path, spoil, message: str) -> None:
    spoil(image_folder / "train")
    with pytest.raises(UserError, match=message) as caught:
        read(image_folder / "train")
    assert "\n" not in str(caught.value)


def test_a_folder_of_neither_layout_is_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds neither train/CLASS/\* .* nor cifar-10-batches-py.*--download"):
        read_images(tmp_path, resolution=32, download=False, track=lambda paths, total: paths)
    with pytest.raises(UserError, match="is not a folder with"):
        read_images(tmp_path / "missing", resolution=32, download=False, track=lambda paths, total: paths)


def test_torchvisions_layout_is_read_and_its_checksums_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib
    import pickle

    import numpy as np

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
    train, test = read_images(tmp_path, resolution=32, download=False, track=lambda paths, total: paths)
    assert (train.classes, train.labels.tolist(), test.labels.tolist()) == (("cat", "dog"), [1, 0], [1])
    assert torch.equal(train.images, torch.from_numpy(pixels).view(2, 3, 32, 32))
    (folder / "test_batch").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"cifar-10-batches-py is incomplete or damaged .*download it again"):
        read_images(tmp_path, resolution=32, download=False, track=lambda paths, total: paths)


def test_digits_are_always_split_alike_and_every_class_is_on_both_sides() -> None:
    (train, test), (again, _) = read_digits(16), read_digits(16)
    assert (len(train), len(test)) == (1437, 360)
    assert train.images.shape == (1437, 1, 16, 16)
    assert torch.equal(train.images, again.images)
    assert set(test.labels.tolist()) == set(range(10))
    seen = {image.numpy().tobytes() for image in train.images}
    assert not any(image.numpy().tobytes() in seen for image in test.images)


@pytest.mark.slow
def test_cifar10_as_jpeg_files_is_read_whole(tmp_path: Path) -> None:
    if not SHARED.exists():
        pytest.skip(f"{SHARED.name} is not beside the repository")
    shutil.unpack_archive(SHARED, tmp_path)
    train, test = read_images(tmp_path, resolution=32, download=False, track=lambda paths, total: paths)
    assert torch.equal(train.labels.bincount(), torch.full((10,), 5000))
    assert torch.equal(test.labels.bincount(), torch.full((10,), 1000))
