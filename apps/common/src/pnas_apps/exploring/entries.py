"""The nets of an exploration, as a study holds them."""

from collections.abc import Sequence
from typing import Literal

from attrs import frozen
from optuna.trial import FrozenTrial, TrialState

from pnas_ops import Choices, Judgement

Group = Literal["searched", "random"]
"""Who asks for a net: the strategy, or the random search that it is compared with."""

State = Literal["waiting", "judging", "judged", "lost"]

_STATES: dict[TrialState, State] = {
    TrialState.WAITING: "waiting",
    TrialState.RUNNING: "judging",
    TrialState.COMPLETE: "judged",
    TrialState.FAIL: "lost",
}


@frozen(kw_only=True)
class Entry:
    """A net in a study.

    Attributes:
        number: in the order in which they were proposed.
        group: who proposed it.
        choices: of the net.
        state: "lost" is what nobody judges any more: another entry has the net, or it has killed its workers.
        worker: who judges or has judged it; empty where it waits.
        asking_epochs: passes over the training images that it took to propose it.
        judgement: None where it is not judged.
    """

    number: int
    group: Group
    choices: Choices
    state: State
    worker: str
    asking_epochs: float
    judgement: Judgement | None

    @property
    def counts(self) -> bool:
        """Whether it is judged or will be."""
        return self.state != "lost"

    @property
    def epochs(self) -> float:
        """Passes over the training images that it took so far."""
        return self.asking_epochs + (0.0 if self.judgement is None else self.judgement.epochs)


def read_entry(trial: FrozenTrial) -> Entry:
    """A trial of Optuna's as an entry.

    Raises:
        LookupError, TypeError: for a trial that another program has put into the study.
    """
    attributes = trial.user_attrs
    value = trial.value if trial.state == TrialState.COMPLETE else None
    return Entry(
        number=trial.number,
        group=attributes["group"],
        choices=tuple(attributes["choices"]),
        state=_STATES[trial.state],
        worker=attributes.get("worker", ""),
        asking_epochs=attributes["asking_epochs"],
        judgement=None if value is None else Judgement(value=value, epochs=attributes["epochs"]),
    )


def judged_entries(entries: Sequence[Entry], group: Group) -> list[Entry]:
    """The judged entries of a group, in order."""
    return [entry for entry in entries if entry.group == group and entry.state == "judged"]
