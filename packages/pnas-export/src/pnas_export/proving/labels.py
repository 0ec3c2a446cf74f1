"""Whether labels can be compared with what a net gives."""

import torch
from torch import Tensor

from pnas_ops import PnasError


class LabelError(PnasError, ValueError):
    """Labels that are no classes of the net; the message is one line that says what they are."""


def check_labels(labels: Tensor, *, rows: Tensor) -> None:
    """Raises LabelError unless `labels` (N,) are the numbers of classes, from 0, of the logits `rows` (N, classes)."""
    if rows.ndim != 2:
        raise LabelError(
            f"the first output of the net is of shape {tuple(rows.shape)}, not (N, classes)",
            "accuracy is known for classifiers only: export other nets with export_file",
        )
    count, classes = rows.shape
    if tuple(labels.shape) == (count, classes):
        raise LabelError(f"the test labels are one-hot, {tuple(labels.shape)}", "give their classes: labels.argmax(1)")
    if tuple(labels.shape) != (count,):
        raise LabelError(f"the test labels of {count} images are of shape {tuple(labels.shape)}", "give one an image")
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
