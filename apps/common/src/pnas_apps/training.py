"""Training of one net from scratch, and judging it."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from attrs import asdict, field, frozen
from attrs.validators import ge, gt, le
from torch import Tensor, nn
from torch.nn import functional

from pnas_apps.errors import UserError
from pnas_apps.images import ImageBatches


@frozen(kw_only=True)
class TrainConfig:
    """Hyper-parameters of a training by SGD with Nesterov momentum.

    Attributes:
        epochs: passes over the training images.
        warmup_epochs: the learning rate rises from zero over the first of them, then falls to zero as a cosine.
        lr: the highest learning rate.
    """

    epochs: int = field(validator=ge(1))
    warmup_epochs: int = field(validator=ge(0))
    lr: float = field(validator=gt(0.0))
    momentum: float = field(validator=ge(0.0))
    weight_decay: float = field(validator=ge(0.0))
    label_smoothing: float = field(validator=[ge(0.0), le(1.0)])

    def lr_at(self, epoch: float) -> float:
        """The learning rate after `epoch` epochs."""
        if epoch < self.warmup_epochs:
            return self.lr * epoch / self.warmup_epochs
        progress = (epoch - self.warmup_epochs) / max(1, self.epochs - self.warmup_epochs)
        return self.lr * (1 + math.cos(math.pi * progress)) / 2


@frozen(kw_only=True)
class TrainRecord:
    """Mean loss and accuracy of one epoch over the augmented training images."""

    epoch: int
    loss: float
    accuracy: float


class Training:
    """A training that can be left and taken up between any two epochs."""

    def __init__(self, network: nn.Module, config: TrainConfig) -> None:
        self.network = network
        self.config = config
        self.history: list[TrainRecord] = []
        # Decaying BatchNorm's scales and the biases, which are vectors, only slows them down.
        matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
        vectors = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
        self.optimizer = torch.optim.SGD(
            [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
            lr=config.lr,
            momentum=config.momentum,
            nesterov=config.momentum > 0,
        )

    @property
    def epochs_left(self) -> int:
        """Epochs until the training is complete."""
        return self.config.epochs - len(self.history)

    def run_epoch(self, batches: ImageBatches, *, on_step: Callable[[], None]) -> TrainRecord:
        """The next epoch.

        Raises:
            UserError: where the loss is not finite.
        """
        epoch = len(self.history)
        self.network.train()
        total_loss = total_correct = total = 0.0
        for index, (images, labels) in enumerate(batches):
            for group in self.optimizer.param_groups:
                group["lr"] = self.config.lr_at(epoch + (index + 1) / len(batches))
            outputs = self.network(images)
            loss = functional.cross_entropy(outputs, labels, label_smoothing=self.config.label_smoothing)
            if not torch.isfinite(loss):
                raise UserError(f"the loss is {loss.item()} at epoch {epoch}, step {index}: lower --train-lr")
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            total_loss += float(loss.detach()) * len(labels)
            total_correct += float((outputs.argmax(dim=1) == labels).sum())
            total += len(labels)
            on_step()
        self.history.append(TrainRecord(epoch=epoch, loss=total_loss / total, accuracy=total_correct / total))
        return self.history[-1]

    def state_dict(self) -> dict[str, Any]:
        """All that changes in a training, as tensors and plain values."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": [asdict(record) for record in self.history],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from what `state_dict` returned."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history = [TrainRecord(**record) for record in state["history"]]


def accuracy(predict: Callable[[Tensor], Tensor], batches: Iterable[tuple[Tensor, Tensor]]) -> float:
    """Share of the images whose largest logit is that of their class.

    Args:
        predict: a net in evaluation mode, or a loaded file: images (N, C, H, W) to logits (N, classes).
        batches: images and labels.
    """
    correct = total = 0
    with torch.inference_mode():
        for images, labels in batches:
            correct += int((predict(images).argmax(dim=1) == labels).sum())
            total += len(labels)
    return correct / total
