"""Accuracy and mean scores of files against sums over single images, and batches that cannot be judged on."""

from typing import cast

import pytest
import torch
from torch import Tensor

from pnas_export import LoadedFile
from pnas_export.quantizing.judging import accuracy, check_batches, lost, mean_score
from pnas_ops import Batches

GENERATOR = torch.Generator().manual_seed(0)
LOGITS, LABELS = torch.randn(10, 4, generator=GENERATOR), torch.randint(4, (10,), generator=GENERATOR)


class File:
    """Gives the images, and their doubles."""

    def outputs(self, images: Tensor) -> tuple[Tensor, ...]:
        return images, 2 * images


def test_accuracy_is_the_share_of_images_in_their_class() -> None:
    hits = sum(row.tolist().index(max(row.tolist())) == label for row, label in zip(LOGITS, LABELS, strict=True))
    assert 0 < hits < 10
    assert accuracy((LOGITS, -LOGITS), LABELS) == hits / 10


def test_every_image_counts_alike_in_a_mean_score_whatever_its_batch() -> None:
    def score(outputs: tuple[Tensor, ...], targets: Tensor) -> Tensor:
        values, doubles = outputs
        return (values[:, 0] * targets + doubles[:, 1]).mean()

    batches = list(zip(LOGITS.split([7, 1, 2]), LABELS.split([7, 1, 2]), strict=True))
    wanted = sum(float(row[0] * label + 2 * row[1]) for row, label in zip(LOGITS, LABELS, strict=True)) / 10
    assert mean_score(cast(LoadedFile, File()), batches, score) == pytest.approx(wanted, rel=1e-5)


def test_what_is_lost_is_exact_to_nine_decimals() -> None:
    assert lost(0.07, 0.06) == 0.01 != 0.07 - 0.06
    assert lost(0.5, 0.75) == -0.25


@pytest.mark.parametrize(
    ("test", "line"),
    [
        ([], r"^a proof needs at least one test image$"),
        ([LOGITS], r"^a test batch is images and their targets, two tensors, got Tensor$"),
        ([(LOGITS,)], r"two tensors, got Tensor$"),
        ([[LOGITS, [1, 2]]], r"two tensors, got Tensor, list$"),
        ([(LOGITS, LABELS, LABELS)], r"two tensors, got Tensor, Tensor, Tensor$"),
        (
            iter([(LOGITS, LABELS)]),
            r"^test is a list_iterator, which is empty after one pass: pass list\(test\), or a loader",
        ),
    ],
)
def test_what_cannot_be_judged_on_is_told(test: object, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        check_batches(cast(Batches, test))
    check_batches([(LOGITS, LABELS)])
