"""What a search records of its epochs."""

import math
from typing import Literal

import torch
from attrs import frozen
from torch import Tensor, nn

from pnas_supernet.mixed_op import mixed_ops
from pnas_supernet.steps import StepResult


@frozen(kw_only=True)
class EpochRecord:
    """What one epoch of a search did.

    Attributes:
        epoch: counted from 0 over both phases.
        train_loss, train_accuracy: mean over the weight steps.
        validation_loss, validation_accuracy: mean over the architecture steps, penalty included; None in the warm-up.
        entropy: `relative_entropy` after the epoch.
        probs: the probabilities of every `MixedOp` after the epoch.
    """

    epoch: int
    phase: Literal["warm-up", "search"]
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    entropy: float
    probs: tuple[tuple[float, ...], ...]


class DivergenceError(ArithmeticError):
    """The loss is not a finite number."""


def relative_entropy(network: nn.Module) -> float:
    """Mean over the `MixedOp`s with a choice of -sum_i p_i log p_i / log N: 1 undecided, 0 decided."""
    entropies = [
        float(torch.special.entr(op.probs.detach()).sum()) / math.log(len(op.candidates))
        for op in mixed_ops(network)
        if len(op.candidates) > 1
    ]
    return sum(entropies) / len(entropies) if entropies else 0.0


class EpochMean:
    """Running means of loss and accuracy over the samples of an epoch."""

    def __init__(self) -> None:
        self.count = 0
        self._loss = 0.0
        self._correct = 0.0

    @property
    def loss(self) -> float:
        return self._loss / self.count

    @property
    def accuracy(self) -> float:
        return self._correct / self.count

    def add(self, step: StepResult, labels: Tensor, where: str) -> None:
        """Counts a step; raises DivergenceError, which says `where`, for a loss that is not finite."""
        loss = float(step.loss)
        if not math.isfinite(loss):
            raise DivergenceError(f"the loss is {loss} at {where}: lower the learning rate or look at the data")
        self.count += len(labels)
        self._loss += loss * len(labels)
        self._correct += float((step.outputs.argmax(dim=1) == labels).sum())
