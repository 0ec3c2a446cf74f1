"""The hyper-parameters of a training."""

import math
from typing import get_args

from attrs import field, frozen
from attrs.validators import in_

from pnas_ops import Range
from pnas_supernet import Precision

_EPOCHS = 1_000_000
_SHARE = Range(0.0, 1.0, below=True)
_ALPHA = Range(0.0, 1e3)


@frozen(kw_only=True)
class TrainConfig:
    """Hyper-parameters of a training by SGD with Nesterov momentum.

    Attributes:
        epochs: passes over the training images.
        warmup_epochs: the learning rate rises from zero over the first of them, then falls to zero as a cosine.
        lr: the highest learning rate.
        precision: of the forward passes; "float16" scales the loss.
        micro_batches: parts that each batch is cut into, whose gradients add up, for less memory; a training may go on
            with another number.
        ema_decay: of the average of the weights and statistics over the steps, which is what is judged and shipped
            then; 0 for none. The average goes back about 1 / (1 - ema_decay) steps.
        dropout: share of the features before the classifier.
        stochastic_depth: share of the images that the last residual block is left out for; earlier ones less.
        path_dropping: share of the images that an edge of a tree is left out for; 0 in nets without trees.
        mixup, cutmix: alpha of these ways of mixing the images of a batch; 0 for none, see `make_mixing`.
        sync_batch_norm: whether several processes, on CUDA, take BatchNorm's statistics over their joined batch.
    """

    epochs: int = field(validator=Range(1, _EPOCHS, whole=True))
    warmup_epochs: int = field(validator=Range(0, _EPOCHS, whole=True))
    lr: float = field(validator=Range(0.0, 1e4, above=True))
    momentum: float = field(validator=_SHARE)
    weight_decay: float = field(validator=Range(0.0, 1e3))
    label_smoothing: float = field(validator=Range(0.0, 1.0))
    precision: Precision = field(default="float32", validator=in_(get_args(Precision)))
    micro_batches: int = field(default=1, eq=False, validator=Range(1, 100_000, whole=True))
    ema_decay: float = field(default=0.0, validator=_SHARE)
    dropout: float = field(default=0.0, validator=_SHARE)
    stochastic_depth: float = field(default=0.0, validator=_SHARE)
    path_dropping: float = field(default=0.0, validator=_SHARE)
    mixup: float = field(default=0.0, validator=_ALPHA)
    cutmix: float = field(default=0.0, validator=_ALPHA)
    sync_batch_norm: bool = False

    def __attrs_post_init__(self) -> None:
        if self.warmup_epochs > self.epochs:
            raise ValueError(
                f"'warmup_epochs' are the first of the 'epochs' and cannot outnumber them: {self.warmup_epochs} of "
                f"{self.epochs}, give at most {self.epochs}"
            )

    def lr_at(self, epoch: float) -> float:
        """The learning rate after `epoch` epochs."""
        if epoch < self.warmup_epochs:
            return self.lr * epoch / self.warmup_epochs
        progress = (epoch - self.warmup_epochs) / max(1, self.epochs - self.warmup_epochs)
        return self.lr * (1 + math.cos(math.pi * progress)) / 2
