"""The search as a whole: warm-up of the weights, then weights and architecture in turn."""

import math
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, Literal, Protocol

import torch
from attrs import asdict, field, frozen
from attrs.validators import deep_iterable, ge, gt, in_, le, lt
from torch import Tensor, nn
from torch.nn import functional

from pnas_supernet.history import EpochMean, EpochRecord, relative_entropy
from pnas_supernet.mixed_op import alpha_parameters, mixed_ops, sample_paths, weight_parameters
from pnas_supernet.path import sample_exact_gate, sample_single, sample_two_path_gate, sample_uniform
from pnas_supernet.steps import Penalty, arch_step, weight_step

Batch = tuple[Tensor, Tensor]


class Batches(Sized, Iterable[Batch], Protocol):
    """The batches of one epoch: inputs (N, C, H, W) and labels (N,), on the network's device."""


@frozen(kw_only=True)
class SearchConfig:
    """Hyper-parameters of a search; the defaults are the original's for ImageNet, but for the numbers of epochs.

    Attributes:
        warmup_epochs: epochs of weight steps on uniform paths before the architecture learns.
        epochs: epochs of weight and architecture steps in turn.
        arch_interval: weight steps for each architecture step.
        gate: which gradient the gates receive.
        weight_lr: at the start of either phase, of SGD with Nesterov momentum; falls to zero as a cosine.
        alpha_lr: of Adam, constant.
    """

    warmup_epochs: int = field(validator=ge(0))
    epochs: int = field(validator=ge(1))
    arch_interval: int = field(default=5, validator=ge(1))
    gate: Literal["exact", "two-path"] = field(default="exact", validator=in_(("exact", "two-path")))
    weight_lr: float = field(default=0.025, validator=gt(0.0))
    weight_momentum: float = field(default=0.9, validator=gt(0.0))
    weight_decay: float = field(default=4e-5, validator=ge(0.0))
    label_smoothing: float = field(default=0.1, validator=[ge(0.0), le(1.0)])
    alpha_lr: float = field(default=1e-3, validator=gt(0.0))
    alpha_betas: tuple[float, float] = field(default=(0.0, 0.999), validator=deep_iterable([ge(0.0), lt(1.0)]))


class Search:
    """A search that can be left and taken up between any two epochs.

    Args:
        network: any module that holds `MixedOp`s.
        config: hyper-parameters.
        penalty: of the probabilities of every `MixedOp`; added to the loss of architecture steps.
        generator: source of the sampled paths, on the CPU.
    """

    def __init__(
        self, network: nn.Module, config: SearchConfig, *, penalty: Penalty | None, generator: torch.Generator
    ) -> None:
        self.network = network
        self.config = config
        self.penalty = penalty
        self.generator = generator
        self.history: list[EpochRecord] = []
        self.weight_optimizer = torch.optim.SGD(
            weight_parameters(network),
            lr=config.weight_lr,
            momentum=config.weight_momentum,
            weight_decay=config.weight_decay,
            nesterov=True,
        )
        self.alpha_optimizer = torch.optim.Adam(
            alpha_parameters(network), lr=config.alpha_lr, betas=config.alpha_betas, weight_decay=0.0
        )

    @property
    def epochs_left(self) -> int:
        """Epochs until the search is complete, warm-up included."""
        return self.config.warmup_epochs + self.config.epochs - len(self.history)

    def run_epoch(
        self, train: Batches, validation: Batches, *, on_step: Callable[[], None] | None = None
    ) -> EpochRecord:
        """The next epoch: one weight step a batch of `train`, and after the warm-up one architecture step every few.

        Args:
            train: the batches of this epoch.
            validation: batches for the architecture, gone through again when they are used up.
            on_step: called after every weight step.

        Raises:
            DivergenceError: where the loss is not finite; the epoch does not count.
        """
        config, epoch = self.config, len(self.history)
        warming_up = epoch < config.warmup_epochs
        first, epochs = (0, config.warmup_epochs) if warming_up else (config.warmup_epochs, config.epochs)
        gate_sampler = sample_exact_gate if config.gate == "exact" else sample_two_path_gate
        train_mean, validation_mean = EpochMean(), EpochMean()
        validation_stream = _repeat(validation)
        self.network.train()
        for index, batch in enumerate(train):
            progress = (epoch - first + index / len(train)) / epochs
            self.weight_optimizer.param_groups[0]["lr"] = config.weight_lr * (1 + math.cos(math.pi * progress)) / 2
            paths = sample_paths(self.network, sample_uniform if warming_up else sample_single, self.generator)
            step = weight_step(self.network, *batch, paths=paths, loss=self._loss, optimizer=self.weight_optimizer)
            train_mean.add(step, batch[1], f"epoch {epoch}, weight step {index}")
            if not warming_up and (index + 1) % config.arch_interval == 0:
                held_out = next(validation_stream)
                step = arch_step(
                    self.network,
                    *held_out,
                    paths=sample_paths(self.network, gate_sampler, self.generator),
                    loss=self._loss,
                    optimizer=self.alpha_optimizer,
                    penalty=self.penalty,
                )
                validation_mean.add(step, held_out[1], f"epoch {epoch}, architecture step after weight step {index}")
            if on_step is not None:
                on_step()
        self.history.append(
            EpochRecord(
                epoch=epoch,
                phase="warm-up" if warming_up else "search",
                train_loss=train_mean.loss,
                train_accuracy=train_mean.accuracy,
                validation_loss=validation_mean.loss if validation_mean.count else None,
                validation_accuracy=validation_mean.accuracy if validation_mean.count else None,
                entropy=relative_entropy(self.network),
                probs=tuple(tuple(op.probs.tolist()) for op in mixed_ops(self.network)),
            )
        )
        return self.history[-1]

    def state_dict(self) -> dict[str, Any]:
        """All that changes in a search, as tensors and plain values: enough to go on bit for bit."""
        return {
            "network": self.network.state_dict(),
            "weight_optimizer": self.weight_optimizer.state_dict(),
            "alpha_optimizer": self.alpha_optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "history": [asdict(record) for record in self.history],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from what `state_dict` returned."""
        self.network.load_state_dict(state["network"])
        self.weight_optimizer.load_state_dict(state["weight_optimizer"])
        self.alpha_optimizer.load_state_dict(state["alpha_optimizer"])
        self.generator.set_state(state["generator"])
        self.history = [EpochRecord(**record) for record in state["history"]]

    def _loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(outputs, labels, label_smoothing=self.config.label_smoothing)


def _repeat(batches: Iterable[Batch]) -> Iterator[Batch]:
    while True:
        yield from batches
