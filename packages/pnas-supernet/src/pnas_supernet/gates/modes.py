"""Training and evaluation mode, of modules that may have been put into one of them on purpose."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


class TrainingMode:
    """The training mode of a network, in which what was in evaluation mode on its own stays so.

    BatchNorm that keeps the statistics it was pretrained with is such a part. They are those that are in evaluation
    mode of a network that is not, when it was last seen so: now, or when the mode is entered.

    Args:
        network: is left as it is until `enter`.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._in_eval: list[nn.Module] = []
        self._look()

    def enter(self) -> None:
        """Puts the network into it."""
        self._look()
        self._network.train()
        for module in self._in_eval:
            module.train(False)

    def _look(self) -> None:
        if self._network.training:
            self._in_eval = [module for module in self._network.modules() if not module.training]


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Inside the `with` block all of the module is in evaluation mode, without gradients; after it, as it was."""
    modes = {part: part.training for part in module.modules()}
    try:
        module.eval()
        with torch.no_grad():
            yield
    finally:
        for part, training in modes.items():
            part.training = training
