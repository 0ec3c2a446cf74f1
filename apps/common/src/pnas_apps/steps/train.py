"""The third step: the net that was found is trained, and those that it is compared with."""

from attrs import frozen
from rich.console import Console
from torch import nn

from pnas_apps.run.run import Run
from pnas_apps.steps.net_training import retrain
from pnas_apps.steps.reference_nets import biggest, fastest
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
        accuracy: share of the test images that it puts into their class.
    """

    architecture: Architecture
    network: nn.Module
    epochs: int
    accuracy: float


@frozen(kw_only=True, eq=False)
class Trained:
    """The nets of a run; the one that was searched is the first."""

    searched: Searched
    nets: tuple[TrainedNet, ...]
    test_images: int

    def show(self, console: Console) -> None:
        """Prints how good the nets are."""
        for net in self.nets:
            console.print(f"  {net.architecture.name}: {net.accuracy:.2%} of {self.test_images} test images")


def train(run: Run, searched: Searched) -> Trained:
    """Trains the searched, the fastest and the biggest net of the space; those whose weights are there are read.

    Raises:
        CheckpointError: for a checkpoint that cannot be gone on from.
        TrainingDivergedError: where a loss is not finite.
    """
    configs = {
        searched.architecture: run.preset.train,
        fastest(run.task.space, searched.tabled.table): run.preset.reference_train,
        biggest(run.task.space): run.preset.reference_train,
    }
    nets = []
    with tuned(run.device, deterministic=run.deterministic):
        for net, config in configs.items():
            network = retrain(run, searched.supernet, net, config).eval()
            sized = run.sized_for(net)
            test = sized.ordered_batches(sized.task.test)
            found = accuracy(network, test, processes=run.processes)
            nets.append(TrainedNet(architecture=net, network=network.cpu(), epochs=config.epochs, accuracy=found))
    return Trained(searched=searched, nets=tuple(nets), test_images=len(run.task.test))
