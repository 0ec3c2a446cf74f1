"""The last choice of a search, by how good nets are with the weights that the supernet has learnt for them."""

from collections.abc import Sequence

import torch
from attrs import define, evolve, field
from torch import Tensor

from pnas_apps.images.source import ImageSource
from pnas_apps.run.folder import SEARCHED
from pnas_apps.run.run import Run
from pnas_apps.steps.search_images import split_search_images
from pnas_latency import Limit, choose_within_budget, feasible_nets, fitted_probs
from pnas_ops import Architecture, Batches, Choices, Space, Trial, counted
from pnas_supernet import InheritedWeights, SuperNet, tuned

_STATISTICS, _JUDGED = 1_024, 5_000
"""Training images at most, that statistics of BatchNorm are taken of for each net, and that it is judged on."""


@define(kw_only=True, eq=False)
class ChoiceByWeights:
    """Chooses, by probabilities, a net within limits, of which as many random ones as the preset says are judged.

    It takes the best net by a linear fit of what these got by the supernet's weights (`fitted_probs`), with the gate
    "one-shot" the best of these. They are judged on training images which the weights have not learnt on, each once, in
    however many choices it comes up. The fit is of nets within the limits of the first choice. Where no random net was
    found, or none is better than another, the most probable one is taken.

    Attributes:
        run: of the space and the preset.
        supernet: at the end of the search.
    """

    run: Run
    supernet: SuperNet
    _values: dict[Choices, float] = field(factory=dict, init=False)
    _fitted: list[Tensor] | None = field(default=None, init=False)

    @property
    def by_probs(self) -> bool:
        """Whether the probabilities alone have chosen, since judged nets had nothing to say."""
        return not self._is_one_shot and self._fitted is None

    def __call__(self, probs: Sequence[Tensor], limits: Sequence[Limit]) -> Architecture:
        """The net that is chosen; an InfeasibleBudgetError where none is within the limits."""
        space = self.run.task.space
        if self._fitted is None:
            trials = self._judged(limits)
            if self._is_one_shot and trials:
                return space.architecture(max(trials, key=lambda trial: trial.value).choices, name=SEARCHED)
            self._fitted = fit_of_trials(space, trials)
        return choose_within_budget(self._fitted or probs, space, limits, name=SEARCHED)

    @property
    def _is_one_shot(self) -> bool:
        return self.run.preset.search.gate == "one-shot"

    def _judged(self, limits: Sequence[Limit]) -> list[Trial]:
        run = self.run
        judge, count = judge_by_weights(run, self.supernet), run.preset.judged_nets
        trials = trials_by_weights(run, judge, limits, count=count, known=self._values)
        if trials:
            run.reporter.line(f"  {_judged_line(trials, judged_by_weights(run))}")
        return trials


def trials_by_weights(
    run: Run,
    judge: InheritedWeights[Architecture],
    limits: Sequence[Limit],
    *,
    count: int,
    known: dict[Choices, float],
) -> list[Trial]:
    """Random nets within limits, and how good they are.

    Args:
        run: of the space; shows progress.
        judge: of nets.
        limits: that they keep.
        count: of nets, at most.
        known: values of nets that are not judged again; takes those of the others.
    """
    space = run.task.space
    nets = feasible_nets(space, limits).sample_several(count, run.generator("random nets"))
    with run.reporter.bar("judging nets by inherited weights", len(nets), "nets") as advance, tuned(run.device):
        for choices in nets:
            if choices not in known:
                known[choices] = judge.judge(space.architecture(choices), run.generator("judge", *choices)).value
            advance()
    return [Trial(choices=choices, value=known[choices]) for choices in nets]


def fit_of_trials(space: Space, trials: Sequence[Trial]) -> list[Tensor] | None:
    """`fitted_probs` of judged nets; None where none is better than another, so that these have nothing to say."""
    return fitted_probs(space.options, trials) if len({trial.value for trial in trials}) > 1 else None


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
