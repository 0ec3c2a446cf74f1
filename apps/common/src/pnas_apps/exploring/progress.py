"""How far an exploration is, in one live line, or in a log every now and then."""

from collections.abc import Callable, Sequence

from pnas_apps.exploring.entries import Entry
from pnas_apps.exploring.page import shown_value

_WHAT = "judging"


class Shown:
    """Shows how many nets are judged, and each net that is better than all before.

    Args:
        update: of `Reporter.phases`.
        total: how many nets are to be judged at most.
        judge: what the values are of.
    """

    def __init__(self, update: Callable[..., None], total: int, judge: str) -> None:
        self._update, self._total, self._judge = update, total, judge
        self._done, self._best = 0, float("-inf")

    def entries(self, entries: Sequence[Entry]) -> None:
        """Looks at the nets of a study."""
        judged = [(entry.judgement.value, entry.number) for entry in entries if entry.judgement is not None]
        self._done = len(judged)
        value, number = max(judged, default=(self._best, 0))
        better = value > self._best
        self._best = max(self._best, value)
        self._update(
            _WHAT,
            self._done,
            self._total,
            text=f"best {shown_value(value, self._judge)}, net {number}" if better else None,
            unit="nets",
        )

    def step(self) -> None:
        """Something goes on."""
        self._update(_WHAT, self._done, self._total, unit="nets")
