"""The hyper-parameters of a training."""

import math
from typing import get_args

from attrs import field, frozen
from attrs.validators import ge, gt, in_, le, lt

from pnas_supernet import Precision


@frozen(kw_only=True)
class TrainConfig:
    """Hyper-parameters of a training by SGD with Nesterov momentum.

    Attributes:
        epochs: passes over the training images.
        warmup_epochs: the learning rate rises from zero over the first of them, then falls to zero as a cosine.
        lr: the highest learning rate.
        precision: of the forward passes; "float16" scales the loss.
        micro_batches: parts that each batch is cut into, whose gradients add up, for less memory.
        ema_decay: of the average of the weights and statistics over the steps, which is what is judged and shipped
            then; 0 for none. The average goes back about 1 / (1 - ema_decay) steps.
        dropout: share of the features before the classifier.
        stochastic_depth: share of the images that the last residual block is left out for; earlier ones less.
        path_dropping: share of the images that an edge of a tree is left out for; 0 in nets without trees.
        mixup, cutmix: alpha of these ways of mixing the images of a batch; 0 for none, see `make_mixing`.
        sync_batch_norm: whether several processes, on CUDA, take BatchNorm's statistics over their joined batch.
    """

    epochs: int = field(validator=ge(1))
    warmup_epochs: int = field(validator=ge(0))
    lr: float = field(validator=gt(0.0))
    momentum: float = field(validator=ge(0.0))
    weight_decay: float = field(validator=ge(0.0))
    label_smoothing: float = field(validator=[ge(0.0), le(1.0)])
    precision: Precision = field(default="float32", validator=in_(get_args(Precision)))
    micro_batches: int = field(default=1, validator=ge(1))
    ema_decay: float = field(default=0.0, validator=[ge(0.0), lt(1.0)])
    dropout: float = field(default=0.0, validator=[ge(0.0), lt(1.0)])
    stochastic_depth: float = field(default=0.0, validator=[ge(0.0), lt(1.0)])
    path_dropping: float = field(default=0.0, validator=[ge(0.0), lt(1.0)])
    mixup: float = field(default=0.0, validator=ge(0.0))
    cutmix: float = field(default=0.0, validator=ge(0.0))
    sync_batch_norm: bool = False

    def lr_at(self, epoch: float) -> float:
        """The learning rate after `epoch` epochs."""
        if epoch < self.warmup_epochs:
            return self.lr * epoch / self.warmup_epochs
        progress = (epoch - self.warmup_epochs) / max(1, self.epochs - self.warmup_epochs)
        return self.lr * (1 + math.cos(math.pi * progress)) / 2
