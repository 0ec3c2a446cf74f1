"""The last choice of a search, by how good nets are with the weights that the supernet has learnt for them."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from attrs import define, field, frozen
from torch import Tensor, nn

from pnas_apps.ground.processes import Processes, Shared
from pnas_apps.ground.progress import Reporter
from pnas_apps.run.folder import SEARCHED, KeptRun
from pnas_apps.run.judged_nets import keep_judged, read_judged, weights_digest
from pnas_apps.run.run import Run
from pnas_apps.steps.saving import Saves
from pnas_apps.steps.weights_judge import WeightsJudge, judged_by_weights
from pnas_apps.training.judging import differ_beyond_chance, shown_scores
from pnas_latency import Limit, choose_within_budget, feasible_nets, fitted_probs
from pnas_ops import AnyNet, AnySpace, Choices, Judge, Trial, counted
from pnas_supernet import SuperNet, tuned


@frozen(kw_only=True, eq=False)
class RandomNets:
    """Random nets of a search, which are judged by the weights of its supernet.

    Attributes:
        space: of the nets.
        supernet: at the end of the search.
        judge: by its weights.
        count: how many nets.
        generator: draws for a purpose.
        told: in words, what they got.
        folder: of the run, which keeps what they got.
        processes: of which each judges its share.
        reporter: shows progress.
        deterministic: whether a GPU is to give the same bits every time.
    """

    space: AnySpace
    supernet: nn.Module
    judge: Judge
    count: int
    generator: Callable[..., torch.Generator]
    told: Callable[[Sequence[float]], str]
    folder: KeptRun[Any]
    processes: Processes
    reporter: Reporter
    deterministic: bool

    def value(self, choices: Choices) -> float:
        """How good a net is, whenever and in whichever process it is judged."""
        with tuned(self.processes.device, deterministic=self.deterministic):
            return self.judge.judge(self.space.architecture(choices), self.generator("judge", *choices)).value

    def trials(self, limits: Sequence[Limit], shared: Shared[Choices, float]) -> list[Trial]:
        """As many random nets within limits as there are to be, and how good they are.

        What they got is kept in the run's folder as it comes, if that takes little time of it, and not found out again.

        Args:
            limits: that they keep.
            shared: the values of nets.
        """
        nets = feasible_nets(self.space, limits).sample_several(self.count, self.generator("random nets"))
        weights = weights_digest(self.supernet)
        known, saves = read_judged(self.folder, weights, self.reporter.warn), Saves()
        left = [choices for choices in nets if choices not in known]
        with self.reporter.bar("judging nets with inherited weights", len(nets), "nets") as advance:
            advance(len(nets) - len(left))
            for choices, value in zip(left, shared(left), strict=True):
                known[choices] = value
                if saves.is_worth_it or choices == left[-1]:
                    saves.write(lambda: keep_judged(self.folder, weights, known))
                advance()
        return [Trial(choices=choices, value=known[choices]) for choices in nets]


def random_nets(run: Run, supernet: SuperNet) -> RandomNets:
    """Those of a run, judged on training images that the supernet's weights have not learnt on."""

    def told(values: Sequence[float]) -> str:
        images = judged_by_weights(run)
        line = f"{shown_scores(values)} accuracy on {counted(images, 'held-out image')}"
        if len(values) == 1 or differ_beyond_chance(values, images):
            return line
        return f"{line}, no further apart than equal nets by chance: the choice is a guess until there are more images"

    return RandomNets(
        space=run.task.space,
        supernet=supernet,
        judge=WeightsJudge(run=run, supernet=supernet),
        count=run.preset.judged_nets,
        generator=run.generator,
        told=told,
        folder=run.folder,
        processes=run.processes,
        reporter=run.reporter,
        deterministic=run.deterministic,
    )


@define(kw_only=True, eq=False)
class ChoiceByWeights:
    """Chooses, by probabilities, a net within limits, of which some random ones are judged.

    It takes the best net by a linear fit of what these got (`fitted_probs`), or the best of these. Each is judged once,
    in however many choices it comes up. The fit is of nets within the limits of the first choice. Where no random net
    was found, or none is better than another, the most probable one is taken.

    Attributes:
        nets: that are judged.
        shared: the values of nets.
        one_shot: whether the best of the judged nets is taken, since no probabilities were learnt.
    """

    nets: RandomNets
    shared: Shared[Choices, float]
    one_shot: bool
    _fitted: list[Tensor] | None = field(default=None, init=False)

    @property
    def by_probs(self) -> bool:
        """Whether the probabilities alone have chosen, since judged nets had nothing to say."""
        return not self.one_shot and self._fitted is None

    def __call__(self, probs: Sequence[Tensor], limits: Sequence[Limit]) -> AnyNet:
        """The net that is chosen; an InfeasibleBudgetError where none is within the limits."""
        space = self.nets.space
        if self._fitted is None:
            trials = self._judged(limits)
            if self.one_shot and trials:
                return space.architecture(max(trials, key=lambda trial: trial.value).choices, name=SEARCHED)
            self._fitted = fit_of_trials(space, trials)
        return choose_within_budget(self._fitted or probs, space, limits, name=SEARCHED)

    def _judged(self, limits: Sequence[Limit]) -> list[Trial]:
        trials = self.nets.trials(limits, self.shared)
        if trials:
            told = self.nets.told([trial.value for trial in trials])
            has = "has" if len(trials) == 1 else "have"
            self.nets.reporter.line(f"  {counted(len(trials), 'random net')} near the limits {has} {told}")
        return trials


def fit_of_trials(space: AnySpace, trials: Sequence[Trial]) -> list[Tensor] | None:
    """`fitted_probs` of judged nets; None where none is better than another, so that these have nothing to say."""
    return fitted_probs(space.options, trials) if len({trial.value for trial in trials}) > 1 else None
