"""Training and evaluation mode, of modules that may have been put into one of them on purpose."""

from torch import nn

from pnas_ops import evaluating as evaluating


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
