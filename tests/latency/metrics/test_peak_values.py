"""The largest number of values alive in a block, counted by hand."""

import pytest

from pnas_latency.metrics.liveness import peak_values
from pnas_latency.metrics.operators import Operator


def test_what_is_read_later_waits_and_what_is_overwritten_takes_no_memory() -> None:
    first = Operator("CONV_2D", (None,), 10)
    second = Operator("RELU", (first,), 10)
    assert peak_values([first, second], 1) == 20
    assert peak_values([first, second], 1, in_place=["RELU"]) == 11
    # The block's input waits for the sum.
    last = Operator("ADD", (second, None), 10)
    assert peak_values([first, second, last], 10, in_place=["RELU"]) == 30
    assert peak_values([first, second, last], 10, in_place=["RELU", "ADD"]) == 20


@pytest.mark.parametrize("values", [0, 7])
def test_a_block_without_operators_holds_its_input(values: int) -> None:
    assert peak_values([], values) == values
