"""The hyper-parameters of a search."""

import math
from typing import Literal

import torch
from attrs import field, frozen
from attrs.validators import deep_iterable, in_

from pnas_ops import Range
from pnas_supernet.gates.path import (
    Sampler,
    sample_exact_gate,
    sample_single,
    sample_two_path_gate,
    sample_uniform,
    take_mixture,
)
from pnas_supernet.searching.precision import AUTOCAST_DTYPES, Precision

_EPOCHS = 1_000_000
_RATE = Range(0.0, 1e4, above=True)
_GATES: dict[str, Sampler] = {
    "exact": sample_exact_gate,
    "two-path": sample_two_path_gate,
    "darts": take_mixture,
    "one-shot": sample_uniform,  # no alpha learns from it
}
_WARMUP_PATHS = ("uniform", "fair")


@frozen(kw_only=True)
class SearchConfig:
    """Hyper-parameters of a search; the defaults are the original's for ImageNet, which takes batches of 256 images.

    Attributes:
        warmup_epochs: epochs of weight steps on paths that do not depend on alpha, before the architecture learns.
        epochs: epochs of alternating weight and architecture steps.
        warmup_paths: of the warm-up: "uniform", or "fair" (`FairPaths`), where each candidate gets as many steps as the
            others of its choice.
        arch_interval: weight steps for each architecture step.
        gate: which gradient the gates receive. Two are baselines: with "darts" all steps run the mixture of all
            candidates, at the memory of all of them; with "one-shot" the warm-up never ends and alpha does not learn,
            so nets must be judged by the weights (`InheritedWeights`).
        weight_lr: initial learning rate of SGD with Nesterov momentum in each phase; falls to zero as a cosine.
        weight_momentum: of SGD; 0 also means no Nesterov momentum.
        weight_decay: of the weights; alpha has none.
        label_smoothing: of the cross entropy, in both kinds of steps.
        alpha_lr: constant learning rate of Adam.
        alpha_betas: of Adam.
        precision: of the forward passes; "float16" scales the loss.
        micro_batches: parts that each batch is cut into, to save memory; their gradients add up. A search may be
            resumed with another number.
    """

    warmup_epochs: int = field(default=40, validator=Range(0, _EPOCHS, whole=True))
    epochs: int = field(default=120, validator=Range(1, _EPOCHS, whole=True))
    warmup_paths: Literal["uniform", "fair"] = field(default="uniform", validator=in_(_WARMUP_PATHS))
    arch_interval: int = field(default=5, validator=Range(1, 1_000_000, whole=True))
    gate: Literal["exact", "two-path", "darts", "one-shot"] = field(default="exact", validator=in_(tuple(_GATES)))
    weight_lr: float = field(default=0.025, validator=_RATE)
    weight_momentum: float = field(default=0.9, validator=Range(0.0, 1.0, below=True))
    weight_decay: float = field(default=4e-5, validator=Range(0.0, 1e3))
    label_smoothing: float = field(default=0.1, validator=Range(0.0, 1.0))
    alpha_lr: float = field(default=1e-3, validator=_RATE)
    alpha_betas: tuple[float, float] = field(default=(0.0, 0.999), validator=deep_iterable(Range(0.0, 1.0, below=True)))
    precision: Precision = field(default="float32", validator=in_(tuple(AUTOCAST_DTYPES)))
    micro_batches: int = field(default=1, eq=False, validator=Range(1, 100_000, whole=True))

    @property
    def gate_sampler(self) -> Sampler:
        """Draws the paths of architecture steps."""
        return _GATES[self.gate]

    def weight_sampler(self, epoch: int) -> Sampler:
        """Draws the paths of weight steps in this epoch, counted from 0 over both phases, unless they are fair."""
        if self.gate == "darts":
            return take_mixture
        return sample_uniform if self.is_warm_up(epoch) else sample_single

    def is_fair(self, epoch: int) -> bool:
        """Whether `FairPaths` draws the paths of weight steps in this epoch."""
        return self.warmup_paths == "fair" and self.is_warm_up(epoch) and self.gate != "darts"

    @property
    def autocast(self) -> torch.dtype | None:
        """The dtype that forward passes are cast to, if any."""
        return AUTOCAST_DTYPES[self.precision]

    def is_warm_up(self, epoch: int) -> bool:
        """Whether the architecture does not learn yet in this epoch, counted from 0 over both phases."""
        return self.gate == "one-shot" or epoch < self.warmup_epochs

    def weight_lr_at(self, epoch: float) -> float:
        """The learning rate of the weights after `epoch` epochs, which may be a fraction."""
        first, epochs = (0, self.warmup_epochs) if epoch < self.warmup_epochs else (self.warmup_epochs, self.epochs)
        return self.weight_lr * (1 + math.cos(math.pi * (epoch - first) / epochs)) / 2
