"""What a file says of photos, as data."""

import torch
from attrs import frozen


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


def most_probable(logits: torch.Tensor, labels: tuple[str, ...], count: int) -> tuple[Share, ...]:
    """At most `count` classes of an image's logits (classes,), in order."""
    shares, indices = logits.double().softmax(0).topk(min(count, len(labels)))
    return tuple(
        Share(label=labels[index], probability=share)
        for share, index in zip(shares.tolist(), indices.tolist(), strict=True)
    )
