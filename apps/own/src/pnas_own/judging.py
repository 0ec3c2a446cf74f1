"""How good a net is on the test images."""

import torch
from torch import nn

from pnas_ops import Score
from pnas_own.data import Data
from pnas_supernet import accuracy, evaluating


def mean_score(network: nn.Module, data: Data, score: Score | None) -> float:
    """The score of a net, or its accuracy: the mean of all batches, each counted by its images."""
    device = next(network.parameters()).device
    total = count = 0.0
    with evaluating(network), torch.inference_mode():
        for pixels, targets in data.test():
            outputs = network(data.preprocessing(pixels.to(device)))
            total += float((score or accuracy)(outputs, targets.to(device))) * len(pixels)
            count += len(pixels)
    return total / count
