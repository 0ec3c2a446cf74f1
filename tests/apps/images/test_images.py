"""Batches and batched augmentation against one image at a time."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from torch import Tensor
from torch._subclasses import FakeTensorMode

from pnas_apps.ground.errors import UserError
from pnas_apps.ground.randomness import seeded_generator
from pnas_apps.images.augmentation import Augmentation
from pnas_apps.images.batches import ImageBatches
from pnas_apps.images.image_set import ImageSet, measure_preprocessing
from pnas_apps.images.splitting import split_count, split_share
from pnas_ops import Preprocessing

NOTHING = Augmentation(crop_padding=0, horizontal_flip=False, cutout=0)
IDENTITY = Preprocessing(height=6, width=8, channels="RGB", mean=(0.0,) * 3, std=(1 / 255,) * 3)


def random_images(count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(1, 256, (count, 3, 6, 8), dtype=torch.uint8, generator=generator)


def augmented(augmentation: Augmentation, images: Tensor, generator: torch.Generator) -> Tensor:
    """All of the images, in order, each changed in its own way."""
    height, width = images.shape[2:]
    return augmentation(images, torch.arange(len(images)), augmentation.draw(len(images), (height, width), generator))


@given(st.integers(1, 4), st.integers(0, 2**20))
def test_every_crop_is_a_window_of_its_reflected_image(padding: int, seed: int) -> None:
    images = random_images(12, seed)
    crops = augmented(evolve(NOTHING, crop_padding=padding), images, torch.Generator().manual_seed(seed))
    places = set()
    for image, crop in zip(images, crops, strict=True):
        padded = torch.nn.functional.pad(image.float(), (padding,) * 4, mode="reflect").to(torch.uint8)
        found = [
            (top, left)
            for top in range(2 * padding + 1)
            for left in range(2 * padding + 1)
            if torch.equal(padded[:, top : top + 6, left : left + 8], crop)
        ]
        assert len(found) == 1
        places.add(found[0])
    assert len(places) > 1


def test_about_half_of_the_images_are_mirrored_and_the_others_untouched() -> None:
    images = random_images(400)
    flipped = augmented(evolve(NOTHING, horizontal_flip=True), images, torch.Generator().manual_seed(0))
    mirrored = 0
    for before, after in zip(images, flipped, strict=True):
        assert torch.equal(after, before) or torch.equal(after, before.flip(2))
        mirrored += torch.equal(after, before.flip(2))
    assert 160 < mirrored < 240


def test_cutout_blanks_one_square_that_may_leave_the_image() -> None:
    images = random_images(200)
    cut = augmented(evolve(NOTHING, cutout=3), images, torch.Generator().manual_seed(0))
    sizes = set()
    for before, after in zip(images, cut, strict=True):
        blank = (after == 0).all(dim=0)
        rows, columns = blank.any(1), blank.any(0)
        assert torch.equal(blank, rows.unsqueeze(1) & columns)
        assert torch.equal(after[:, ~blank], before[:, ~blank])
        sizes.add((int(rows.sum()), int(columns.sum())))
    assert max(sizes) == (3, 3)
    assert min(sizes) >= (2, 2)


@given(st.integers(0, 4), st.booleans(), st.integers(0, 7), st.integers(1, 3), st.integers(0, 2**20))
def test_an_epoch_is_what_one_image_after_another_becomes_by_the_same_random_numbers(
    padding: int, flips: bool, cutout: int, batches: int, seed: int
) -> None:
    images, size = random_images(4 * batches + 1, seed), 4
    labels = torch.arange(len(images))
    epoch = ImageBatches(
        ImageSet(images=images, labels=labels, classes=tuple(map(str, labels.tolist()))),
        IDENTITY,
        batch_size=size,
        generator=torch.Generator().manual_seed(seed),
        augmentation=Augmentation(crop_padding=padding, horizontal_flip=flips, cutout=cutout),
    )
    # Shuffled once, then batch by batch: shifts, flips, rows and columns of cutout.
    drawn = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(images), generator=drawn)
    for index, (found, its_labels) in enumerate(epoch):
        chosen = order[index * size : (index + 1) * size]
        expected = images[chosen].float()
        if padding:
            shifts = torch.randint(-padding, padding + 1, (2, size), generator=drawn).T.tolist()
            padded = torch.nn.functional.pad(expected, (padding,) * 4, mode="reflect")
            rows = [
                one[:, padding + down : padding + down + 6, padding + right : padding + right + 8]
                for one, (down, right) in zip(padded, shifts, strict=True)
            ]
            expected = torch.stack(rows)
        if flips:
            mirrored = (torch.rand(size, generator=drawn) < 0.5).tolist()
            expected = torch.stack([one.flip(2) if flip else one for one, flip in zip(expected, mirrored, strict=True)])
        if cutout:
            rows_and_columns = [torch.randint(side, (size,), generator=drawn).tolist() for side in (6, 8)]
            for one, row, column in zip(expected, *rows_and_columns, strict=True):
                top, left = (max(0, place - cutout // 2) for place in (row, column))
                one[:, top : row - cutout // 2 + cutout, left : column - cutout // 2 + cutout] = 0
        assert torch.equal(found, expected)
        assert torch.equal(its_labels, labels[chosen])
    assert index == batches - 1


def test_images_on_a_gpu_are_changed_there_and_it_is_not_waited_for() -> None:
    # Tensors that pretend to be on a GPU refuse partners on the CPU, and to tell what is in them.
    with FakeTensorMode():
        images = torch.zeros((20, 3, 32, 32), dtype=torch.uint8, device="cuda")
        chosen, drawn = (torch.zeros(shape, dtype=torch.int64, device="cuda") for shape in ((7,), (5, 7)))
        changed = Augmentation(crop_padding=4, horizontal_flip=True, cutout=8)(images, chosen, drawn)
    assert (changed.device.type, changed.dtype, changed.shape) == ("cuda", torch.uint8, (7, 3, 32, 32))
    assert changed.is_contiguous(memory_format=torch.channels_last)


def test_images_that_would_leave_a_gpu_too_little_memory_stay_where_they_are(
    image_set: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = image_set.images.nbytes
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (9 * size, 1000 * size))
    assert image_set.on(torch.device("cuda")) is image_set
    assert torch.equal(image_set.on(torch.device("cpu")).images, image_set.images)


def test_shuffled_batches_are_whole_and_different_and_those_in_order_complete(image_set: ImageSet) -> None:
    preprocessing = Preprocessing(height=8, width=8, channels="grey", mean=(0.0,), std=(1 / 255,))
    shuffled = ImageBatches(image_set, preprocessing, batch_size=16, generator=seeded_generator(0, "test"))
    assert len(shuffled) == 3
    first, second = (torch.cat([images for images, _ in shuffled]) for _ in range(2))
    assert len(first) == 48
    assert not torch.equal(first, second)
    ordered = ImageBatches(image_set, preprocessing, batch_size=16)
    assert [len(labels) for _, labels in ordered] == [16, 16, 16, 12]
    images, labels = (torch.cat(parts) for parts in zip(*ordered, strict=True))
    torch.testing.assert_close(images, image_set.images.float())
    assert torch.equal(labels, image_set.labels)
    assert next(iter(ordered))[0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("shuffled", [True, False])
def test_the_parts_of_all_processes_join_to_the_batch_of_one(image_set: ImageSet, shuffled: bool) -> None:
    def batches(rank: int, world_size: int) -> list[tuple[Tensor, Tensor]]:
        return list(
            ImageBatches(
                image_set,
                Preprocessing(height=8, width=8, channels="grey", mean=(0.0,), std=(1.0,)),
                batch_size=16,
                generator=seeded_generator(0, "test") if shuffled else None,
                augmentation=Augmentation(crop_padding=1, horizontal_flip=True, cutout=2),
                rank=rank,
                world_size=world_size,
            )
        )

    parts = zip(*(batches(rank, 4) for rank in range(4)), strict=True)
    for whole, joined in zip(batches(0, 1), parts, strict=True):
        for one, pieces in zip(whole, zip(*joined, strict=True), strict=True):
            assert torch.equal(one, torch.cat(pieces))
    with pytest.raises(UserError, match=r"16 images in equal parts of .* 2: give --batch-size 15 or --batch-size 18"):
        batches(0, 3)


def test_normalized_training_images_have_mean_0_and_deviation_1() -> None:
    images = ImageSet(images=random_images(50), labels=torch.zeros(50).long(), classes=("one",))
    normalized = measure_preprocessing(images)(images.images)
    torch.testing.assert_close(normalized.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(normalized.std((0, 2, 3)), torch.ones(3), atol=1e-5, rtol=0)


def test_a_split_holds_out_the_share_of_every_class_and_loses_nothing(image_set: ImageSet) -> None:
    rest, held_out = split_share(image_set, 0.25, seeded_generator(0, "split"))
    assert torch.equal(held_out.labels.bincount(), torch.tensor([5, 5, 5]))
    both = torch.cat([rest.images, held_out.images]).flatten(1)
    assert torch.equal(both.unique(dim=0), image_set.images.flatten(1).unique(dim=0))
    assert len(both) == 60
    with pytest.raises(UserError, match="class 'dark' has 20 images, but 51 are needed to hold out 1% of them: add 31"):
        split_share(image_set, 0.01, seeded_generator(0, "split"))


@given(share=st.floats(0.02, 0.98))
def test_a_class_needs_as_many_images_as_the_refusal_says_and_no_fewer(share: float) -> None:
    def held_out(count: int) -> int:
        images = ImageSet(images=random_images(count), labels=torch.zeros(count).long(), classes=("one",))
        return len(split_share(images, share, seeded_generator(0, "split"))[1])

    with pytest.raises(UserError, match="class 'one' has 1 image, but ") as refused:
        held_out(1)
    needed = int(re.findall(r"but (\d+) are needed", str(refused.value))[0])
    assert 0 < held_out(needed) < needed
    for fewer in range(1, needed):
        with pytest.raises(UserError, match=f"but {needed} are needed"):
            held_out(fewer)


@pytest.mark.parametrize(("split", "size"), [(split_share, 1 / 3), (split_count, 4)])
def test_each_image_of_a_class_is_as_likely_to_be_held_out(split: Callable[..., Any], size: float) -> None:
    numbers = torch.arange(12, dtype=torch.uint8).reshape(12, 1, 1, 1)
    images = ImageSet(images=numbers, labels=torch.arange(12) % 2, classes=("even", "odd"))
    held_out = [split(images, size, seeded_generator(seed, "split"))[1].images.flatten() for seed in range(300)]
    assert {len(one) for one in held_out} == {4}
    assert torch.equal(held_out[7], split(images, size, seeded_generator(7, "split"))[1].images.flatten())
    assert chisquare(torch.cat(held_out).bincount(minlength=12).tolist()).pvalue > 0.001


def test_generators_differ_by_seed_and_purpose() -> None:
    def draw(seed: int, what: str, number: int) -> int:
        return int(torch.randint(2**60, (1,), generator=seeded_generator(seed, what, number)))

    keys = [(0, "train", 1), (0, "train", 2), (1, "train", 1), (0, "search", 1)]
    assert len({draw(*key) for key in keys}) == len(keys)
    assert draw(*keys[0]) == draw(*keys[0])
