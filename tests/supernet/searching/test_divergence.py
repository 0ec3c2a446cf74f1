"""What is not finite stops the search, which names where, and what to go on from."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bits import bits
from pnas_supernet import (
    DivergenceError,
    ExactGate,
    GateStep,
    ProxylessNAS,
    SearchConfig,
    TwoPathGate,
    alpha_parameters,
    arch_step,
    load_checkpoint,
    mixed_ops,
    weight_parameters,
)


class Infinite(nn.Module):
    """A candidate that has overflowed."""

    def forward(self, x: Tensor) -> Tensor:
        return x + float("inf")


class FiniteWithInfiniteSlope(nn.Module):
    """The root of 0, as from a norm of nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight.sqrt()


def make_batches(seed: int, count: int) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            torch.randn(4, 3, 8, 8, dtype=torch.float64, generator=generator),
            torch.randint(5, (4,), generator=generator),
        )
        for _ in range(count)
    ]


def make_search(network: nn.Module, **options: Any) -> ProxylessNAS:
    config = SearchConfig(**{"warmup_epochs": 0, "epochs": 2, "arch_interval": 2} | options)
    return ProxylessNAS(copy.deepcopy(network), config, generator=torch.Generator().manual_seed(5))


def trained(search: ProxylessNAS) -> dict[str, Any]:
    """Bits of what either step learns."""
    return {
        "weights": bits([weight_parameters(search.network), search.weight_optimizer.state_dict()["state"]]),
        "alphas": bits([alpha_parameters(search.network), search.alpha_optimizer.state_dict()["state"]]),
    }


def fill_training_batch(search: ProxylessNAS, train: list[Any], validation: list[Any]) -> str:
    train[2][0].fill_(float("nan"))
    return r"the loss is nan on the paths \d \d, epoch 0, weight step 2; "


def fill_validation_batch(search: ProxylessNAS, train: list[Any], validation: list[Any]) -> str:
    validation[1][0].fill_(float("inf"))
    return r"the loss is nan on the paths \d \d, epoch 0, architecture step after weight step 3; "


def make_objective_infinite(search: ProxylessNAS, train: list[Any], validation: list[Any]) -> str:
    penalties = iter([1.0, float("inf")])
    search.arch_step = GateStep(
        search.config.gate_sampler, lambda loss, probs: loss + sum(p[0] for p in probs) * next(penalties)
    )
    return r"the objective is inf on the paths \d \d, epoch 0, architecture step after weight step 3; "


FAULTS = [fill_training_batch, fill_validation_batch, make_objective_infinite]


@pytest.mark.parametrize("spoil", FAULTS)
@pytest.mark.parametrize("saves", [True, False], ids=["saved", "never saved"])
def test_a_search_stops_names_the_place_and_keeps_what_it_learned(
    network: nn.Module, tmp_path: Path, spoil: Any, saves: bool
) -> None:
    search = make_search(network)
    checkpoint = tmp_path / "search.pt"
    learned: list[Any] = []

    def after_step() -> None:
        learned.append(trained(search))
        if saves:
            search.save(checkpoint)

    train, validation = make_batches(0, 4), make_batches(1, 2)
    where = spoil(search, train, validation)
    last = f"the last good checkpoint is {re.escape(str(checkpoint))}: " if saves else "no checkpoint was written: "
    with pytest.raises(DivergenceError, match=f"^{where}{last}lower the learning rate or look at the data$"):
        search.run_epoch(train, validation, on_step=after_step)
    assert search.history == []
    assert trained(search)["alphas"] == learned[-1]["alphas"]
    assert (trained(search)["weights"] == learned[-1]["weights"]) == (spoil is fill_training_batch)
    resumed = make_search(network)
    assert resumed.resume(checkpoint) == saves
    if saves:
        assert trained(resumed) == learned[-1]
        assert resumed.run_epoch(make_batches(0, 4), make_batches(1, 2)).epoch == 0


def test_a_resumed_search_names_its_checkpoint(network: nn.Module, tmp_path: Path) -> None:
    make_search(network).save(tmp_path / "search.pt")
    search = make_search(network)
    search.resume(tmp_path / "search.pt")
    batches = make_batches(0, 1)
    batches[0][0].fill_(float("nan"))
    with pytest.raises(DivergenceError, match=r"weight step 0; the last good checkpoint is .*search\.pt"):
        search.run_epoch(batches, make_batches(1, 1))


@pytest.mark.parametrize("gate", [ExactGate(0), TwoPathGate(0, 1)], ids=str)
def test_a_gradient_of_alpha_that_is_not_finite_changes_nothing(
    network: nn.Module, batch: tuple[Tensor, Tensor], gate: ExactGate | TwoPathGate
) -> None:
    """The loss is finite here: the candidate that has overflowed is evaluated by the backward pass alone."""
    mixed_ops(network)[1].candidates[1] = Infinite()
    optimizer = torch.optim.Adam(alpha_parameters(network), lr=0.1)
    before = bits(network.state_dict())
    with pytest.raises(DivergenceError, match=r"^a gradient of alpha is not finite on the paths 2 0(/1)?$"):
        arch_step(network, *batch, paths=[ExactGate(2), gate], loss=cross_entropy, optimizer=optimizer)
    assert bits(network.state_dict()) == before
    assert not optimizer.state


def test_a_search_names_a_gradient_of_alpha_that_is_not_finite(network: nn.Module) -> None:
    mixed_ops(network)[1].candidates[1] = Infinite()
    with torch.no_grad():
        network.second.alpha[1] = -50.0  # as good as never sampled
    search = make_search(network)
    where = (
        r"^a gradient of alpha is not finite on the paths \d \d, epoch 0, architecture step after weight step 1; no "
    )
    with pytest.raises(DivergenceError, match=where):
        search.run_epoch(make_batches(0, 4), make_batches(1, 2))
    assert all(alpha.isfinite().all() for alpha in alpha_parameters(search.network))


def test_a_weight_that_is_not_finite_is_never_saved(network: nn.Module, tmp_path: Path) -> None:
    """The loss of the step that ruins it is finite, so that nothing else would keep it from the checkpoint."""
    mixed_ops(network)[1].candidates[1] = FiniteWithInfiniteSlope()
    search, path = make_search(network, arch_interval=20), tmp_path / "search.pt"
    search.save(path)
    where = r"weight is not finite, epoch 0, after weight step \d; the last good checkpoint is .*search\.pt"
    with pytest.raises(DivergenceError, match=where):
        search.run_epoch(make_batches(0, 20), make_batches(1, 2), on_step=lambda: search.save(path))
    kept = load_checkpoint(path, kind="search")
    assert all(tensor.isfinite().all() for tensor in kept["network"].values())
    assert kept["step"] == search.step - 1
