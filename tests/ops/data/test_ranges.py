"""Numbers within a range; nothing else is one."""

from fractions import Fraction
from math import inf, nan, nextafter

import numpy as np
import pytest
from attrs import field, frozen

from pnas_ops import Range

HOLDS = Range(0.0, 2.0)
OPEN = Range(0.0, 2.0, above=True, below=True)
WHOLE = Range(1, 1024, whole=True)


@pytest.mark.parametrize("value", [0, 0.0, 1, 2.0, np.float32(1), Fraction(1, 3)])
def test_numbers_from_the_least_to_the_most_are_within(value: object) -> None:
    assert value in HOLDS


@pytest.mark.parametrize("value", [nan, inf, -inf, nextafter(2.0, inf), -1e-300, 10**400, True, "1", None, [1], 1j])
def test_what_is_no_number_or_beyond_is_not(value: object) -> None:
    assert value not in HOLDS


def test_an_open_end_is_left_out() -> None:
    assert [value in OPEN for value in (0.0, nextafter(0.0, 1), nextafter(2.0, 0), 2.0)] == [False, True, True, False]


@pytest.mark.parametrize(("value", "within"), [(1, True), (1024, True), (np.int64(3), True), (1.0, False), (0, False)])
def test_whole_numbers(value: object, within: bool) -> None:
    assert (value in WHOLE) == within


@pytest.mark.parametrize(
    ("possible", "said"),
    [
        (HOLDS, "a number from 0 to 2"),
        (OPEN, "a number above 0 and below 2"),
        (WHOLE, "a whole number from 1 to 1,024"),
        (Range(0.0, 1.0, below=True), "a number from 0 and below 1"),
    ],
)
def test_the_error_names_the_field_the_range_and_the_value(possible: Range, said: str) -> None:
    @frozen
    class Config:
        share: float = field(validator=possible)

    with pytest.raises(ValueError, match=f"^'share' must be {said}, got nan$"):
        Config(nan)
