"""Judging nets by the weights of their supernet."""

from typing import Generic

import torch
from attrs import field, frozen

from pnas_ops import Batches, Judgement, Range, Score, evaluating
from pnas_supernet.gates.supernet import HasNets, Net, extract
from pnas_supernet.gates.surroundings import seeded
from pnas_supernet.judging.recalibration import recalibrate
from pnas_supernet.searching.classification import accuracy
from pnas_supernet.searching.nested_batches import call, sample_count
from pnas_supernet.searching.passes import check_batches, one_pass

_WHAT = "batches to judge nets on"


@frozen(kw_only=True, eq=False)
class InheritedWeights(Generic[Net]):
    """A `pnas_ops.Judge` that trains nothing: a net inherits its weights from the supernet.

    BatchNorm statistics are computed anew for each net (`recalibrate`). The supernet does not change, bit for bit.

    Attributes:
        supernet: of the nets.
        statistics: training images, such as those that the weights learned on, without augmentation: a thousand are
            enough.
        validation: images that the weights did not learn on, and that are not test images either.
        score: of outputs and targets, a mean over the batch.
        images: number of training images in an epoch, by which `Judgement.epochs` is computed. A net is only run
            forward, which counts as a third of training on the same images.
    """

    supernet: HasNets[Net]
    statistics: Batches
    validation: Batches
    score: Score = accuracy
    images: int = field(validator=Range(1, 10**12, whole=True))

    def judge(self, architecture: Net, generator: torch.Generator) -> Judgement:
        """The mean score on the validation images.

        Args:
            architecture: of the supernet's space.
            generator: for nets that are random even in evaluation mode; without effect for all others.

        Raises:
            ValueError: for a net of another space.
            BatchesError: for no batch, and for batches that are used up after one pass.
        """
        check_batches(self.validation, _WHAT)
        net = extract(self.supernet, architecture)
        seed = int(torch.randint(2**62, (), generator=generator))
        with seeded(seed, next((parameter.device for parameter in net.parameters()), None)):
            seen = recalibrate(net, self.statistics)
            with evaluating(net):
                scores = [
                    (float(self.score(call(net, inputs), targets)), sample_count(inputs))
                    for inputs, targets in one_pass(self.validation, _WHAT)
                ]
        judged = sum(count for _, count in scores)
        value = sum(score * count for score, count in scores) / judged
        return Judgement(value=value, epochs=(seen + judged) / 3 / self.images)
