"""The default loss and score of a search: cross entropy and accuracy, of images or of pixels."""

from typing import Any

from attrs import frozen
from torch import Tensor
from torch.nn import functional


@frozen
class CrossEntropy:
    """The mean cross entropy of outputs (N, classes, ...) and labels (N, ...)."""

    label_smoothing: float

    def __call__(self, outputs: Any, labels: Any) -> Tensor:
        """A scalar.

        Raises:
            ValueError: for anything but tensors.
        """
        if not isinstance(outputs, Tensor) or not isinstance(labels, Tensor):
            raise ValueError(
                f"{_described(outputs)} and targets {_described(labels)} have no cross entropy: say what the loss is "
                "with ProxylessNAS(loss=..., score=...)"
            )
        return functional.cross_entropy(outputs, labels, label_smoothing=self.label_smoothing)


def accuracy(outputs: Any, labels: Any) -> Tensor:
    """The share of labels that are the class with the largest output, between 0 and 1.

    Args:
        outputs: (N, classes), or (N, classes, ...) with classes at every place, such as a pixel.
        labels: whole numbers, (N,) or (N, ...).

    Raises:
        ValueError: for outputs and labels that have no accuracy.
    """
    if (
        not isinstance(outputs, Tensor)
        or not isinstance(labels, Tensor)
        or outputs.ndim < 2
        or labels.is_floating_point()
        or outputs.shape[:1] + outputs.shape[2:] != labels.shape
    ):
        raise ValueError(
            f"{_described(outputs)} and targets {_described(labels)} have no accuracy: say what is good about them "
            "with a score=..., for ProxylessNAS and for a ReinforceStep"
        )
    return (outputs.argmax(dim=1) == labels).double().mean()


def _described(value: Any) -> str:
    return f"{value.dtype} of {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
