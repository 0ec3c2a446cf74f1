"""Places that share a choice learn, are drawn, paid for and derived as one."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from materialized import StraightThrough
from pnas_latency import expected_cost
from pnas_supernet import (
    ExactGate,
    MixedOp,
    ProxylessNAS,
    ReinforceStep,
    SearchConfig,
    SinglePath,
    TwoPathGate,
    active_paths,
    alpha_parameters,
    arch_step,
    extract_candidates,
    mixed_ops,
    relative_entropy,
    sample_paths,
    sample_single,
    weight_parameters,
)


class Cells(nn.Module):
    """Three places, of which the first and the last share their choice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle = (MixedOp(nn.Linear(4, 4) for _ in range(3)) for _ in range(2))
        self.last = MixedOp((nn.Linear(4, 4) for _ in range(3)), alpha=self.first.alpha)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.middle(self.first(x).tanh()).tanh())


COSTS = [[1.0, 2.0, 4.0], [3.0, 0.0, 1.0], [5.0, 0.5, 0.0]]


@pytest.fixture
def cells() -> Cells:
    torch.manual_seed(0)
    cells = Cells().double()
    with torch.no_grad():
        for alpha in alpha_parameters(cells):
            alpha.normal_()
    return cells


@pytest.fixture
def rows() -> tuple[Tensor, Tensor]:
    return torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)), torch.arange(5) % 4


def test_parameters_are_counted_once(cells: Cells) -> None:
    assert alpha_parameters(cells) == [cells.first.alpha, cells.middle.alpha]
    assert len(mixed_ops(cells)) == 3
    assert cells.first.alpha not in set(weight_parameters(cells))
    assert alpha_parameters(copy.deepcopy(cells).float())[0].dtype == torch.float32
    assert len(alpha_parameters(copy.deepcopy(cells).float())) == 2
    assert relative_entropy(cells) == pytest.approx(
        sum(-float((op.probs * op.probs.log()).sum().detach()) for op in (cells.first, cells.middle))
        / 2
        / torch.tensor(3.0).log()
    )


def test_a_choice_is_drawn_once(cells: Cells) -> None:
    def draws(network: nn.Module) -> list[tuple[int, ...]]:
        generator = torch.Generator().manual_seed(2)
        return [tuple(p.members[0] for p in sample_paths(network, sample_single, generator)) for _ in range(200)]

    drawn = draws(cells)
    assert all(first == last for first, _, last in drawn)
    assert {middle == first for first, middle, _ in drawn} == {True, False}
    assert [pair[:2] for pair in drawn] == draws(nn.ModuleList([cells.first, cells.middle]))


@pytest.mark.parametrize("path", [ExactGate, lambda active: TwoPathGate(active, 0)], ids=["exact", "two-path"])
def test_the_gradient_is_that_of_autograd_with_costs_added_over_the_places(
    cells: Cells, rows: tuple[Tensor, Tensor], path: Any
) -> None:
    paths = [path(2), path(1), path(2)]
    beside = copy.deepcopy(cells)
    optimizer = torch.optim.SGD(alpha_parameters(cells), lr=0.0)

    def objective(loss: Tensor, probs: Any) -> Tensor:
        return loss * expected_cost(probs, COSTS)

    arch_step(cells, *rows, paths=paths, loss=cross_entropy, optimizer=optimizer, objective=objective)
    among = [tuple(path.members) if isinstance(path, TwoPathGate) else (0, 1, 2) for path in paths]
    oracles = {of: StraightThrough(p.active, of) for p, of in zip(paths, among, strict=True)}
    wanted = [StraightThrough(p.active, of) for p, of in zip(paths, among, strict=True)]
    assert oracles
    with active_paths(beside, wanted):
        loss = cross_entropy(beside(rows[0]), rows[1])
    first, middle = alpha_parameters(beside)
    probs_first, probs_middle = paths[0].probs(first), paths[1].probs(middle)
    costs = torch.tensor(COSTS, dtype=torch.float64)
    cost = probs_first @ costs[0] + probs_middle @ costs[1] + probs_first @ costs[2]
    for found, expected in zip(alpha_parameters(cells), torch.autograd.grad(loss * cost, [first, middle]), strict=True):
        torch.testing.assert_close(found.grad, expected, rtol=1e-9, atol=1e-12)


def test_two_path_settles_once(cells: Cells, rows: tuple[Tensor, Tensor]) -> None:
    before = cells.first.probs.detach()
    optimizer = torch.optim.SGD(alpha_parameters(cells), lr=3.0)
    paths = [TwoPathGate(2, 0), ExactGate(1), TwoPathGate(2, 0)]
    arch_step(cells, *rows, paths=paths, loss=cross_entropy, optimizer=optimizer)
    after = cells.first.probs.detach()
    assert abs(float(after[0] - before[0])) > 1e-4
    torch.testing.assert_close(after[1], before[1])
    gradient = cells.first.alpha.grad
    ratio = (after[2] / after[0]).log() - (before[2] / before[0]).log()
    torch.testing.assert_close(ratio, -3.0 * (gradient[2] - gradient[0]))


def test_reinforce_counts_the_probability_of_a_choice_once(cells: Cells, rows: tuple[Tensor, Tensor]) -> None:
    seen: list[Tensor] = []
    taken: list[tuple[int, ...]] = []

    class NoBaseline:
        def step(self, rewards: Tensor) -> Tensor:
            return torch.zeros_like(rewards)

    def estimator(log_probs: Tensor, rewards: Tensor, baselines: Tensor) -> Tensor:
        seen.append(log_probs.detach())
        return -(log_probs * rewards).sum()

    def reward(score: float, choices: Any) -> float:
        taken.append(tuple(choices))
        return score + 1

    logs = [op.probs.detach().log() for op in (cells.first, cells.middle)]
    step = ReinforceStep(reward=reward, estimator=estimator, baseline=NoBaseline(), samples=6)  # type: ignore[arg-type]
    search = ProxylessNAS(
        cells, SearchConfig(warmup_epochs=0, epochs=1, arch_interval=1), arch_step=step,
        generator=torch.Generator().manual_seed(4),
    )  # fmt: skip
    search.run_epoch([rows], [rows])
    assert len(set(taken)) > 2
    assert all(first == last for first, _, last in taken)
    torch.testing.assert_close(seen[0], torch.stack([logs[0][first] + logs[1][middle] for first, middle, _ in taken]))


def test_a_search_is_saved_taken_up_again_and_its_net_taken_out(
    cells: Cells, rows: tuple[Tensor, Tensor], tmp_path: Any
) -> None:
    def make_search() -> ProxylessNAS:
        config = SearchConfig(warmup_epochs=0, epochs=2, arch_interval=1, alpha_lr=0.1)
        return ProxylessNAS(copy.deepcopy(cells), config, generator=torch.Generator().manual_seed(3))

    search, again = make_search(), make_search()
    search.run_epoch([rows] * 3, [rows])
    search.save(tmp_path / "search.pt")
    again.resume(tmp_path / "search.pt")
    records = [one.run_epoch([rows] * 3, [rows]) for one in (search, again)]
    assert records[0] == records[1]
    assert len(records[0].probs) == 3
    assert records[0].probs[0] == records[0].probs[2] != records[0].probs[1]
    network = again.network
    assert network.first.alpha is network.last.alpha
    choices = [int(op.probs.argmax()) for op in mixed_ops(network)]
    with torch.no_grad(), active_paths(network, [SinglePath(choice) for choice in choices]):
        assert torch.equal(extract_candidates(network, choices)(rows[0]), network(rows[0]))


def test_places_that_share_a_choice_have_to_agree(cells: Cells) -> None:
    message = "mixed operations 0 and 2 share their choice, got "
    with pytest.raises(ValueError, match=message + r"SinglePath\(active=1\) and SinglePath\(active=2\)"):
        active_paths(cells, [SinglePath(1), SinglePath(0), SinglePath(2)]).__enter__()
    with pytest.raises(ValueError, match=message + "1 and 2"):
        extract_candidates(cells, [1, 0, 2])
    with pytest.raises(ValueError, match=r"2 candidates cannot share a choice whose alpha has the shape \(3,\)"):
        MixedOp([nn.Identity(), nn.Identity()], alpha=cells.first.alpha)
