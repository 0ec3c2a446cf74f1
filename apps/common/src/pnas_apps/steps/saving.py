"""When a checkpoint is worth the time that it takes."""

import time
from collections.abc import Callable

from attrs import define, field

_SHARE = 0.05


@define
class Saves:
    """The checkpoints of a search or a training, which together take at most a twentieth of its time.

    Attributes:
        took_s: of the last one; the first is taken to cost nothing.
    """

    took_s: float = 0.0
    _ended_at: float = field(init=False)

    @_ended_at.default
    def _now(self) -> float:
        return time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Since the last one, or since the beginning."""
        return time.monotonic() - self._ended_at

    @property
    def is_worth_it(self) -> bool:
        """Whether another one takes little enough of the time that it saves."""
        return self.took_s <= _SHARE * self.elapsed_s

    def write(self, save: Callable[[], None]) -> None:
        """Writes one."""
        began = time.monotonic()
        save()
        self._ended_at = time.monotonic()
        self.took_s = self._ended_at - began
