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
        targets: of the images, in order, on the CPU.
    """

    score: float
    targets: Tensor


def judge(network: nn.Module, data: Data, score: Score | None) -> Judged:
    """Judges a net by a score, or by its accuracy."""
    device = next(network.parameters()).device
    total, found = 0.0, list[Tensor]()
    with evaluating(network), torch.inference_mode():
        for pixels, targets in data.test():
            outputs = network(data.preprocessing(pixels.to(device)))
            total += float((score or accuracy)(outputs, targets.to(device))) * len(pixels)
            found.append(targets.cpu())
    targets = torch.cat(found)
    return Judged(score=total / len(targets), targets=targets)
