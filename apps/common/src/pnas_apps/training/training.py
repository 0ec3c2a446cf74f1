"""Training of one net."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from attrs import asdict, define, frozen
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pnas_apps.ground.randomness import seed_of
from pnas_apps.training.config import TrainConfig
from pnas_apps.training.judging import shown_score
from pnas_apps.training.regularization import make_mixing, training_view
from pnas_ops import Batches, Score, from_dict
from pnas_supernet import (
    AUTOCAST_DTYPES,
    DivergenceError,
    Execution,
    Loss,
    Readings,
    TrainingMode,
    accuracy,
    average,
    begin_momentum,
    check_identical,
    lay_out_momentum,
    refuse_not_finite_state,
    refuse_other_optimizer,
    seeded,
)


class TrainingDivergedError(DivergenceError):
    """The loss of a training is not a finite number."""


@frozen(kw_only=True)
class TrainRecord:
    """Mean loss and accuracy of one epoch over the augmented training images; the accuracy is the score, where there is
    another.
    """

    epoch: int
    loss: float
    accuracy: float

    def __str__(self) -> str:
        return f"{shown_score(self.accuracy)}, loss {self.loss:.3f}"


def make_optimizer(network: nn.Module, config: TrainConfig) -> torch.optim.SGD:
    """SGD with Nesterov momentum for every weight, in one pass over them (fused)."""
    # Decaying BatchNorm's scales and the biases, which are vectors, only slows them down.
    matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    optimizer = torch.optim.SGD(
        [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        lr=config.lr,
        momentum=config.momentum,
        nesterov=config.momentum > 0,
        fused=True,
    )
    if config.momentum > 0:
        begin_momentum(optimizer)
    return optimizer


@define
class _Seen:
    """Sums over the examples of an epoch so far."""

    count: int = 0
    loss: float = 0.0
    score: float = 0.0

    def add(self, count: int, loss: float, score: float) -> None:
        self.count += count
        self.loss += loss * count
        self.score += score * count


class Training:
    """A training that can be left and taken up between any two epochs.

    Args:
        network: is trained, on the device that it is on; what of it is in evaluation mode on purpose stays so
            (`pnas_supernet.TrainingMode`), and nothing that `config` adds for the training stays in it.
        config: hyper-parameters.
        seed: of dropout, stochastic depth and mixing.
        classes: how many there are; needed to mix labels.
        group: processes that train as one, each on its own part of every batch, and end with the same network. (The
            mean of their gradients is taken as in the search; BatchNorm sees one part, unless synchronized.)
        optimizer: of the network's parameters, at the learning rates of `config`; SGD as `config` has it if None.
        loss: of what the network gives and the targets; cross entropy, smoothed as `config` has it, if None.
        score: the score of outputs and targets that is recorded; accuracy if None.

    Raises:
        ValueError: where labels are to be mixed and the number of classes is not known, and for dropout in a net
            without a `pnas_ops.Classifier`, and dropped paths in one without a `pnas_ops.Tree`.
    """

    def __init__(
        self,
        network: nn.Module,
        config: TrainConfig,
        *,
        seed: int = 0,
        classes: int | None = None,
        group: dist.ProcessGroup | None = None,
        optimizer: torch.optim.Optimizer | None = None,
        loss: Loss | None = None,
        score: Score | None = None,
    ) -> None:
        self.network = network
        self.config = config
        self._loss = loss or partial(functional.cross_entropy, label_smoothing=config.label_smoothing)
        self._score = score or accuracy
        self.history: list[TrainRecord] = []
        self._seed = seed
        self._group = group
        self._device = next(network.parameters()).device
        self.optimizer = optimizer or make_optimizer(network, config)
        self._view = training_view(
            network,
            dropout=config.dropout,
            stochastic_depth=config.stochastic_depth,
            path_dropping=config.path_dropping,
            synchronized_in=group if config.sync_batch_norm and self._device.type == "cuda" else None,
        )
        self._readings = Readings.on(self._device)
        self._modes = (TrainingMode(network), TrainingMode(self._view))
        self._execution = Execution(
            autocast=AUTOCAST_DTYPES[config.precision],
            scaler=GradScaler(self._device.type) if config.precision == "float16" else None,
            micro_batches=config.micro_batches,
            group=group,
            readings=self._readings,
        )
        if (config.mixup or config.cutmix) and classes is None:
            raise ValueError("mixup and cutmix need the number of classes")
        self._mixing = make_mixing(mixup=config.mixup, cutmix=config.cutmix, classes=classes or 0)
        self._average: AveragedModel | None = None
        if config.ema_decay:
            # With the statistics, so that the average can be judged at any time.
            ema = get_ema_multi_avg_fn(config.ema_decay)  # type: ignore[no-untyped-call]
            self._average = AveragedModel(network, multi_avg_fn=ema, use_buffers=True)

    @property
    def epochs_left(self) -> int:
        """Epochs until the training is complete."""
        return self.config.epochs - len(self.history)

    @property
    def trained(self) -> nn.Module:
        """The net to judge and to ship: the average over the steps if there is one, otherwise the network itself."""
        return self.network if self._average is None else self._average.module

    def run_epoch(self, batches: Batches, *, on_step: Callable[[], None]) -> TrainRecord:
        """The next epoch.

        Args:
            batches: of this epoch; with several processes, this one's part of each.
            on_step: called after every step.

        Raises:
            TrainingDivergedError: where the loss is not finite, naming the step.
            DesynchronizedError, LostProcessError: where the processes do not hold together.
        """
        epoch = len(self.history)
        for mode in self._modes:
            mode.enter()
        self._check_processes(len(batches))
        lay_out_momentum(self.optimizer)
        seen = _Seen()
        try:
            for index, (images, labels) in enumerate(batches):
                for group in self.optimizer.param_groups:
                    group["lr"] = self.config.lr_at(epoch + (index + 1) / len(batches))
                rank = 0 if self._group is None else self._group.rank()
                with seeded(seed_of(self._seed, "training", epoch, index, rank), self._device):
                    loss, score = self._step(images, labels, where=f" at epoch {epoch}, step {index}")
                numbers = [loss, torch.as_tensor(score, dtype=torch.float64)]
                self._readings.then(numbers, partial(seen.add, len(labels)))
                self._readings.end_step()
                on_step()
            self._readings.read()
        except DivergenceError as error:
            raise TrainingDivergedError(error.what, "lower the learning rate") from None
        score = seen.score if self._group is None else self._join_processes(seen.score, self._group)
        self.history.append(TrainRecord(epoch=epoch, loss=seen.loss / seen.count, accuracy=score / seen.count))
        return self.history[-1]

    def state_dict(self) -> dict[str, Any]:
        """All that changes in a training, as tensors and plain values."""
        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": [asdict(record) for record in self.history],
        }
        if self._average is not None:
            state["average"] = self._average.state_dict()
        if self._execution.scaler is not None:
            state["scaler"] = self._execution.scaler.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resumes from what `state_dict` returned.

        Raises:
            ValueError, LookupError, TypeError, RuntimeError: for the state of something else.
        """
        refuse_not_finite_state(state)
        refuse_other_optimizer(self.optimizer, state["optimizer"])
        history = [from_dict(record, TrainRecord) for record in state["history"]]
        if [record.epoch for record in history] != list(range(len(history))) or len(history) > self.config.epochs:
            raise ValueError(f"its history does not have at most {self.config.epochs} epochs")
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history = history
        if self._average is not None:
            self._average.load_state_dict(state["average"])
        if self._execution.scaler is not None:
            self._execution.scaler.load_state_dict(state["scaler"])

    def _step(self, images: Tensor, labels: Tensor, *, where: str) -> tuple[Tensor, Tensor | float]:
        """The loss and the score, which takes a mixed image for what it mostly is."""
        targets = labels
        if self._mixing is not None:
            images, targets = self._mixing(images, labels)
            labels = targets.argmax(dim=1)
        self.optimizer.zero_grad()
        with self._readings.named(lambda: where):
            result = self._execution.gradients(self._view, images, targets, self._loss)
            self._execution.average_gradients(self.optimizer)
            self._execution.step(self.optimizer)
        if self._average is not None:
            self._average.update_parameters(self.network)
        return result.loss, self._score(result.outputs, labels)

    def _join_processes(self, score: float, group: dist.ProcessGroup) -> float:
        """Gives all processes the mean statistics of BatchNorm; returns the mean of `score`."""
        # They enter no step of a training, so that one mean at the end is as good as one at every step.
        averaged = [] if self._average is None else list(self._average.module.buffers())
        average([b for b in (*self.network.buffers(), *averaged) if b.is_floating_point()], group)
        mean_score = torch.tensor(score, dtype=torch.float64, device=self._device)
        average([mean_score], group)
        return float(mean_score)

    def _check_processes(self, batches: int) -> None:
        if self._group is not None:
            check_identical(self.network.state_dict() | {"the number of batches": batches}, self._group)
