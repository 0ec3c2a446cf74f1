"""The alternation, its history, and its seed."""

import copy
import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn

from bits import bits
from pnas_supernet import (
    BatchesError,
    GatePath,
    GateStep,
    MixedOp,
    ProxylessNAS,
    SearchConfig,
    alpha_parameters,
    mixed_ops,
    relative_entropy,
)
from pnas_supernet.running import proxyless_nas
from pnas_supernet.searching import arch_steps
from random_batches import random_batches

Batch = tuple[Tensor, Tensor]

make_batches = partial(random_batches, dtype=torch.float64)


def make_search(network: nn.Module, *, seed: int = 5, **options: Any) -> ProxylessNAS:
    config = SearchConfig(**{"warmup_epochs": 1, "epochs": 2, "arch_interval": 2, "alpha_lr": 0.1} | options)
    return ProxylessNAS(copy.deepcopy(network), config, generator=torch.Generator().manual_seed(seed))


def test_the_warm_up_leaves_alpha_and_the_search_does_not(network: nn.Module) -> None:
    search = make_search(network)
    warm_up = search.run_epoch(make_batches(0, 4), make_batches(1, 2))
    assert all(not alpha.any() for alpha in alpha_parameters(search.network))
    assert (warm_up.phase, warm_up.validation_loss, warm_up.entropy) == ("warm-up", None, pytest.approx(1.0))
    record = search.run_epoch(make_batches(0, 4), make_batches(1, 2))
    assert all(alpha.any() for alpha in alpha_parameters(search.network))
    assert record.phase == "search"
    assert record.validation_loss is not None
    assert record.entropy < 1.0
    assert record.probs == tuple(tuple(op.probs.tolist()) for op in mixed_ops(search.network))


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[GatePath, ...]]:
    """The paths of every step, as they are drawn."""
    drawn: list[tuple[GatePath, ...]] = []
    sample_paths = proxyless_nas.sample_paths

    def record(*arguments: Any) -> tuple[GatePath, ...]:
        drawn.append(sample_paths(*arguments))
        return drawn[-1]

    monkeypatch.setattr(proxyless_nas, "sample_paths", record)
    monkeypatch.setattr(arch_steps, "sample_paths", record)
    return drawn


@pytest.mark.parametrize(("gate", "name"), [("exact", "ExactGate"), ("two-path", "TwoPathGate")])
@pytest.mark.parametrize("interval", [1, 2, 3])
def test_an_arch_step_follows_every_interval_after_the_warm_up(
    network: nn.Module, sampled: list[tuple[GatePath, ...]], interval: int, gate: str, name: str
) -> None:
    search = make_search(network, arch_interval=interval, gate=gate)
    search.run_epoch(make_batches(0, 7), make_batches(1, 2))
    assert [type(paths[0]).__name__ for paths in sampled] == ["SinglePath"] * 7
    sampled.clear()
    search.run_epoch(make_batches(0, 7), make_batches(1, 2))
    block = ["SinglePath"] * interval + [name]
    assert [type(paths[0]).__name__ for paths in sampled] == block * (7 // interval) + ["SinglePath"] * (7 % interval)


def test_the_warm_up_is_uniform_whatever_alpha_is(network: nn.Module, sampled: list[tuple[GatePath, ...]]) -> None:
    with torch.no_grad():
        network.first.alpha.copy_(torch.tensor([100.0, 0.0, 0.0, 0.0]))
    search = make_search(network)
    search.run_epoch(make_batches(0, 20), make_batches(1, 1))
    assert {paths[0].members for paths in sampled} == {(0,), (1,), (2,), (3,)}
    sampled.clear()
    search.run_epoch(make_batches(0, 4), make_batches(1, 1))
    assert {paths[0].members for paths in sampled} == {(0,)}


def test_the_validation_batches_start_over(network: nn.Module) -> None:
    seen: list[int] = []

    class Validation(list[Batch]):
        def __iter__(self) -> Any:
            for index, batch in enumerate(super().__iter__()):
                seen.append(index)
                yield batch

    steps: list[None] = []
    search = make_search(network, warmup_epochs=0)
    search.run_epoch(make_batches(0, 7), Validation(make_batches(1, 2)), on_step=lambda: steps.append(None))
    assert seen == [0, 1, 0]
    assert len(steps) == 7


def test_the_learning_rate_is_set_before_each_step(network: nn.Module) -> None:
    search = make_search(network, warmup_epochs=1, epochs=1, weight_lr=0.2)
    rates: list[float] = []
    for _ in range(2):
        search.run_epoch(
            make_batches(0, 4),
            make_batches(1, 1),
            on_step=lambda: rates.append(search.weight_optimizer.param_groups[0]["lr"]),
        )
    one_phase = [0.2, 0.2 * 0.8535533905932737, 0.1, 0.2 * 0.14644660940672627]
    assert rates == pytest.approx(one_phase * 2)


@pytest.mark.parametrize("options", [{"warmup_epochs": 0}, {"weight_momentum": 0.0}, {"micro_batches": 3}], ids=str)
def test_a_search_goes_without_warm_up_momentum_or_whole_batches(network: nn.Module, options: dict[str, Any]) -> None:
    search = make_search(network, **options)
    while search.epochs_left:
        search.run_epoch(make_batches(0, 4), make_batches(1, 2))
    assert search.history[-1].phase == "search"
    assert all(alpha.any() for alpha in alpha_parameters(search.network))
    assert not torch.equal(search.network.stem[0].weight, network.stem[0].weight)


def test_an_objective_makes_the_search_prefer_what_is_cheap(network: nn.Module) -> None:
    search = make_search(network, warmup_epochs=0, epochs=30, arch_interval=1, alpha_lr=0.2)
    costs = torch.tensor([3.0, 0.5, 2.0, 1.0], dtype=torch.float64)
    search.arch_step = GateStep(
        search.config.gate_sampler, lambda loss, probs: loss + 100 * sum(p @ costs.to(p) for p in probs)
    )
    while search.epochs_left:
        search.run_epoch(make_batches(0, 2), make_batches(1, 1))
    assert [int(alpha.argmax()) for alpha in alpha_parameters(search.network)] == [1, 1]
    assert relative_entropy(search.network) < 0.5


@pytest.fixture
def dropping_network(network: nn.Module) -> nn.Module:
    candidates = mixed_ops(network)[0].candidates
    candidates[1] = nn.Sequential(candidates[1], nn.Dropout(0.3))
    network.head = nn.Sequential(nn.Dropout(0.2), network.get_submodule("head"))
    return network


@pytest.mark.parametrize("gate", ["exact", "two-path"])
def test_the_generator_alone_decides_a_search(
    dropping_network: nn.Module, sampled: list[tuple[GatePath, ...]], gate: str
) -> None:
    def outcome(*, seed: int, global_seed: int) -> tuple[Any, list[tuple[GatePath, ...]]]:
        torch.manual_seed(global_seed)
        state = torch.get_rng_state()
        search = make_search(dropping_network, seed=seed, gate=gate)
        while search.epochs_left:
            search.run_epoch(make_batches(0, 4), make_batches(1, 2))
        assert torch.equal(torch.get_rng_state(), state)
        paths = sampled.copy()
        sampled.clear()
        return bits(search.state_dict()), paths

    state, paths = outcome(seed=1, global_seed=2)
    assert outcome(seed=1, global_seed=3) == (state, paths)
    other_state, other_paths = outcome(seed=4, global_seed=2)
    assert other_paths != paths
    for name in ("stem.0.weight", "first.alpha", "second.alpha", "head.1.weight"):
        assert other_state["network"][name] != state["network"][name], name


def test_dropout_draws_from_the_generator(dropping_network: nn.Module) -> None:
    """With one candidate a block, paths cannot differ, so what differs is what dropout left out."""
    for op in mixed_ops(dropping_network):
        del op.candidates[1:]
        op.alpha = nn.Parameter(op.alpha[:1].detach().clone())

    def outcome(seed: int) -> Any:
        search = make_search(dropping_network, seed=seed)
        search.run_epoch(make_batches(0, 2), make_batches(1, 1))
        return bits(search.network.state_dict())

    assert outcome(1) == outcome(1)
    assert outcome(1) != outcome(2)


def test_nothing_to_search_or_to_learn_from_is_named(network: nn.Module) -> None:
    with pytest.raises(ValueError, match="the network holds no MixedOp"):
        ProxylessNAS(nn.Linear(2, 2), SearchConfig(), generator=torch.Generator())
    for train, validation, which in (([], make_batches(0, 1), "training"), (make_batches(0, 1), [], "validation")):
        with pytest.raises(BatchesError, match=f"there are no {which} batches: give more images, or smaller batches"):
            make_search(network).run_epoch(train, validation)


class OnePass:
    """Batches with a length that are used up after one pass, as a wrapper around a generator is."""

    def __init__(self, batches: list[Any]) -> None:
        self._length, self._left = len(batches), iter(batches)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Any]:
        return (batch for batch in self._left)


def test_batches_that_are_used_up_after_one_pass_are_named_before_the_next(network: nn.Module) -> None:
    batches = make_batches(0, 2)
    for train, validation, which in ((iter(batches), batches, "training"), (batches, iter(batches), "validation")):
        with pytest.raises(BatchesError, match=f"the {which} batches are a list_iterator, which has no length: pass a"):
            make_search(network).run_epoch(train, validation)  # type: ignore[arg-type]
    search = make_search(network, warmup_epochs=1, epochs=2)
    once, validation_once = OnePass(batches), OnePass(make_batches(1, 1))
    search.run_epoch(once, validation_once)
    with pytest.raises(BatchesError, match="the training batches gave nothing in this pass: an earlier one has used"):
        search.run_epoch(once, validation_once)
    search.run_epoch(batches, validation_once)
    # It is gone through again without end otherwise.
    with pytest.raises(BatchesError, match="the validation batches gave nothing in this pass"):
        search.run_epoch(batches, validation_once)


def test_entropy_is_a_mean_over_the_operations_that_have_a_choice() -> None:
    def op(*probs: float) -> MixedOp:
        found = MixedOp([nn.Identity() for _ in probs])
        found.alpha.data.copy_(torch.tensor(probs).log())
        return found

    quarter = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75)) / math.log(2)
    assert relative_entropy(nn.Sequential(op(0.25, 0.75), op(1.0), op(0.2, 0.2, 0.2, 0.2, 0.2))) == pytest.approx(
        (quarter + 1.0) / 2
    )
    assert relative_entropy(nn.Sequential(op(1.0), nn.ReLU())) == 0.0


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loss_of_both_kinds_of_steps_is_smoothed_by_the_configuration(smoothing: float) -> None:
    """Of a net that stays as it is but for rounding, with -log p = (1-s) log p_label + s / 5 sum_i log p_i."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), MixedOp([nn.Linear(3 * 8 * 8, 5)]).double())
    ((images, labels),) = batch = make_batches(0, 1)
    log_probs = network[1].candidates[0](images.flatten(1)).log_softmax(1).detach()
    own = log_probs[range(len(labels)), labels]
    expected = -((1 - smoothing) * own + smoothing / 5 * log_probs.sum(1)).mean()
    search = make_search(
        network, label_smoothing=smoothing, warmup_epochs=0, arch_interval=1, weight_lr=1e-12, weight_decay=0.0
    )
    record = search.run_epoch(batch, batch)
    assert record.train_loss == pytest.approx(float(expected), rel=1e-9)
    assert record.validation_loss == pytest.approx(float(expected), rel=1e-9)


class ProcessOf:
    """A group as the process `rank` sees it."""

    def __init__(self, rank: int) -> None:
        self._rank = rank

    def rank(self) -> int:
        return self._rank

    def size(self) -> int:
        return 1


def test_processes_drop_other_things_out_on_the_same_paths(
    dropping_network: nn.Module, sampled: list[tuple[GatePath, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dist, "all_reduce", lambda joined, group: None)
    monkeypatch.setattr(dist, "all_gather_object", lambda everyone, mine, group: everyone.__setitem__(0, mine))

    def outcome(rank: int | None) -> tuple[Any, list[tuple[GatePath, ...]]]:
        sampled.clear()
        search = make_search(dropping_network)
        grouped = ProxylessNAS(
            search.network,
            search.config,
            generator=search.generator,
            group=None if rank is None else ProcessOf(rank),  # type: ignore[arg-type]
        )
        grouped.run_epoch(make_batches(0, 2), make_batches(1, 1))
        return bits(grouped.network.state_dict()), sampled.copy()

    alone, first, second = outcome(None), outcome(0), outcome(1)
    assert first == alone
    assert second[1] == first[1]
    assert second[0] != first[0]
