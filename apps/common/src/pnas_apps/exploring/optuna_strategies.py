"""Optuna's samplers as strategies."""

from collections.abc import Callable, Collection

import optuna
import torch
from attrs import define, field
from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler, NSGAIISampler, TPESampler
from optuna.study import StudyDirection
from optuna.trial import TrialState

from pnas_apps.exploring.named_strategies import RANDOM_AT_FIRST
from pnas_apps.exploring.quiet_optuna import quiet_optuna
from pnas_ops import Choices, FeasibleNets, PlainStrategy, Trial

_PROPOSALS = 5
_SEEDS = 2**31


@define(kw_only=True, eq=False)
class OptunaStrategy(PlainStrategy):
    """A sampler of Optuna proposes nets, until one is within the limits and not taken.

    Where it proposes none, the net is one near its last proposal. Each ask has a sampler of its own, seeded by the
    generator: what it knows is what it was told.

    Attributes:
        sampler: makes one of a seed.
        costs: how many costs a trial has beside its value.
    """

    sampler: Callable[[int], BaseSampler]
    costs: int = 0
    _study: optuna.Study = field(init=False)
    _distributions: dict[str, CategoricalDistribution] = field(init=False)

    def __attrs_post_init__(self) -> None:
        with quiet_optuna():
            directions = [StudyDirection.MAXIMIZE, *[StudyDirection.MINIMIZE] * self.costs]
            self._study = optuna.create_study(directions=directions)
        options = self.nets.space.options
        self._distributions = {f"{i:05}": CategoricalDistribution(range(count)) for i, count in enumerate(options)}

    def ask(self, generator: torch.Generator, *, taken: Collection[Choices] = ()) -> Choices | None:
        """A proposal, or a net near one."""
        taken, space = frozenset(taken), self.nets.space
        self._study.sampler = self.sampler(int(torch.randint(_SEEDS, (), generator=generator)))
        asked, found = self._study.ask(), None
        for _ in range(_PROPOSALS):
            choices = space.choices(space.architecture(self._proposed(asked.number)))
            if choices not in taken and self.nets.fits(choices):
                found = choices
                break
        # What comes of it is told as another trial, perhaps by another worker.
        self._study.tell(asked, state=TrialState.FAIL)
        return self.nets.near(choices, generator, taken=taken) if found is None else found

    def _proposed(self, number: int) -> Choices:
        """The sampler's proposal for the trial of this number, obtained as `Trial.suggest_categorical` does."""
        study, sampler = self._study, self._study.sampler
        trial = study.get_trials(deepcopy=False)[number]
        params = sampler.sample_relative(study, trial, sampler.infer_relative_search_space(study, trial))
        for name, distribution in self._distributions.items():
            if distribution.single():
                params[name] = 0
            elif name not in params:
                params[name] = sampler.sample_independent(study, trial, name, distribution)
        return tuple(params[name] for name in self._distributions)

    def tell(self, trial: Trial) -> None:
        """The study learns of it."""
        sampler = self._study.sampler = self.sampler(0)
        self._study.enqueue_trial(dict(zip(self._distributions, trial.choices, strict=True)))
        asked = self._study.ask(dict(self._distributions))
        if isinstance(sampler, NSGAIISampler):
            # What was not proposed by the sampler would belong to no generation, and have no children.
            sampler.get_trial_generation(self._study, self._study.get_trials(deepcopy=False)[asked.number])
        self._study.tell(asked, [trial.value, *trial.costs])


def tpe(nets: FeasibleNets, *, costs: int = 0) -> OptunaStrategy:
    """Bayesian search by the tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011)."""
    return OptunaStrategy(
        nets=nets, sampler=lambda seed: TPESampler(seed=seed, n_startup_trials=RANDOM_AT_FIRST["tpe"]), costs=costs
    )


def nsga2(nets: FeasibleNets, *, costs: int = 0) -> OptunaStrategy:
    """Evolution for several aims: NSGA-II (Deb et al., IEEE Trans. Evol. Comput. 2002), 20 nets in a generation."""
    return OptunaStrategy(
        nets=nets, sampler=lambda seed: NSGAIISampler(population_size=RANDOM_AT_FIRST["nsga2"], seed=seed), costs=costs
    )
