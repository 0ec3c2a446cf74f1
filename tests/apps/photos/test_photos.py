"""Photos from any file, the same batches in any number of workers and processes, and what cannot be read."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.ground.randomness import seeded_generator
from pnas_apps.images.image_file import open_image
from pnas_apps.images.loading import Loading, UnreadablePhotos
from pnas_apps.images.splitting import split_count, split_share
from pnas_apps.photos import checking
from pnas_apps.photos.batches import PhotoBatches
from pnas_apps.photos.colours import jittered
from pnas_apps.photos.photo_set import PhotoSet, find_photos, find_train_and_val
from pnas_apps.photos.views import COLOR_JITTER, CenterView, PhotoAugmentation, TrainingView, photo_preprocessing

RESOLUTION = 8
TIMEOUT_S = 120
EVERYTHING = PhotoAugmentation(color_jitter="strong", rand_augment=9)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of 9 and 12 random photos of 20 x 30 pixels."""
    generator = np.random.default_rng(0)
    for name, count in (("ants", 9), ("bees", 12)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(count):
            pixels = generator.integers(0, 256, (20, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{index:02}.jpg")
    return tmp_path / "photos"


@pytest.fixture
def photos(folder: Path, reporter: Reporter) -> PhotoSet:
    return find_photos(folder, reporter=reporter)


def make_batches(
    photos: PhotoSet,
    *,
    shuffled: bool = True,
    workers: int = 0,
    rank: int = 0,
    world_size: int = 1,
    max_share: float = 0.0,
    tell: Callable[[str], None] = print,
    batch_size: int = 6,
    view: TrainingView | CenterView = TrainingView(RESOLUTION, EVERYTHING),  # noqa: B008 (not changed)
) -> PhotoBatches:
    unreadable = UnreadablePhotos(len(photos), max_share=max_share, tell=tell)
    return PhotoBatches(
        photos,
        view,
        photo_preprocessing(RESOLUTION),
        batch_size=batch_size,
        generator=seeded_generator(0, "epoch", 3) if shuffled else None,
        loading=Loading(unreadable=unreadable, workers=workers, rank=rank, world_size=world_size),
    )


def assert_same(first: list[tuple[Tensor, Tensor]], second: list[tuple[Tensor, Tensor]]) -> None:
    assert len(first) == len(second)
    for (images, labels), (other_images, other_labels) in zip(first, second, strict=True):
        assert torch.equal(images, other_images)
        assert torch.equal(labels, other_labels)


def test_photos_are_found_by_class_and_held_out_by_share_and_by_number(photos: PhotoSet, folder: Path) -> None:
    assert photos.classes == ("ants", "bees")
    assert photos.labels.bincount().tolist() == [9, 12]
    assert photos.path(10) == folder / "bees" / "01.jpg"
    by_share = split_share(photos, 1 / 3, seeded_generator(0, "split"))
    by_number = split_count(photos, 5, seeded_generator(0, "split"))
    assert [part.labels.bincount().tolist() for part in by_share] == [[6, 8], [3, 4]]
    assert [part.labels.bincount().tolist() for part in by_number] == [[6, 10], [3, 2]]
    for parts in (by_share, by_number):
        paths = [part.path(index) for part in parts for index in range(len(part))]
        assert sorted(paths) == sorted(path for path in folder.rglob("*.jpg"))
        assert all(path.parent.name == part.classes[part.labels[i]] for part in parts for i, path in _paths(part))


def _paths(photos: PhotoSet) -> list[tuple[int, Path]]:
    return [(index, photos.path(index)) for index in range(len(photos))]


def test_too_few_photos_to_hold_out_and_a_missing_part_are_named(
    photos: PhotoSet, tmp_path: Path, reporter: Reporter
) -> None:
    with pytest.raises(
        UserError, match="class 'ants' has 9 images, but 10 are needed to hold out 18 images of 2 classes: add 1"
    ):
        split_count(photos, 18, seeded_generator(0))
    with pytest.raises(UserError, match=r"no sub-folder train: expected train/CLASS/\* and val/CLASS/\* with images"):
        find_train_and_val(tmp_path, reporter=reporter)


def test_the_classes_of_val_are_those_of_train(folder: Path, reporter: Reporter) -> None:
    for part in ("train", "val"):
        (folder / part).mkdir()
    for name in ("ants", "bees"):
        (folder / "train" / name).symlink_to(folder / name)
    (folder / "val" / "ants").symlink_to(folder / "ants")
    (folder / "val" / "wasps").symlink_to(folder / "bees")
    with pytest.raises(UserError, match=r"val has other classes .* it lacks bees and also has wasps"):
        find_train_and_val(folder, reporter=reporter)
    (folder / "val" / "wasps").rename(folder / "val" / "bees")
    assert [len(part) for part in find_train_and_val(folder, reporter=reporter)] == [21, 21]


@pytest.mark.parametrize("shuffled", [True, False])
def test_batches_are_the_same_in_any_number_of_workers_and_leave_the_generator_alone(
    photos: PhotoSet, shuffled: bool
) -> None:
    state = torch.get_rng_state()
    alone, in_workers = (list(make_batches(photos, shuffled=shuffled, workers=workers)) for workers in (0, 2))
    assert [len(labels) for _, labels in alone] == ([6, 6, 6] if shuffled else [6, 6, 6, 3])
    assert_same(alone, in_workers)
    assert torch.equal(torch.get_rng_state(), state)
    assert alone[0][0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("shuffled", [True, False])
def test_the_parts_of_all_processes_join_to_the_batch_of_one(photos: PhotoSet, shuffled: bool) -> None:
    one = list(make_batches(photos, shuffled=shuffled))
    parts = [list(make_batches(photos, shuffled=shuffled, rank=rank, world_size=2)) for rank in range(2)]
    joined = [tuple(map(torch.cat, zip(*pair, strict=True))) for pair in zip(*parts, strict=True)]
    assert_same(one, joined)  # type: ignore[arg-type]
    assert [len(labels) for _, labels in parts[1]] == ([3, 3, 3] if shuffled else [3, 3, 3, 2])


def test_a_batch_that_cannot_be_divided_is_refused(photos: PhotoSet) -> None:
    with pytest.raises(UserError, match=r"6 images in equal parts of at least 2: give --batch-size 8$"):
        make_batches(photos, world_size=4)


def test_epochs_differ_and_what_is_skipped_over_several_passes_is_not_read(photos: PhotoSet) -> None:
    whole = make_batches(photos)
    passes = [*whole, *whole]
    assert len(passes) == 6
    assert not torch.equal(passes[0][0], passes[3][0])
    resumed = make_batches(photos).starting_at(4)
    again = [*resumed, *resumed]
    assert [len(labels) for _, labels in again] == [0, 0, 0, 0, 6, 6]
    assert_same(again[4:], passes[4:])


def test_batches_without_preprocessing_are_the_pixels_that_a_file_is_proven_on(photos: PhotoSet) -> None:
    view, loading = CenterView(RESOLUTION), Loading(unreadable=UnreadablePhotos(21, tell=print))
    pixels = torch.cat([images for images, _ in PhotoBatches(photos, view, None, batch_size=6, loading=loading)])
    assert (pixels.dtype, pixels.shape) == (torch.uint8, (21, 3, RESOLUTION, RESOLUTION))
    normalized = torch.cat([images for images, _ in make_batches(photos, shuffled=False, view=view)])
    torch.testing.assert_close(photo_preprocessing(RESOLUTION)(pixels), normalized, rtol=0, atol=0)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    by_hand = (pixels / 255 - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    torch.testing.assert_close(normalized, by_hand, rtol=1e-5, atol=1e-5)


def test_batches_that_a_gpu_finishes_are_those_that_workers_finish(
    photos: PhotoSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for augmentation in (PhotoAugmentation(color_jitter="strong"), EVERYTHING, PhotoAugmentation()):
        by_workers, by_gpu = (make_batches(photos, view=TrainingView(RESOLUTION, augmentation)) for _ in range(2))
        monkeypatch.setattr(by_gpu, "_on_cpu", False)
        assert_same(list(by_workers), list(by_gpu))
    resumed = make_batches(photos).starting_at(2)
    monkeypatch.setattr(resumed, "_on_cpu", False)
    assert [len(labels) for _, labels in resumed] == [0, 0, 6]


def test_the_check_finds_the_same_in_any_number_of_workers(
    photos: PhotoSet, tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "_WORTH_A_WORKER", 1)
    for index, left in ((2, 0), (9, 400), (20, 500)):
        photos.path(index).write_bytes(photos.path(index).read_bytes()[:left])
    alone, in_workers = (
        checking.find_unreadable(photos, workers=workers, cache=Cache(tmp_path / f"{workers}"), reporter=reporter)
        for workers in (0, 2)
    )
    assert [index for index, _ in alone] == [2, 9, 20]
    assert in_workers == alone


_KILLED = """
import multiprocessing, os, signal, sys
from pathlib import Path
from rich.console import Console
from pnas_apps.ground.progress import Reporter
from pnas_apps.photos.batches import PhotoBatches
from pnas_apps.images.loading import Loading
from pnas_apps.photos.views import CenterView
from pnas_apps.images.splitting import split_count, split_share
from pnas_apps.photos.photo_set import find_photos
from pnas_apps.images.loading import UnreadablePhotos

photos = find_photos(Path(sys.argv[1]), reporter=Reporter(Console(quiet=True)))
loading = Loading(unreadable=UnreadablePhotos(len(photos), tell=print), workers=2)
batches = iter(PhotoBatches(photos, CenterView(8), None, batch_size=6, loading=loading))
next(batches)
print(len(multiprocessing.active_children()), "workers", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_workers_end_with_a_process_that_is_killed(folder: Path) -> None:
    # They share its pipes, of which the other ends are read until the last of them has ended.
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, folder], capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "2 workers\n"), killed.stderr


def break_missing(path: Path) -> None:
    path.unlink()


def break_text(path: Path) -> None:
    path.write_text("not a picture")


def break_truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


@pytest.mark.parametrize("break_photo", [break_missing, break_text, break_truncated])
@pytest.mark.parametrize("workers", [0, 2])
def test_an_unreadable_photo_stops_the_run_and_is_named(
    photos: PhotoSet, workers: int, break_photo: Callable[[Path], None]
) -> None:
    break_photo(photos.path(3))
    with pytest.raises(
        UserError, match=r"ants/03.jpg is not a readable image \(.+\); now 1 of 21 are unreadable: replace it, or"
    ):
        list(make_batches(photos, shuffled=False, workers=workers))


def test_allowed_unreadable_photos_are_named_once_and_replaced_by_the_next_of_their_batch(photos: PhotoSet) -> None:
    intact = list(make_batches(photos, shuffled=False, view=CenterView(RESOLUTION)))
    photos.path(5).unlink()
    told: list[str] = []
    for workers, world_size in ((0, 1), (2, 1), (0, 2)):
        told.clear()
        parts = [
            make_batches(
                photos,
                shuffled=False,
                view=CenterView(RESOLUTION),
                workers=workers,
                rank=rank,
                world_size=world_size,
                max_share=0.1,
                tell=told.append,
            )
            for rank in range(world_size)
        ]
        images = torch.cat([next(iter(part))[0] for part in parts])
        assert torch.equal(images[:5], intact[0][0][:5])
        assert torch.equal(images[5], intact[0][0][0])
        list(parts[-1])
        assert len(told) == 1
        assert "ants/05.jpg is not a readable image" in told[0]


def test_the_share_of_unreadable_photos_is_that_of_all_and_a_batch_without_any_is_an_error(photos: PhotoSet) -> None:
    for index in (0, 8, 20):
        photos.path(index).unlink()
    with pytest.raises(
        UserError, match=r"11\.jpg is not .*; now 3 of 21 are unreadable: .* than 0\.1 with --no-check --max"
    ):
        list(make_batches(photos, shuffled=False, max_share=0.1))
    with pytest.raises(UserError, match="has a batch without a readable image"):
        list(make_batches(photos.subset(torch.tensor([0, 8, 20])), batch_size=3, max_share=1.0))


def test_a_center_view_is_that_of_torchvision_on_pillow_images(tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:60, 0:90]
    image = Image.fromarray(np.stack([rows * 4, columns * 2, rows + columns], axis=2).astype(np.uint8))
    image.save(tmp_path / "one.png")
    plain = v2.Compose([v2.Resize(round(28 / 0.875)), v2.CenterCrop(28), v2.PILToTensor()])
    with open_image(tmp_path / "one.png") as photo:
        view = CenterView(28)(photo, 0)
    assert (view.int() - plain(image).int()).abs().max() <= 1


def test_a_training_view_is_that_of_torchvision_for_the_same_seed(tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:60, 0:90]
    image = Image.fromarray(np.stack([rows * 4, columns * 2, rows + columns], axis=2).astype(np.uint8))
    image.save(tmp_path / "one.png")
    plain = v2.Compose([v2.RandomResizedCrop(28), v2.RandomHorizontalFlip(), v2.PILToTensor()])
    for seed in range(5):
        with open_image(tmp_path / "one.png") as photo:
            view = TrainingView(28, PhotoAugmentation())(photo, seed)
        torch.manual_seed(seed)
        assert (view.int() - plain(image).int()).abs().max() <= 1


@pytest.mark.parametrize("strength", ["none", "normal", "strong"])
def test_colours_change_as_those_of_torchvision_for_the_same_seed(
    strength: Literal["none", "normal", "strong"],
) -> None:
    jitter = v2.ColorJitter(**COLOR_JITTER[strength])
    photos = torch.randint(256, (40, 3, 9, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    photos[:10, 1:] = photos[:10, :1]  # grey
    drawn, expected = [], []
    for seed, photo in enumerate(photos):
        torch.manual_seed(seed)
        expected.append(jitter(photo))
        torch.manual_seed(seed)
        params = jitter.make_params([])
        amounts = [params[f"{name}_factor"] for name in ("brightness", "contrast", "saturation", "hue")]
        done = [kind for kind in params["fn_idx"].tolist() if amounts[kind] is not None]
        drawn.append((done, [amounts[kind] for kind in done]))
    kinds, factors = (torch.tensor(rows) for rows in zip(*drawn, strict=True))
    found = jittered(photos, kinds.long(), factors)
    off = (found.int() - torch.stack(expected).int()).abs()
    # One level more or less by the first change may become another by those that follow.
    assert off.max() <= (2 if strength == "strong" else 1)
    assert (off == 0).double().mean() > 0.97
    assert strength == "none" or (found != photos).double().mean() > 0.9


def test_the_colours_of_a_photo_do_not_depend_on_the_others_of_its_batch() -> None:
    photos = torch.randint(256, (6, 3, 9, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    kinds = torch.stack([torch.randperm(4, generator=torch.Generator().manual_seed(seed)) for seed in range(6)])
    amounts = torch.rand((6, 4), generator=torch.Generator().manual_seed(2)) + 0.5
    together = jittered(photos, kinds, amounts)
    for index, photo in enumerate(together):
        one = slice(index, index + 1)
        assert torch.equal(jittered(photos[one], kinds[one], amounts[one])[0], photo)


def test_a_view_with_rand_augment_is_that_of_torchvision_for_the_same_seed(tmp_path: Path) -> None:
    pixels = torch.randint(256, (3, 60, 90), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(tmp_path / "one.png")
    plain = v2.Compose([v2.RandomResizedCrop(28), v2.RandomHorizontalFlip(), v2.RandAugment(magnitude=9)])
    view = TrainingView(28, PhotoAugmentation(rand_augment=9))
    for seed in range(8):
        with open_image(tmp_path / "one.png") as photo:
            found = view(photo, seed)
        torch.manual_seed(seed)
        assert torch.equal(found, plain(pixels))
