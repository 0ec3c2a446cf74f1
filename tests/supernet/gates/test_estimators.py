"""The gate gradient against autograd through a materialized mixture, finite differences and eq. 4 written out."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from pnas_supernet import ExactGate, GatePath, Mixture, OneShotSum, TwoPathGate, gated_output

LOSSES = {
    "sum of squares": lambda y: (y**2).sum(),
    "weighted tanh": lambda y: (y.tanh() * torch.linspace(-1, 2, y.numel(), dtype=y.dtype).view_as(y)).sum(),
    "logsumexp": lambda y: y.flatten().logsumexp(0),
}
alphas = st.lists(st.floats(-4, 4), min_size=1, max_size=6).map(lambda v: torch.tensor(v, dtype=torch.float64))
losses = st.sampled_from(sorted(LOSSES))
seeds = st.integers(0, 2**20)


class Double(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x


@st.composite
def problems(draw: st.DrawFn, smallest: int = 1) -> tuple[Tensor, int, list[nn.Module], Tensor, str]:
    """Architecture parameters, an active candidate, candidates, an input and a loss."""
    alpha = draw(alphas.filter(lambda a: len(a) >= smallest))
    active = draw(st.integers(0, len(alpha) - 1))
    generator = torch.Generator().manual_seed(draw(seeds))
    candidates: list[nn.Module] = []
    for _ in alpha:
        layer = nn.Conv2d(2, 3, 3, padding=1, dtype=torch.float64)
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.normal_(generator=generator)
        candidates.append(nn.Sequential(layer, nn.Tanh()))
    x = torch.randn(2, 2, 4, 4, dtype=torch.float64, generator=generator)
    return alpha, active, candidates, x, draw(losses)


def exact_gradient(alpha: Tensor, active: int, candidates: list[nn.Module], x: Tensor, loss: str) -> Tensor:
    alpha = alpha.clone().requires_grad_()
    LOSSES[loss](ExactGate(active)(candidates, alpha, x)).backward()
    assert alpha.grad is not None
    return alpha.grad


def materialized_gate_gradient(active: int, candidates: list[nn.Module], x: Tensor, loss: str) -> Tensor:
    """dL/dg by autograd through sum_j g_j o_j(x) with every candidate in the graph."""
    gates = nn.functional.one_hot(torch.tensor(active), len(candidates)).double().requires_grad_()
    mixture = sum(gate * candidate(x) for gate, candidate in zip(gates, candidates, strict=True))
    (gradient,) = torch.autograd.grad(LOSSES[loss](mixture), gates)
    return gradient


@given(problems())
def test_equals_equation_4_written_out(problem: tuple[Tensor, int, list[nn.Module], Tensor, str]) -> None:
    alpha, active, candidates, x, loss = problem
    gate = materialized_gate_gradient(active, candidates, x, loss)
    p = alpha.softmax(0)
    count = len(alpha)
    terms = [[gate[j] * p[j] * ((1.0 if i == j else 0.0) - p[i]) for j in range(count)] for i in range(count)]
    expected = torch.stack([torch.stack(row).sum() for row in terms])
    torch.testing.assert_close(exact_gradient(*problem), expected, rtol=1e-10, atol=1e-10)


@given(problems())
def test_equals_autograd_through_softmax_and_straight_through_gates(
    problem: tuple[Tensor, int, list[nn.Module], Tensor, str],
) -> None:
    alpha, active, candidates, x, loss = problem
    leaf = alpha.clone().requires_grad_()
    p = leaf.softmax(0)
    one_hot = nn.functional.one_hot(torch.tensor(active), len(alpha)).double()
    gates = one_hot + p - p.detach()
    LOSSES[loss](sum(gate * candidate(x) for gate, candidate in zip(gates, candidates, strict=True))).backward()
    assert leaf.grad is not None
    torch.testing.assert_close(exact_gradient(*problem), leaf.grad, rtol=1e-10, atol=1e-10)


@given(problems())
def test_equals_finite_differences_of_the_gates(problem: tuple[Tensor, int, list[nn.Module], Tensor, str]) -> None:
    alpha, active, candidates, x, loss = problem
    with torch.no_grad():
        outputs = torch.stack([candidate(x) for candidate in candidates])
        step = 1e-5
        slopes = []
        for j in range(len(alpha)):
            above, below = outputs[active] + step * outputs[j], outputs[active] - step * outputs[j]
            slopes.append((LOSSES[loss](above) - LOSSES[loss](below)) / (2 * step))
        gate, p = torch.stack(slopes), alpha.softmax(0)
        expected = p * (gate - (p * gate).sum())
    torch.testing.assert_close(exact_gradient(*problem), expected, rtol=1e-6, atol=1e-6)


@given(problems())
def test_sums_to_zero_over_the_candidates(problem: tuple[Tensor, int, list[nn.Module], Tensor, str]) -> None:
    gradient = exact_gradient(*problem)
    assert abs(float(gradient.sum())) <= 1e-12 * max(1.0, float(gradient.abs().max()))


@given(problems(), st.floats(-50, 50))
def test_is_invariant_to_a_shift_of_alpha(
    problem: tuple[Tensor, int, list[nn.Module], Tensor, str], shift: float
) -> None:
    alpha, active, candidates, x, loss = problem
    shifted = exact_gradient(alpha + shift, active, candidates, x, loss)
    torch.testing.assert_close(shifted, exact_gradient(*problem), rtol=1e-9, atol=1e-11)


@given(problems(smallest=2), st.data())
def test_two_path_gradient_is_the_exact_one_of_the_pair(
    problem: tuple[Tensor, int, list[nn.Module], Tensor, str], data: st.DataObject
) -> None:
    alpha, active, candidates, x, loss = problem
    other = data.draw(st.integers(0, len(alpha) - 1).filter(lambda index: index != active))
    leaf = alpha.clone().requires_grad_()
    LOSSES[loss](TwoPathGate(active, other)(candidates, leaf, x)).backward()
    pair = [active, other]
    of_pair = exact_gradient(alpha[pair], 0, [candidates[index] for index in pair], x, loss)
    expected = torch.zeros_like(alpha).index_copy(0, torch.tensor(pair), of_pair)
    torch.testing.assert_close(leaf.grad, expected, rtol=1e-10, atol=1e-12)


@given(problems())
def test_output_and_input_gradient_are_those_of_the_active_candidate(
    problem: tuple[Tensor, int, list[nn.Module], Tensor, str],
) -> None:
    alpha, active, candidates, x, loss = problem
    gated_input, plain_input = x.clone().requires_grad_(), x.clone().requires_grad_()
    gated = ExactGate(active)(candidates, alpha.clone().requires_grad_(), gated_input)
    plain = candidates[active](plain_input)
    assert torch.equal(gated, plain)
    LOSSES[loss](gated).backward()
    LOSSES[loss](plain).backward()
    assert gated_input.grad is not None
    assert plain_input.grad is not None
    assert torch.equal(gated_input.grad, plain_input.grad)


def test_other_candidates_get_no_gradient_and_no_graph() -> None:
    candidates = [nn.Conv2d(1, 1, 1) for _ in range(3)]
    seen: list[bool] = []
    for candidate in candidates:
        candidate.register_forward_hook(lambda module, inputs, output: seen.append(output.requires_grad))
    gated_output(torch.zeros(3, requires_grad=True), candidates, 1, torch.ones(1, 1, 2, 2)).sum().backward()
    assert seen == [True, False, False]
    assert [candidate.weight.grad is None for candidate in candidates] == [True, False, True]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_gate_products_are_reduced_in_float32(dtype: torch.dtype) -> None:
    ones = torch.ones(1, 1, 300, 300, dtype=dtype)
    alpha = torch.zeros(2, requires_grad=True)
    gated_output(alpha, [nn.Identity(), Double()], 0, ones).backward(ones)
    gates = torch.tensor([90_000.0, 180_000.0])
    assert alpha.grad is not None
    assert torch.equal(alpha.grad, 0.5 * (gates - gates.mean()))


@pytest.mark.parametrize("path", [ExactGate(0), ExactGate(1), TwoPathGate(1, 0), Mixture(2), OneShotSum(2)], ids=str)
def test_a_candidate_that_changes_its_input_is_refused(path: GatePath) -> None:
    candidates = [nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(1, 1, 1)), nn.Conv2d(1, 1, 1)]
    alpha = torch.zeros(2, requires_grad=True)
    x = torch.randn(1, 1, 4, 4)
    with pytest.raises(ValueError, match=r"a candidate \(Sequential\) changes its input in place"):
        path(candidates, alpha, x).sum().backward()
