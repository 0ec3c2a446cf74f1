"""Limits as a report shows them."""

import io

import pytest
from rich.console import Console

from pnas_apps.run.results import LimitResult
from pnas_apps.showing.run_tables import limits_table
from pnas_ops import digits_mbconv_space
from tables import uniform_table


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.3, "mj", "0.3"),
        (3.5, "mj", "3.5"),
        (512.0, "bytes", "512"),
        (47_600.0, "bytes", "47,600"),
        (0.5, "ms", "0.5000"),
    ],
)
def test_an_amount_is_as_fine_as_it_was_asked_for(value: float, unit: str, shown: str) -> None:
    limit = LimitResult(name=f"cost_{unit}", unit=unit, asked=value, predicted=value, shipped=value)
    text = io.StringIO()
    device = uniform_table(digits_mbconv_space()).device
    Console(file=text, width=100).print(limits_table([limit], file="model.tflite", device=device))
    assert text.getvalue().split().count(shown) == 3
