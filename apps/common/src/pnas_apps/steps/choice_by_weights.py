"""The last choice of a search, by how good nets are with the weights that the supernet has learnt for them."""

from collections.abc import Callable, Sequence

import torch
from attrs import evolve
from torch import Tensor

from pnas_apps.images.source import ImageSource
from pnas_apps.run.folder import SEARCHED
from pnas_apps.run.run import Run
from pnas_apps.steps.search_images import split_search_images
from pnas_latency import Limit, choose_within_budget, feasible_nets, fitted_probs
from pnas_ops import Architecture, Batches, Choices, Trial, counted
from pnas_supernet import InheritedWeights, SuperNet, tuned

_STATISTICS, _JUDGED = 1_024, 5_000
"""Training images at most, that statistics of BatchNorm are taken of for each net, and that it is judged on."""


def choose_by_weights(run: Run, supernet: SuperNet) -> Callable[[Sequence[Tensor], Sequence[Limit]], Architecture]:
    """A function that chooses, by probabilities, a net within limits, of which as many random ones as the preset says
    are judged by the supernet's weights.

    It takes the best net by a linear fit of what these got (`fitted_probs`), with the gate "one-shot" the best of
    these. They are judged on training images which the weights have not learnt on, each once, in however many choices
    it comes up. The fit is of nets within the limits of the first choice. Where no random net was found, or none is
    better than another, the most probable one is taken.
    """
    space, one_shot = run.task.space, run.preset.search.gate == "one-shot"
    values: dict[Choices, float] = {}
    fitted: list[Tensor] = []

    def choose(probs: Sequence[Tensor], limits: Sequence[Limit]) -> Architecture:
        if fitted:
            return choose_within_budget(fitted, space, limits, name=SEARCHED)
        trials = trials_by_weights(run, judge_by_weights(run, supernet), limits, known=values)
        if trials:
            run.reporter.line(f"  {_judged_line(trials, judged_by_weights(run))}")
        if one_shot and trials:
            return space.architecture(max(trials, key=lambda trial: trial.value).choices, name=SEARCHED)
        if tell_apart(trials):
            fitted.extend(fitted_probs(space.options, trials))
        return choose_within_budget(fitted or probs, space, limits, name=SEARCHED)

    return choose


def trials_by_weights(
    run: Run, judge: InheritedWeights[Architecture], limits: Sequence[Limit], *, known: dict[Choices, float]
) -> list[Trial]:
    """As many random nets within limits as the preset says, and how good they are.

    Args:
        run: of the space and the preset; shows progress.
        judge: of nets.
        limits: that they keep.
        known: values of nets that are not judged again; takes those of the others.
    """
    space = run.task.space
    nets = feasible_nets(space, limits).sample_several(run.preset.judged_nets, run.generator("random nets"))
    with run.reporter.bar("judging nets by inherited weights", len(nets), "nets") as advance, tuned(run.device):
        for choices in nets:
            if choices not in known:
                known[choices] = judge.judge(space.architecture(choices), run.generator("judge", *choices)).value
            advance()
    return [Trial(choices=choices, value=known[choices]) for choices in nets]


def tell_apart(trials: Sequence[Trial]) -> bool:
    """Whether nets were judged of which one is better than another: otherwise a fit of them has nothing to say."""
    return len({trial.value for trial in trials}) > 1


def _judged_line(trials: Sequence[Trial], images: int) -> str:
    values = [trial.value for trial in trials]
    right = f"{min(values):.1%} to {max(values):.1%} of {counted(images, 'held-out image')} right"
    return f"{counted(len(trials), 'random net')} near the limits put {right}"


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


def batches_by_weights(run: Run) -> int:
    """The number of batches that `judge_by_weights` takes a net through, forward alone."""
    weights, _ = split_search_images(run.task.train, run.preset, run.generator)
    size = run.preset.batch_size
    return max(1, min(_STATISTICS, len(weights)) // size) + -(-judged_by_weights(run) // size)


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
