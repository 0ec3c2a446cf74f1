"""An exploration as its command line asks for it, as data. Imports nothing heavy, since command lines build it."""

from typing import Literal

from attrs import field, frozen
from attrs.validators import ge, optional

from pnas_apps.run.search_start import SearchStart

JudgeName = Literal["scratch", "inherited", "predictor", "table", "naswot", "synflow"]
"""Trained from scratch for a few epochs, by the weights of a search, guessed by a predictor, looked up in a table, or
untrained by a proxy."""

Aim = Literal["latency", "macs"]
"""What is to be small beside a good value."""


@frozen(kw_only=True)
class ExplorationSettings:
    """What is explored how; equal for an exploration to resume, except how far it goes.

    Attributes:
        strategy: name of what proposes nets.
        judge: name of what says how good they are.
        judge_epochs: of the training of each net that is trained to judge it.
        accuracies: hash of the file of a judge that looks them up, or learns from them; None of another.
        weights: the search whose weights nets are judged with; None of another judge.
        aims: what is to be small besides.
        study: where the nets are kept, as people may see it; None for a file in the run's folder.
        nets: how many nets the strategy may propose.
        random_nets: how many nets are drawn at random, to compare with.
        effort: passes over the training images after which neither proposes a further net; None for no such limit.
    """

    strategy: str
    judge: JudgeName = "scratch"
    judge_epochs: int = field(default=1, validator=ge(1))
    accuracies: str | None = None
    weights: SearchStart | None = None
    aims: tuple[Aim, ...] = ()
    study: str | None = None
    nets: int = field(default=20, validator=ge(1), eq=False)
    random_nets: int = field(default=20, validator=ge(0), eq=False)
    effort: float | None = field(default=None, validator=optional(ge(0.0)), eq=False)
