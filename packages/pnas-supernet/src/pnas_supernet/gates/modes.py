"""Training and evaluation mode, for modules that may have been put into one of them on purpose."""

from torch import nn

from pnas_ops import evaluating as evaluating


class TrainingMode:
    """The training mode of a network, in which parts that were put into evaluation mode on purpose stay there.

    BatchNorm that keeps its pretrained statistics is such a part. These parts are those in evaluation mode while the
    network itself is in training mode, as last seen: now, or when the mode is entered.

    Args:
        network: is not changed before `enter`.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._in_eval: list[nn.Module] = []
        self._look()

    def enter(self) -> None:
        """Puts the network into this mode."""
        self._look()
        self._network.train()
        for module in self._in_eval:
            module.train(False)

    def _look(self) -> None:
        if self._network.training:
            self._in_eval = [module for module in self._network.modules() if not module.training]
