"""Sampling, the context of active paths, and what two-path leaves alone."""

import itertools
import math
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from pnas_supernet import (
    ExactGate,
    MixedOp,
    Sampler,
    SinglePath,
    TwoPathGate,
    active_paths,
    mixed_ops,
    sample_exact_gate,
    sample_paths,
    sample_single,
    sample_two_path_gate,
    sample_uniform,
)

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.5),
    "momentum and decay": lambda p: torch.optim.SGD(p, lr=0.5, momentum=0.9, weight_decay=0.1),
    "adam": lambda p: torch.optim.Adam(p, lr=0.3, betas=(0.9, 0.999)),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.3, weight_decay=0.5),
}
vectors = st.lists(st.floats(-3, 3), min_size=3, max_size=7)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
@given(vectors, st.integers(0, 2**20))
def test_two_path_leaves_every_unsampled_probability(name: str, values: list[float], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    alpha = nn.Parameter(torch.tensor(values, dtype=torch.float64))
    optimizer = OPTIMIZERS[name]([alpha])
    for _ in range(4):
        path = sample_two_path_gate(alpha.detach(), generator)
        assert isinstance(path, TwoPathGate)
        before = alpha.detach().clone()
        alpha.grad = torch.zeros_like(alpha)
        alpha.grad[list(path.members)] = torch.randn(2, dtype=torch.float64, generator=generator)
        optimizer.step()
        path.settle(alpha, before)
        unsampled = [index for index in range(len(alpha)) if index not in path.members]
        assert torch.equal(alpha[unsampled], before[unsampled])
        torch.testing.assert_close(
            alpha.softmax(0)[unsampled], before.softmax(0)[unsampled], rtol=1e-14, atol=0, check_dtype=True
        )
        assert not torch.equal(alpha[list(path.members)], before[list(path.members)])


@given(vectors, st.lists(st.floats(0, 100), min_size=7, max_size=7), st.data())
def test_two_path_costs_act_on_the_share_within_the_pair(
    values: list[float], costs: list[float], data: st.DataObject
) -> None:
    alpha = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    cost = torch.tensor(costs[: len(values)], dtype=torch.float64)
    active, other = data.draw(st.permutations(range(len(values))))[:2]
    probs = TwoPathGate(active, other).probs(alpha)
    p = alpha.detach().softmax(0)
    torch.testing.assert_close(probs.detach(), p, rtol=1e-13, atol=0)
    (gradient,) = torch.autograd.grad(probs @ cost, alpha)
    joint = p[active] + p[other]
    slope = p[active] * p[other] / joint * (cost[active] - cost[other])
    expected = torch.zeros_like(p)
    expected[active], expected[other] = slope, -slope
    torch.testing.assert_close(gradient, expected, rtol=1e-9, atol=1e-11)


def test_two_path_pairs_are_drawn_as_multinomial_without_replacement() -> None:
    alpha = torch.tensor([0.0, 1.0, -1.0])
    p = alpha.double().softmax(0).tolist()
    generator = torch.Generator().manual_seed(0)
    draws = 20_000
    counts: dict[tuple[int, ...], int] = {}
    for _ in range(draws):
        path = sample_two_path_gate(alpha, generator)
        counts[tuple(path.members)] = counts.get(tuple(path.members), 0) + 1
    for i, j in itertools.permutations(range(3), 2):
        pair = p[i] * p[j] / (1 - p[i]) + p[j] * p[i] / (1 - p[j])
        expected = pair * p[i] / (p[i] + p[j])
        bound = 5 * math.sqrt(expected * (1 - expected) / draws)
        assert abs(counts[i, j] / draws - expected) < bound


@pytest.mark.parametrize(
    ("sampler", "expected"),
    [
        (sample_uniform, [1 / 3, 1 / 3, 1 / 3]),
        (sample_single, torch.tensor([0.0, 1.0, -1.0]).softmax(0).tolist()),
        (sample_exact_gate, torch.tensor([0.0, 1.0, -1.0]).softmax(0).tolist()),
    ],
)
def test_candidates_are_drawn_with_their_probabilities(sampler, expected: list[float]) -> None:
    generator = torch.Generator().manual_seed(0)
    draws = 20_000
    drawn = [sampler(torch.tensor([0.0, 1.0, -1.0]), generator).active for _ in range(draws)]
    for index, probability in enumerate(expected):
        bound = 5 * math.sqrt(probability * (1 - probability) / draws)
        assert abs(drawn.count(index) / draws - probability) < bound


@pytest.mark.parametrize("sampler", [sample_single, sample_exact_gate, sample_two_path_gate])
@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_alphas_that_give_no_probabilities_are_shown(sampler: Sampler, number: float) -> None:
    for values in ([number, 0.0], [0.0, number], [-math.inf, number]):
        with pytest.raises(ValueError, match=re.escape(f"no path can be drawn by alpha = {values}: give every")):
            sampler(torch.tensor(values), torch.Generator())


def test_the_same_generator_state_samples_the_same_paths(network: nn.Module) -> None:
    for sampler in (sample_uniform, sample_single, sample_exact_gate, sample_two_path_gate):
        first = [sample_paths(network, sampler, torch.Generator().manual_seed(3)) for _ in range(2)]
        assert first[0] == first[1]


def test_a_single_candidate_is_an_ordinary_layer() -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(2, 2, 3)
    op = MixedOp([layer])
    x = torch.randn(2, 2, 5, 5)
    for sampler in (sample_uniform, sample_single, sample_exact_gate, sample_two_path_gate):
        with active_paths(op, sample_paths(op, sampler, torch.Generator())):
            output = op(x)
        assert torch.equal(output, layer(x))
        op.zero_grad()
        output.square().sum().backward()
        gradient = layer.weight.grad.clone()
        layer.zero_grad()
        layer(x).square().sum().backward()
        assert layer.weight.grad is not None
        assert torch.equal(gradient, layer.weight.grad)
        assert op.alpha.grad is None or float(op.alpha.grad) == 0.0


def test_paths_are_restored_even_after_an_exception(network: nn.Module, batch: tuple[Tensor, Tensor]) -> None:
    outer = [SinglePath(0), SinglePath(1)]
    with active_paths(network, outer):
        with pytest.raises(KeyError), active_paths(network, [ExactGate(1), ExactGate(2)]):
            raise KeyError
        assert [op._path for op in mixed_ops(network)] == outer
    with pytest.raises(RuntimeError, match="no path is active"):
        network(batch[0])


def test_wrong_paths_are_refused(network: nn.Module) -> None:
    with pytest.raises(ValueError, match="has 2 mixed operations, got 1 paths"), active_paths(network, [SinglePath(0)]):
        pass
    with (
        pytest.raises(ValueError, match="mixed operation 1 has 4 candidates, got"),
        active_paths(network, [SinglePath(0), TwoPathGate(1, 4)]),
    ):
        pass
    with pytest.raises(ValueError, match="at least one candidate"):
        MixedOp([])


@pytest.mark.parametrize("sampler", [sample_uniform, sample_single, sample_exact_gate, sample_two_path_gate])
def test_the_same_paths_are_drawn_from_alphas_of_any_precision(sampler: Sampler) -> None:
    """Of 2000 draws, probabilities in bfloat16, which are off by up to 1/256, change some."""
    drawn = []
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        alpha, generator = torch.tensor([0.5, -1.25, 1.0, 0.0], dtype=dtype), torch.Generator().manual_seed(0)
        drawn.append([sampler(alpha, generator) for _ in range(2000)])
    assert drawn[0] == drawn[1] == drawn[2]


def test_a_candidate_too_rare_for_float32_makes_a_pair() -> None:
    alpha = torch.tensor([0.0, -110.0])
    assert float(alpha.softmax(0)[1]) == 0.0
    assert sample_two_path_gate(alpha, torch.Generator().manual_seed(0)) == TwoPathGate(0, 1)
