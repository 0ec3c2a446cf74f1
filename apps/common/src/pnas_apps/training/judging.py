"""How good a net is."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from pnas_apps.ground.processes import Processes


def accuracy(
    predict: Callable[[Tensor], Tensor],
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    processes: Processes | None = None,
) -> float:
    """Share of the images whose largest logit is that of their class.

    Args:
        predict: a net in evaluation mode, or a loaded file: images (N, C, H, W) to logits (N, classes).
        batches: images and labels.
        processes: each of which has a part of every batch; the share is that of all.
    """
    found, total = [], 0.0
    with torch.inference_mode():
        for images, labels in batches:
            found.append((predict(images).argmax(dim=1) == labels).sum())
            total += len(labels)
    correct = float(sum(map(int, found)))  # read at the end: a GPU is waited for once
    if processes is not None:
        correct, total = processes.sums((correct, total))
    return correct / total


def shown_score(score: float) -> str:
    """A score as people read it: in per cent where it may be a share, else as it is."""
    return f"{score:.1%}" if 0 <= score <= 1 else f"{score:.4g}"
