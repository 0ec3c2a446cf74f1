"""Which net is judged next."""

from collections.abc import Callable, Sequence

from attrs import field, frozen

from pnas_apps.exploring.entries import Entry, Group, judged_entries
from pnas_apps.ground.randomness import seeded_generator
from pnas_apps.run.exploration_settings import ExplorationSettings
from pnas_ops import Choices, Strategy, Trial

GROUPS: tuple[Group, ...] = ("searched", "random")
"""In the order in which they are asked."""


@frozen(kw_only=True)
class Asked:
    """A net to be judged, and the passes over the training images that asking for it took."""

    group: Group
    choices: Choices
    epochs: float


class UpToDateStrategy:
    """A strategy that knows exactly the trials that it should, in the order of the entries.

    Several workers finish in any order. A strategy that was told other nets before is made again, since its state is
    what it was told.
    """

    def __init__(self, make: Callable[[], Strategy]) -> None:
        self._make = make
        self._strategy, self._told = make(), list[Trial]()

    def knowing(self, trials: Sequence[Trial]) -> Strategy:
        """The strategy after exactly these trials."""
        if list(trials[: len(self._told)]) != self._told:
            self._strategy, self._told = self._make(), []
        for trial in trials[len(self._told) :]:
            self._strategy.tell(trial)
            self._told.append(trial)
        return self._strategy


@frozen(kw_only=True, eq=False)
class Asker:
    """Asks the strategy, and after it random search, until either has had its share.

    Attributes:
        strategies: of each group.
        costs: what is to be small beside the value.
        settings: how many nets, and how much effort.
        seed: of the exploration.
    """

    strategies: dict[Group, UpToDateStrategy]
    costs: Callable[[Choices], tuple[float, ...]]
    settings: ExplorationSettings
    seed: int
    _exhausted: set[Group] = field(factory=set, init=False)

    def ask(self, entries: Sequence[Entry]) -> Asked | None:
        """The next net; None where there is none.

        The same entries give the same net.

        Args:
            entries: of the study.
        """
        return next(filter(None, (self._ask(group, entries) for group in GROUPS)), None)

    def is_needless(self, entry: Entry, entries: Sequence[Entry]) -> bool:
        """Whether another worker has asked for the same net before, or for as many as there are to be."""
        before = [other for other in entries if other.number < entry.number and other.counts]
        if sum(other.group == entry.group for other in before) >= self._at_most(entry.group):
            return True
        same = [other for other in before if other.choices == entry.choices]
        return any(other.group == entry.group or other.judgement is None for other in same)

    def _ask(self, group: Group, entries: Sequence[Entry]) -> Asked | None:
        asked = [entry for entry in entries if entry.group == group]
        if group in self._exhausted or self._is_over(group, [entry for entry in asked if entry.counts]):
            return None
        trials = [self._trial(entry) for entry in judged_entries(entries, group)]
        strategy = self.strategies[group].knowing(trials)
        # What the others have found they keep, so that neither is helped; what is being judged is not judged twice.
        taken = {entry.choices for entry in entries if entry.group == group or entry.state in ("waiting", "judging")}
        before = strategy.epochs
        choices = strategy.ask(seeded_generator(self.seed, "ask", group, len(asked)), taken=taken)
        if choices is None:
            self._exhausted.add(group)
            return None
        return Asked(group=group, choices=choices, epochs=strategy.epochs - before)

    def _is_over(self, group: Group, asked: Sequence[Entry]) -> bool:
        """Whether a group has had its share; nets that are not judged yet are taken to cost as much as the dearest."""
        if len(asked) >= self._at_most(group):
            return True
        if self.settings.effort is None:
            return False
        dearest = max((entry.judgement.epochs for entry in asked if entry.judgement), default=0.0)
        spent = sum(entry.epochs + (0.0 if entry.judgement else dearest) for entry in asked)
        return spent >= self.settings.effort

    def _at_most(self, group: Group) -> int:
        return self.settings.nets if group == "searched" else self.settings.random_nets

    def _trial(self, entry: Entry) -> Trial:
        assert entry.judgement is not None
        return Trial(choices=entry.choices, value=entry.judgement.value, costs=self.costs(entry.choices))
