"""Equations 5 and 6 against a closed form and against enumeration."""

from itertools import product
from math import prod

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pnas_latency import expected_cost, expected_max
from strategies import latency_tables, search_spaces

costs_and_alphas = st.lists(
    st.lists(st.tuples(st.floats(0, 1000), st.floats(-5, 5)), min_size=1, max_size=7), min_size=1, max_size=6
)


@given(costs_and_alphas)
def test_gradient_is_p_times_cost_above_the_mean(blocks: list[list[tuple[float, float]]]) -> None:
    costs = [[cost for cost, _ in block] for block in blocks]
    alphas = [torch.tensor([a for _, a in block], dtype=torch.float64, requires_grad=True) for block in blocks]

    expected_cost([alpha.softmax(0) for alpha in alphas], costs).backward()

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


def _mean_maximum(probs: list[torch.Tensor], costs: list[list[float]], least: float) -> torch.Tensor:
    """Goes through all paths."""
    paths = product(*(range(len(row)) for row in costs))
    return torch.stack(
        [
            torch.stack([p[i] for p, i in zip(probs, path, strict=True)]).prod()
            * max(least, *(row[i] for row, i in zip(costs, path, strict=True)))
            for path in paths
        ]
    ).sum()


# Few costs, so that there are ties; alphas so far apart that some probabilities are zero.
few_blocks = st.lists(
    st.lists(
        st.tuples(st.sampled_from([0.0, 1.0, 2.0, 3.0]) | st.floats(0, 1000), st.floats(-3, 3) | st.just(-1e4)),
        min_size=1,
        max_size=4,
    ),
    min_size=1,
    max_size=4,
)


@given(blocks=few_blocks, least=st.floats(0, 10))
def test_expected_max_is_the_mean_over_all_paths_and_so_is_its_gradient(
    blocks: list[list[tuple[float, float]]], least: float
) -> None:
    costs = [[cost for cost, _ in block] for block in blocks]
    alphas = [torch.tensor([alpha for _, alpha in block], dtype=torch.float64) for block in blocks]
    results = []
    for compute in (lambda p: expected_max(p, costs, least=least), lambda p: _mean_maximum(p, costs, least)):
        # Not through the softmax: as a function of the probabilities it has more directions.
        probs = [alpha.softmax(0).requires_grad_() for alpha in alphas]
        value = compute(probs)
        value.backward()
        results.append([value.detach(), *(p.grad for p in probs)])
    for found, enumerated in zip(*results, strict=True):
        torch.testing.assert_close(found, enumerated, rtol=1e-9, atol=1e-9)


def test_expected_max_agrees_with_finite_differences() -> None:
    costs = [[1.0, 5.0, 2.0], [3.0, 3.0], [4.0, 0.5]]
    alphas = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in ([0.1, -1, 2], [0.3, 0.4], [1.0, -2])]
    assert torch.autograd.gradcheck(lambda *a: expected_max([x.softmax(0) for x in a], costs, least=2.5), alphas)


def test_the_mean_of_the_maximum_is_not_the_maximum_of_the_means() -> None:
    probs = [torch.tensor([0.5, 0.5])] * 2
    assert expected_max(probs, [[0.0, 4.0], [0.0, 4.0]]) == torch.tensor(3.0)
    assert expected_max(probs, [[0.0, 4.0], [0.0, 4.0]], least=4.0) == torch.tensor(4.0)


@given(few_blocks, st.data())
def test_expected_max_of_a_certain_choice_is_its_largest_cost(
    blocks: list[list[tuple[float, float]]], data: st.DataObject
) -> None:
    costs = [[cost for cost, _ in block] for block in blocks]
    chosen = [data.draw(st.integers(0, len(row) - 1)) for row in costs]
    one_hot = [torch.eye(len(row), dtype=torch.float64)[i] for row, i in zip(costs, chosen, strict=True)]
    assert expected_max(one_hot, costs).item() == max(row[i] for row, i in zip(costs, chosen, strict=True))


def test_expected_max_keeps_dtype_and_is_not_rounded_by_autocast() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = expected_max([torch.tensor([1.0, 0.0]), torch.tensor([1.0])], [[1.2345678, 2.0], [0.5]])
    assert found == torch.tensor(1.2345678)
    with pytest.raises(ValueError, match="probabilities of 1 blocks and costs of 2"):
        expected_max([torch.ones(1)], [[1.0], [2.0]])
