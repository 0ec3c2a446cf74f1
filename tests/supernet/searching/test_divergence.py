"""What is not finite stops the search, which names where, and what to go on from."""

import copy
import re
from functools import partial
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
    MixedOp,
    ProxylessNAS,
    SearchConfig,
    SinglePath,
    TwoPathGate,
    alpha_parameters,
    arch_step,
    load_checkpoint,
    mixed_ops,
    sample_paths,
    sample_single,
    weight_parameters,
    weight_step,
)
from random_batches import random_batches


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


make_batches = partial(random_batches, dtype=torch.float64)


def make_search(network: nn.Module, *, read_every: int | None = None, **options: Any) -> ProxylessNAS:
    config = SearchConfig(**{"warmup_epochs": 0, "epochs": 2, "arch_interval": 2} | options)
    return ProxylessNAS(
        copy.deepcopy(network), config, generator=torch.Generator().manual_seed(5), read_every=read_every
    )


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


@pytest.mark.parametrize("spoil", FAULTS)
@pytest.mark.parametrize("gate", ["exact", "two-path"])
def test_a_search_that_reads_seldom_stops_with_the_same_words_and_in_the_same_state(
    network: nn.Module, spoil: Any, gate: str
) -> None:
    outcomes = []
    for read_every in (1, 3, 4, 50):
        search = make_search(network, read_every=read_every, gate=gate)
        train, validation = make_batches(0, 4), make_batches(1, 2)
        spoil(search, train, validation)
        with pytest.raises(DivergenceError) as caught:
            search.run_epoch(train, validation)
        outcomes.append((str(caught.value), trained(search), bits(search.network.state_dict())))
    assert outcomes == outcomes[:1] * 4


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


def test_a_gradient_of_a_weight_that_is_not_finite_changes_nothing(
    network: nn.Module, batch: tuple[Tensor, Tensor]
) -> None:
    """The loss is finite here."""
    mixed_ops(network)[1].candidates[1] = FiniteWithInfiniteSlope()
    optimizer = torch.optim.SGD(weight_parameters(network), lr=0.1, momentum=0.9)
    before = bits(network.state_dict())
    message = r"^the gradient of second\.candidates\.1\.weight is not finite on the paths 0 1$"
    with pytest.raises(DivergenceError, match=message):
        weight_step(network, *batch, paths=[SinglePath(0), SinglePath(1)], loss=cross_entropy, optimizer=optimizer)
    assert bits(network.state_dict()) == before
    assert not optimizer.state


class Harmless(nn.Module):
    """A loss that is 0, with a gradient of 0, whatever the network gives."""

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs.nan_to_num() * 0.0).sum()


@pytest.mark.parametrize("kind", ["weight", "arch"])
@pytest.mark.parametrize("loss", [cross_entropy, Harmless()], ids=["NaN loss", "finite loss"])
def test_inputs_that_are_not_finite_change_nothing_and_are_told(
    network: nn.Module, batch: tuple[Tensor, Tensor], loss: Any, kind: str
) -> None:
    images, labels = batch[0].clone(), batch[1]
    images[0, 0, 0, 0] = torch.nan
    if kind == "weight":
        step, path, optimizer = weight_step, SinglePath(1), torch.optim.SGD(weight_parameters(network), lr=0.1)
    else:
        step, path, optimizer = arch_step, ExactGate(1), torch.optim.SGD(alpha_parameters(network), lr=0.1)
    before = bits(network.state_dict())
    with pytest.raises(DivergenceError, match=r"(is nan|is not finite) on the paths 1 1$"):
        step(network, images, labels, paths=[path] * 2, loss=loss, optimizer=optimizer)
    assert bits(network.state_dict()) == before


def test_a_weight_that_is_not_finite_is_never_saved(network: nn.Module, tmp_path: Path) -> None:
    search, path = make_search(network, arch_interval=20), tmp_path / "search.pt"

    def save() -> None:
        if search.step == 3:
            with torch.no_grad():
                search.network.second.candidates[2][0][0].weight[0] = torch.inf
        search.save(path)

    where = r"^second\.candidates\.2.*weight is not finite, epoch 0, after weight step 2; the last good .*search\.pt"
    with pytest.raises(DivergenceError, match=where):
        search.run_epoch(make_batches(0, 4), make_batches(1, 2), on_step=save)
    kept = load_checkpoint(path, kind="search")
    assert all(tensor.isfinite().all() for tensor in kept["network"].values())
    assert kept["step"] == search.step - 1


def test_bans_and_masks_of_minus_infinity_are_saved_and_taken_up_again(network: nn.Module, tmp_path: Path) -> None:
    network.register_buffer("mask", torch.tensor([0.0, -torch.inf]))
    with torch.no_grad():
        network.first.alpha[1] = -torch.inf
        network.second.alpha.copy_(torch.tensor([-torch.inf, -torch.inf, 0.0, -torch.inf]))
    for gate in ("exact", "two-path"):
        search = make_search(network, warmup_epochs=1, epochs=1, gate=gate, arch_interval=1)
        while search.epochs_left:
            search.run_epoch(make_batches(0, 4), make_batches(1, 2))
            search.save(tmp_path / "a.pt")
        first, second = alpha_parameters(search.network)
        assert first.isneginf().tolist() == [False, True, False, False]
        assert (first[[0, 2, 3]] != 0).any()
        assert second.tolist() == [-torch.inf, -torch.inf, 0.0, -torch.inf]
        assert 0 < search.history[-1].entropy < 1
        again = make_search(network, warmup_epochs=1, epochs=1, gate=gate, arch_interval=1)
        assert again.resume(tmp_path / "a.pt")
        assert bits(again.network.state_dict()) == bits(search.network.state_dict())
    state = search.state_dict()
    state["network"]["mask"][1] = torch.nan
    with pytest.raises(ValueError, match=r"^network\.mask is not finite$"):
        again.load_state_dict(state)
    with torch.no_grad():
        search.network.second.alpha.fill_(-torch.inf)
    with pytest.raises(ValueError, match=r"every candidate of a MixedOp is banned by alpha = -inf: leave it one"):
        sample_paths(search.network, sample_single, torch.Generator())


def test_a_gradient_whose_square_overflows_is_finite_all_the_same() -> None:
    network = nn.Sequential(MixedOp([nn.Linear(2, 1, bias=False)]))
    (weight,) = weight_parameters(network)
    before = weight.detach().clone()
    optimizer = torch.optim.SGD([weight], lr=1e-25)
    inputs = torch.full((1, 2), 1e25)
    weight_step(network, inputs, inputs, paths=[SinglePath(0)], loss=lambda out, _: out.mean(), optimizer=optimizer)
    torch.testing.assert_close(weight.detach(), before - 1)
