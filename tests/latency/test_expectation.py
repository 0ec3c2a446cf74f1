"""Equations 5 and 6 against a closed form and against enumeration."""

from itertools import product
from math import prod

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pnas_latency import expected_cost
from strategies import latency_tables, search_spaces

costs_and_alphas = st.lists(
    st.lists(st.tuples(st.floats(0, 1000), st.floats(-5, 5)), min_size=1, max_size=7), min_size=1, max_size=6
)


@given(costs_and_alphas)
def test_gradient_is_p_times_cost_above_the_mean(blocks: list[list[tuple[float, float]]]) -> None:
    costs = [[cost for cost, _ in block] for block in blocks]
    alphas = [torch.tensor([a for _, a in block], dtype=torch.float64, requires_grad=True) for block in blocks]

    expected_cost([alpha.softmax(0) for alpha in alphas], costs).backward()  # type: ignore[no-untyped-call]

    for alpha, row in zip(alphas, costs, strict=True):
        p, f = alpha.detach().softmax(0), torch.tensor(row, dtype=torch.float64)
        torch.testing.assert_close(alpha.grad, p * (f - (p * f).sum()), rtol=1e-9, atol=1e-9)


@given(st.data())
def test_is_the_mean_prediction_over_all_architectures(data: st.DataObject) -> None:
    space = data.draw(search_spaces())
    table = data.draw(latency_tables(space))
    alphas = data.draw(st.tuples(*(st.lists(st.floats(-3, 3), min_size=len(r), max_size=len(r)) for r in space.mixed)))
    probs = [torch.tensor(alpha, dtype=torch.float64).softmax(0) for alpha in alphas]

    enumerated = sum(
        prod(p[choice].item() for p, choice in zip(probs, choices, strict=True))
        * table.predict_ms(space.architecture(choices))
        for choices in product(*(range(len(blocks)) for blocks in space.mixed))
    )

    expected = table.fixed_ms(space) + expected_cost(probs, table.costs(space))
    assert expected.item() == pytest.approx(enumerated, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_keeps_the_dtype_of_the_probabilities(dtype: torch.dtype) -> None:
    assert expected_cost([torch.tensor([0.5, 0.5], dtype=dtype)], [[1.0, 3.0]]) == torch.tensor(2.0, dtype=dtype)


def test_autocast_does_not_round_the_costs() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert expected_cost([torch.tensor([1.0, 0.0])], [[1.2345678, 2.0]]) == torch.tensor(1.2345678)


def test_refuses_probabilities_that_do_not_fit_the_costs() -> None:
    with pytest.raises(ValueError, match="probabilities of 1 blocks and costs of 2"):
        expected_cost([torch.ones(1)], [[1.0], [2.0]])
    with pytest.raises(ValueError, match=r"block 1 has probabilities of shape \(2,\) and 3 costs"):
        expected_cost([torch.ones(1), torch.ones(2)], [[1.0], [1.0, 2.0, 3.0]])
