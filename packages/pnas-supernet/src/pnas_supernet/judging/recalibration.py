"""Statistics of BatchNorm that belong to the net which they are in."""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from pnas_ops import Batches
from pnas_supernet.gates.modes import TrainingMode
from pnas_supernet.searching.nested_batches import call, sample_count
from pnas_supernet.searching.passes import check_batches, one_pass

_WHAT = "batches to take the statistics of"


def recalibrate(network: nn.Module, batches: Batches) -> int:
    """Recalibrates the running statistics of BatchNorm: the means, over these batches, of each one's mean and variance.

    In a supernet they are a blend of those of all paths, with which a single net is next to chance (Bender et al.
    2018). Everything else of the network is in evaluation mode meanwhile, dropout above all, and no weight changes.
    BatchNorm that was in evaluation mode on its own keeps its statistics, and one without any is left alone.

    Args:
        network: changes in place, and is in evaluation mode afterwards; a supernet should give a copy (`extract`).
        batches: training images, never those that the net is judged on.

    Returns:
        How many images there were.

    Raises:
        BatchesError: where there is no batch, and for batches that are used up after one pass.
    """
    check_batches(batches, _WHAT)
    TrainingMode(network).enter()
    norms = [one for one in network.modules() if isinstance(one, _BatchNorm) and one.training]
    network.eval()
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # which makes PyTorch take the plain mean over all batches
        norm.train()
    count = 0
    with torch.no_grad():
        for inputs, _ in one_pass(batches, _WHAT):
            call(network, inputs)
            count += sample_count(inputs)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
    return count
