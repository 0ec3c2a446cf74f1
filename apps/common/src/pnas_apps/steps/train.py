"""The third step: the net that was found is trained, to ship."""

from attrs import frozen
from rich.console import Console
from torch import nn

from pnas_apps.run.run import Run
from pnas_apps.steps.net_training import retrain
from pnas_apps.steps.search import Searched
from pnas_apps.training.judging import accuracy
from pnas_ops import Architecture
from pnas_supernet import tuned


@frozen(kw_only=True, eq=False)
class TrainedNet:
    """A net with its weights.

    Attributes:
        architecture: what it is.
        network: the module, in evaluation mode, on the CPU, where files are made of it.
        epochs: of its training.
        accuracy: share of the test images that it classifies correctly.
    """

    architecture: Architecture
    network: nn.Module
    epochs: int
    accuracy: float


@frozen(kw_only=True, eq=False)
class Trained:
    """The net that was found, with its weights."""

    searched: Searched
    net: TrainedNet
    test_images: int

    def show(self, console: Console) -> None:
        """Prints how good the net is."""
        console.print(f"  {self.net.architecture.name}: {self.net.accuracy:.2%} of {self.test_images} test images")


def train(run: Run, searched: Searched) -> Trained:
    """Trains the searched net on from the weights that it has in the supernet; where it is trained, they are read.

    Raises:
        CheckpointError: for a checkpoint that cannot be resumed from.
        TrainingDivergedError: where the loss is not finite.
    """
    net, config = searched.architecture, run.preset.train
    with tuned(run.device, deterministic=run.deterministic):
        network = retrain(run, searched.supernet, net, config).eval()
        sized = run.sized_for(net)
        found = accuracy(network, sized.ordered_batches(sized.task.test), processes=run.processes)
    trained = TrainedNet(architecture=net, network=network.cpu(), epochs=config.epochs, accuracy=found)
    return Trained(searched=searched, net=trained, test_images=len(run.task.test))
