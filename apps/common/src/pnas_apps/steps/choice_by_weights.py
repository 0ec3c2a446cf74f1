"""The last choice of a search: of the nets within the budget that are likely the best by the supernet's weights."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice

import torch
from attrs import evolve
from torch import Tensor

from pnas_apps.images.source import ImageSource
from pnas_apps.run.folder import SEARCHED
from pnas_apps.run.run import Run
from pnas_apps.steps.search_images import split_search_images
from pnas_latency import Limit, feasible_nets, most_probable_within_budget
from pnas_ops import Architecture, Batches, Choices, ScarceNetsError, Space
from pnas_supernet import InheritedWeights, SuperNet, tuned

_STATISTICS, _JUDGED = 1_024, 5_000
"""Training images at most, that statistics of BatchNorm are taken of for each net, and that it is judged on."""


def choose_by_weights(run: Run, supernet: SuperNet) -> Callable[[Sequence[Tensor], Sequence[Limit]], Architecture]:
    """A function that chooses, by probabilities, a net within limits: the best-scoring of as many as the preset says.

    The score is that on training images which the weights of the supernet have not learnt on. A net is judged once, in
    however many choices it comes up.
    """
    space, count = run.task.space, run.preset.judged_nets
    values: dict[Choices, float] = {}

    def candidates(probs: Sequence[Tensor], limits: Sequence[Limit]) -> list[Architecture]:
        most_probable = islice(most_probable_within_budget(probs, space, limits, name=SEARCHED), count)
        if run.preset.search.gate != "one-shot":
            return [*most_probable]
        drawn = random_nets(space, limits, count, run.generator("random nets"))
        return [space.architecture(choices, name=SEARCHED) for choices in drawn] or [*most_probable]

    def choose(probs: Sequence[Tensor], limits: Sequence[Limit]) -> Architecture:
        nets = candidates(probs, limits)
        judge = judge_by_weights(run, supernet)
        with run.reporter.bar("judging nets by inherited weights", len(nets), "nets") as advance, tuned(run.device):
            for net in nets:
                choices = space.choices(net)
                if choices not in values:
                    values[choices] = judge.judge(net, run.generator("judge", *choices)).value
                advance()
        # Of equally good ones the first, which is the most probable.
        return max(nets, key=lambda net: values[space.choices(net)])

    return choose


def random_nets(space: Space, limits: Sequence[Limit], count: int, generator: torch.Generator) -> list[Choices]:
    """At most `count` random nets within limits, each once."""
    nets, drawn = feasible_nets(space, limits), list[Choices]()
    with suppress(ScarceNetsError):
        while len(drawn) < count and (choices := nets.sample(generator, taken=frozenset(drawn))) is not None:
            drawn.append(choices)
    return drawn


def judge_by_weights(run: Run, supernet: SuperNet) -> InheritedWeights[Architecture]:
    """A judge by the weights of a run's supernet, on training images which these have not learnt on."""
    weights, held_out = split_search_images(run.task.train, run.preset, run.generator)
    # Whole batches, since of a rest of one image there is no variance.
    most = max(1, min(_STATISTICS, len(weights)) // run.preset.batch_size) * run.preset.batch_size
    return InheritedWeights(
        supernet=supernet,
        statistics=_batches(run, weights, most, "statistics"),
        validation=_batches(run, held_out, _JUDGED, "judged"),
        images=len(run.task.train),
    )


def judged_by_weights(run: Run) -> int:
    """The number of images that `judge_by_weights` judges a net on."""
    _, held_out = split_search_images(run.task.train, run.preset, run.generator)
    return min(len(held_out), _JUDGED)


def _batches(run: Run, images: ImageSource, most: int, purpose: str) -> Batches:
    """At most so many unaugmented images, shuffled once and for all: the same ones for every net.

    Whoever chooses does so in one process for all, which looks at whole batches.
    """
    mixed = images.subset(torch.randperm(len(images), generator=run.generator(purpose))[:most])
    return mixed.plain_batches(
        batch_size=run.preset.batch_size,
        generator=None,
        loading=evolve(run.loading, rank=0, world_size=1),
        device=run.device,
    )
