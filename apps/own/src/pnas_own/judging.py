"""How good a net is on the test images."""

import torch
from attrs import frozen
from torch import Tensor, nn

from pnas_ops import Score
from pnas_own.data import Data
from pnas_supernet import accuracy, evaluating


@frozen(kw_only=True, eq=False)
class Judged:
    """A net and the test images.

    Attributes:
        score: of the net, or its accuracy: the mean of all batches, each counted by its images.
        labels: of the images, in order, (N,) on the CPU; None where a target is more than the label of an image, such
            as one a pixel.
    """

    score: float
    labels: Tensor | None


def judge(network: nn.Module, data: Data, score: Score | None) -> Judged:
    """Judges a net by a score, or by its accuracy."""
    device = next(network.parameters()).device
    total, count, labels = 0.0, 0, list[Tensor]()
    with evaluating(network), torch.inference_mode():
        for pixels, targets in data.test():
            outputs = network(data.preprocessing(pixels.to(device)))
            total += float((score or accuracy)(outputs, targets.to(device))) * len(pixels)
            count += len(pixels)
            if targets.ndim == 1:
                labels.append(targets.cpu())
    found = torch.cat(labels) if labels else torch.empty(0)
    return Judged(score=total / count, labels=found if len(found) == count else None)
