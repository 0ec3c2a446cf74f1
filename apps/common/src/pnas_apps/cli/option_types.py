"""What options have as values. Imports nothing heavy, since `--help` needs it."""

from collections.abc import Callable
from math import nan
from pathlib import Path
from typing import Any, TypeVar

import click

from pnas_apps.ground.errors import UserError

Command = TypeVar("Command", bound=Callable[..., object])
"""A function that options are added to, and the command that it becomes."""


class Number(click.ParamType):  # type: ignore[type-arg]
    """A number within a range, which an error names in one line. (No `pnas_ops.Range`: `--help` imports no PyTorch.)

    Args:
        least: the smallest number.
        most: the largest number, which keeps "inf" out too.
        above: whether `least` itself is left out.
        whole: whether the number is a whole one.
    """

    def __init__(self, least: float, most: float, *, above: bool = False, whole: bool = False) -> None:
        self.name = "integer" if whole else "float"
        self._least, self._most, self._above, self._whole = least, most, above, whole

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        return self.read(value, "it" if param is None else param.opts[0])

    def read(self, value: str | float, what: str) -> float:
        """The number; `what` is what an error calls it."""
        try:
            number = (int if self._whole else float)(value)
        except ValueError:
            number = nan
        # Comparisons with "nan" are false.
        if (self._least < number if self._above else self._least <= number) and number <= self._most:
            return number
        kind = "a whole number" if self._whole else "a number"
        low = f"above {_written(self._least)} and at most" if self._above else f"from {_written(self._least)} to"
        # As copied from what is printed, or as some languages write decimals.
        way_out = "write it without commas, decimals after a point" if "," in str(value) else "give another number"
        raise UserError(f"{what} must be {kind} {low} {_written(self._most)}, got {value}: {way_out}")


class Numbers(click.ParamType):  # type: ignore[type-arg]
    """Different numbers within a range, with commas between them, in the order in which they are given."""

    name = "numbers"

    def __init__(self, number: Number) -> None:
        self._number = number

    def convert(
        self, value: str | tuple[float, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """The numbers."""
        if not isinstance(value, str):
            return value
        what = "it" if param is None else param.opts[0]
        found = tuple(self._number.read(text.strip(), what) for text in value.split(","))
        if len(set(found)) != len(found):
            raise UserError(f"{what} names a number twice, got {value}: leave one of them out")
        return found


def _written(bound: float) -> str:
    return f"{bound:,.12g}"


def whole(least: int, most: int) -> Number:
    """A whole number within a range."""
    return Number(least, most, whole=True)


MILLISECONDS = Number(0, 1e9, above=True)
COUNT = Number(0, 1e18, above=True)


def all_of(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Several decorators as one; the options come in this order."""

    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


class NamedPath(click.Path):
    """A path that is not empty or blank, as where a shell's variable has no value: that names no working directory."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        if not str(value).strip():
            name = param.opts[-1] if isinstance(param, click.Option) else getattr(param, "human_readable_name", "it")
            raise UserError(f"the path of {name} is empty: name one")
        return super().convert(value, param, ctx)
