"""Numbers that a device is still computing: the CPU reads many of them at once, since it waits at each read."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Self

import torch
from attrs import define, field
from torch import Tensor

from pnas_ops import PnasError, Range
from pnas_supernet.gates.transfers import on_cpu

_STEPS_BETWEEN = 50
"""Steps between reads on a GPU: so few waits cost nothing, and few steps are lost after one that was not finite."""


class DivergenceError(PnasError, ArithmeticError):
    """The loss, a gradient or a weight is not a finite number."""


@define(eq=False)
class Readings:
    """Numbers of steps that the CPU has not read yet, and what to do with them.

    With `every=1` a step reads its numbers at once. With more, a step that is not finite changes nothing, and neither
    does any later step, until `read` or `end_step` raises the error of the first of them.

    Args:
        every: steps between two reads. On a CPU, which does not wait, 1 costs nothing.
    """

    every: int = field(default=1, validator=Range(1, 1_000_000, whole=True))
    _steps: int = field(default=0, init=False)
    _unread: list[tuple[Sequence[Tensor], Callable[..., None]]] = field(factory=list, init=False)
    _words: list[Callable[[], str]] = field(factory=list, init=False)
    _checked: list[Tensor] = field(factory=list, init=False)
    _doubt: Tensor | None = field(default=None, init=False)

    @classmethod
    def on(cls, device: torch.device) -> Self:
        """Readings at intervals that suit a device: every step on a CPU, every 50 steps elsewhere."""
        return cls(1 if device.type == "cpu" else _STEPS_BETWEEN)

    def then(self, values: Sequence[Tensor], use: Callable[..., None]) -> None:
        """Calls `use` with these scalars as numbers when they are read, if all before them was finite."""
        if self.every == 1:
            use(*map(float, on_cpu(values)))
        else:
            self._unread.append(([value.detach() for value in values], use))

    def check(self, value: Tensor, error: Callable[[float], Exception]) -> None:
        """Raises an error, when it is read, for a scalar that is not finite.

        Args:
            value: a floating-point scalar.
            error: makes the error from the number. It is kept until then, so it should hold nothing large.
        """
        words = tuple(reversed(self._words))

        def judge(number: float) -> None:
            if not math.isfinite(number):
                raise _with_words(error(number), "".join(word() for word in words))

        if self.every > 1:
            self._checked.append(value.detach().reshape(()))
        self.then([value], judge)

    @property
    def doubt(self) -> Tensor | None:
        """Whether anything checked but not yet read is not finite, a boolean scalar; None if all has been read."""
        if self._checked:
            # A finite number times 0 is 0, any other NaN.
            joint = torch.stack([value.to(self._checked[0].device) for value in self._checked]).mul(0.0).sum()
            self._checked = []
            self._doubt = joint.isnan() if self._doubt is None else joint.isnan().logical_or(self._doubt)
        return self._doubt

    @contextmanager
    def named(self, words: Callable[[], str]) -> Iterator[None]:
        """Errors from checks in the `with` block end with these words."""
        if self.every > 1:
            self._words.append(words)
        try:
            yield
        except DivergenceError as error:
            raise _with_words(error, words()) from None
        finally:
            if self.every > 1:
                self._words.pop()

    def end_step(self) -> None:
        """Counts a step, and reads if that is due.

        Raises:
            DivergenceError: as `read`.
        """
        self._steps += 1
        if self._steps >= self.every:
            self.read()

    def read(self) -> None:
        """Reads all numbers, in one transfer.

        Raises:
            DivergenceError: of the first step that was not finite.
        """
        unread = self._unread
        self.forget()
        numbers = iter(on_cpu([value for values, _ in unread for value in values]))
        for values, use in unread:
            use(*(float(next(numbers)) for _ in values))

    def forget(self) -> None:
        """Drops what has not been read."""
        self._unread, self._checked, self._doubt, self._steps = [], [], None, 0


def _with_words(error: Exception, words: str) -> Exception:
    return DivergenceError(f"{error.what}{words}", error.way_out) if isinstance(error, DivergenceError) else error
