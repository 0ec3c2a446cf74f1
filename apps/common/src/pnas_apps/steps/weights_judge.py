"""What judges the nets of a run by the weights that its supernet has learnt for them."""

import torch
from attrs import evolve, field, frozen

from pnas_apps.images.source import ImageSource
from pnas_apps.run.run import Run
from pnas_apps.steps.search_images import split_search_images
from pnas_ops import Architecture, Batches, Judgement
from pnas_supernet import InheritedWeights, SuperNet

STATISTICS, JUDGED = 1_024, 5_000
"""Training images at most, that statistics of BatchNorm are taken of for each net, and that it is judged on."""


@frozen(kw_only=True, eq=False)
class WeightsJudge:
    """A `pnas_ops.Judge` by the weights of a run's supernet, on training images which these have not learnt on.

    A net sees them in the size that it takes.
    """

    run: Run
    supernet: SuperNet
    _of_sizes: dict[int, InheritedWeights[Architecture]] = field(factory=dict, init=False)

    def judge(self, architecture: Architecture, generator: torch.Generator) -> Judgement:
        """The share of the images that a net classifies correctly; see `InheritedWeights.judge`."""
        size = architecture.resolution
        if size not in self._of_sizes:
            self._of_sizes[size] = _inherited(self.run.sized_for(architecture), self.supernet)
        return self._of_sizes[size].judge(architecture, generator)


def judged_by_weights(run: Run) -> int:
    """The number of images that a net is judged on."""
    _, held_out = split_search_images(run.task.train, run.preset, run.generator)
    return min(len(held_out), JUDGED)


def batches_by_weights(run: Run) -> int:
    """The number of batches that a net is taken through to judge it, forward alone."""
    weights, _ = split_search_images(run.task.train, run.preset, run.generator)
    size = run.preset.batch_size
    return statistics_images(len(weights), size) // size + -(-judged_by_weights(run) // size)


def statistics_images(images: int, batch_size: int) -> int:
    """Of how many images the statistics are: of whole batches, since of a rest of one image there is no variance."""
    return max(1, min(STATISTICS, images) // batch_size) * batch_size


def _inherited(run: Run, supernet: SuperNet) -> InheritedWeights[Architecture]:
    weights, held_out = split_search_images(run.task.train, run.preset, run.generator)
    return InheritedWeights(
        supernet=supernet,
        statistics=_batches(run, weights, statistics_images(len(weights), run.preset.batch_size), "statistics"),
        validation=_batches(run, held_out, JUDGED, "judged"),
        images=len(run.task.train),
    )


def _batches(run: Run, images: ImageSource, most: int, purpose: str) -> Batches:
    """At most so many unaugmented images, shuffled once and for all: the same ones for every net.

    A net is judged by one process, which looks at whole batches.
    """
    mixed = images.subset(torch.randperm(len(images), generator=run.generator(purpose))[:most])
    return mixed.plain_batches(
        batch_size=run.preset.batch_size,
        generator=None,
        loading=evolve(run.loading, rank=0, world_size=1),
        device=run.device,
    )
