"""Accuracy and scores of files."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from pnas_export.runtimes.runtime import LoadedFile
from pnas_ops import Batches, Score


def accuracy(outputs: Sequence[Tensor], labels: Tensor) -> float:
    """Share of the rows of the first output, logits (N, classes), whose largest value is at the label."""
    return float((outputs[0].argmax(1) == labels).double().mean())


def mean_score(file: LoadedFile, test: Batches, score: Score) -> float:
    """The mean score of a file over all images; `score` gets a tuple of its outputs and the targets of each batch."""
    total, images = 0.0, 0
    with torch.inference_mode():
        for batch, targets in test:
            total += float(score(file.outputs(batch), targets.cpu())) * len(batch)
            images += len(batch)
    return total / images


def lost(exact: float, found: float) -> float:
    """How much lower a mean score is than that of the net."""
    return round(exact - found, 9)  # a point is a point, however the two are rounded


def check_batches(test: Batches) -> None:
    """Raises ValueError for batches that can be iterated only once, for no batches, and for those not of tensors."""
    if isinstance(test, Iterator):
        raise ValueError(
            f"test is a {type(test).__name__}, which is empty after one pass: pass list(test), or a loader"
        )
    if not len(test):
        raise ValueError("a proof needs at least one test image")
    batch = next(iter(test))
    if not isinstance(batch, (tuple, list)) or [isinstance(part, Tensor) for part in batch] != [True, True]:
        what = (
            ", ".join(type(part).__name__ for part in batch)
            if isinstance(batch, (tuple, list))
            else type(batch).__name__
        )
        raise ValueError(f"a test batch is images and their targets, two tensors, got {what}")
