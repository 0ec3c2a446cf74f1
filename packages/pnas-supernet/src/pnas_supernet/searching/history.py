"""What a search records about its epochs."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from attrs import define, field, frozen
from torch import nn

from pnas_ops import html_table
from pnas_supernet.gates.mixed_op import alpha_parameters


@frozen(kw_only=True, repr=False)
class EpochRecord:
    """What one epoch of a search did.

    Attributes:
        epoch: counted from 0 over both phases.
        train_loss, train_accuracy: mean over the weight steps; if a search has another score, that is the accuracy.
        validation_loss, validation_accuracy: mean over the architecture steps; the loss is that of the objective. None
            in the warm-up.
        entropy: `relative_entropy` after the epoch.
        probs: the probabilities of every `MixedOp` after the epoch.
        multipliers: of the objective's constraints after the epoch, by the names of their costs, if the `ArchStep` is a
            `HasMultipliers`; empty in files of earlier versions.
    """

    epoch: int
    phase: Literal["warm-up", "search"]
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    entropy: float
    probs: tuple[tuple[float, ...], ...]
    # A dict has no hash.
    multipliers: dict[str, float] = field(factory=dict, hash=False)

    def __repr__(self) -> str:
        epoch, phase, training, validation, entropy = history_row(self)
        return f"<EpochRecord {epoch}, {phase}: training {training}; validation {validation}; entropy {entropy}>"


def history_row(record: EpochRecord) -> tuple[str, str, str, str, str]:
    """Epoch, phase, loss and accuracy of training and of validation, and entropy, as texts."""
    validation = "none"
    if record.validation_loss is not None and record.validation_accuracy is not None:
        validation = f"{record.validation_loss:.4g}, {_score(record.validation_accuracy)}"
    training = f"{record.train_loss:.4g}, {_score(record.train_accuracy)}"
    return f"{record.epoch}", record.phase, training, validation, f"{record.entropy:.3f}"


def _score(score: float) -> str:
    """In per cent if it may be a share, like an accuracy."""
    return f"{score:.1%}" if 0.0 <= score <= 1.0 else f"{score:.4g}"


def history_as_html(title: str, history: Sequence[EpochRecord]) -> str:
    """A table for a notebook, with a row for every epoch."""
    headings = ("epoch", "phase", "training: loss, accuracy", "validation: loss, accuracy", "relative entropy")
    return html_table(title, headings, [history_row(record) for record in history])


def relative_entropy(network: nn.Module) -> float:
    """Mean over the choices of -sum_i p_i log p_i / log N: 1 undecided, 0 decided.

    N counts the candidates that alpha = -inf does not ban; a choice with only one does not count.
    """
    entropies = []
    for alpha in alpha_parameters(network):
        count = int(alpha.isneginf().logical_not().sum())
        if count > 1:
            entropies.append(float(torch.special.entr(alpha.detach().softmax(dim=0)).sum()) / math.log(count))
    return sum(entropies) / len(entropies) if entropies else 0.0


@define
class EpochMean:
    """Running means of loss and accuracy, or another score, over the samples of an epoch."""

    count: int = 0
    total_loss: float = 0.0
    total_correct: float = 0.0

    @property
    def loss(self) -> float:
        """The mean loss of a sample."""
        return self.total_loss / self.count

    @property
    def accuracy(self) -> float:
        """The mean score of a sample: the accuracy, or another score."""
        return self.total_correct / self.count

    def add(self, loss: float, score: float, count: int) -> None:
        """Counts a step.

        Args:
            loss, score: means over its samples, of all processes.
            count: the number of these samples.
        """
        self.count += count
        self.total_loss += loss * count
        self.total_correct += score * count
