"""Validators for the numbers that a field may have."""

from numbers import Integral, Real
from typing import Any

from attrs import frozen
from attrs.validators import ge, instance_of

POSITIVE_INTEGER: Any = [instance_of(int), ge(1)]
"""Validators of a field that counts at least one of something: channels, blocks, pixels."""


@frozen
class Range:
    """A validator of attrs for a number; it refuses booleans (numbers for Python), texts and "nan".

    Attributes:
        least: the smallest number.
        most: the largest number. A field with no natural maximum takes a number that nobody means, so that "inf" and
            typing errors are reported at once and not by their consequences.
        above: whether `least` itself is excluded.
        below: whether `most` itself is excluded.
        whole: whether the number must be whole.
    """

    least: float
    most: float
    above: bool = False
    below: bool = False
    whole: bool = False

    def __contains__(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, Integral if self.whole else Real):
            return False
        number: Any = value
        too_small = number <= self.least if self.above else number < self.least
        too_large = number >= self.most if self.below else number > self.most
        # Comparisons with "nan" are false.
        return bool(number == number) and not too_small and not too_large

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        if self.above or self.below:
            low, high = "above" if self.above else "from", "below" if self.below else "at most"
            return f"{kind} {low} {_written(self.least)} and {high} {_written(self.most)}"
        return f"{kind} from {_written(self.least)} to {_written(self.most)}"

    def __call__(self, instance: object, attribute: Any, value: Any) -> None:
        """Raises a ValueError that names the field, the range and the value."""
        if value not in self:
            raise ValueError(f"{attribute.name!r} must be {self}, got {value!r}")


def _written(bound: float) -> str:
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"
