"""Whether targets are classes of a net's output."""

import torch
from torch import Tensor

from pnas_export.runtimes.comparison import gives_classes
from pnas_ops import PnasError


class LabelError(PnasError, ValueError):
    """Labels that are no classes of the net; the message is one line that describes them."""


def are_classes(targets: Tensor, *, rows: Tensor) -> bool:
    """Whether accuracy applies: `rows` may be logits (N, classes), and the targets are no values of that shape.

    One-hot labels count as classes too; `check_labels` refuses them with the way out.
    """
    return gives_classes(rows) and (targets.shape != rows.shape or _one_hot(targets))


def check_labels(labels: Tensor, *, rows: Tensor) -> None:
    """Raises LabelError unless `labels` (N,) are the numbers of classes, from 0, of the logits `rows` (N, classes)."""
    count, classes = rows.shape
    if labels.shape == rows.shape:
        raise LabelError(f"the test labels are one-hot, {tuple(labels.shape)}", "give their classes: labels.argmax(1)")
    if tuple(labels.shape) != (count,):
        raise LabelError(f"the test labels of {count} images are of shape {tuple(labels.shape)}", "give one per image")
    if labels.dtype == torch.bool or labels.is_floating_point() or labels.is_complex():
        raise LabelError(f"the test labels are {labels.dtype}", "give the numbers of the classes: labels.long()")
    low, high = int(labels.min()), int(labels.max())
    if low >= 1 and high == classes:
        raise LabelError(
            f"the test labels go from {low} to {high}, and the net has {classes} outputs, counted from 0",
            "count from 0 if they count from 1: labels - 1",
        )
    if low < 0 or high >= classes:
        raise LabelError(
            f"the test labels go from {low} to {high}, and the net has {classes} outputs",
            f"give classes from 0 to {classes - 1}",
        )


def _one_hot(targets: Tensor) -> bool:
    return bool(((targets == 0) | (targets == 1)).all() and (targets.double().sum(1) == 1).all())
