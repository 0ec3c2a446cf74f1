"""What a file says of photos, as data."""

from collections.abc import Sequence
from pathlib import Path

import torch
from attrs import frozen

from pnas_apps.ground.errors import UserError


@frozen(kw_only=True)
class Share:
    """A class, and how probable it is by softmax."""

    label: str
    probability: float


@frozen(kw_only=True)
class Prediction:
    """What a file says of a photo.

    Attributes:
        photo: its path.
        file: name of the file that was asked.
        runtime: the runtime that ran it, with its version.
        top: the most probable classes, in order.
        logits: in the order of the labels.
    """

    photo: str
    file: str
    runtime: str
    top: tuple[Share, ...]
    logits: tuple[float, ...]


def label_values(file: Path, values: torch.Tensor, labels: Sequence[str]) -> torch.Tensor:
    """What a file gives first of images, as (N, labels): dimensions of one value more, such as (N, 1, 1, C), are none.

    Raises:
        UserError: for values that are not one a label.
    """
    shape = tuple(values.shape[1:])
    if [size for size in shape if size > 1] != [size for size in (len(labels),) if size > 1]:
        raise UserError(
            f"{file} gives an output of shape {shape} for {len(labels)} labels: export the net again, "
            "with one value a label as its first output"
        )
    return values.reshape(-1, len(labels))


def most_probable(logits: torch.Tensor, labels: tuple[str, ...], count: int) -> tuple[Share, ...]:
    """At most `count` classes of an image's logits (classes,), in order."""
    shares, indices = logits.double().softmax(0).topk(min(count, len(labels)))
    return tuple(
        Share(label=labels[index], probability=share)
        for share, index in zip(shares.tolist(), indices.tolist(), strict=True)
    )
