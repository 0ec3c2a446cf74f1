"""The alternation, and taking it up again."""

import copy

import pytest
import torch
from torch import Tensor, nn

from pnas_supernet import DivergenceError, ProxylessNAS, SearchConfig, alpha_parameters, mixed_ops, relative_entropy

Batch = tuple[Tensor, Tensor]


def make_batches(seed: int, count: int) -> list[Batch]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            torch.randn(4, 3, 8, 8, dtype=torch.float64, generator=generator),
            torch.randint(5, (4,), generator=generator),
        )
        for _ in range(count)
    ]


def make_search(network: nn.Module, **options: object) -> ProxylessNAS:
    config = SearchConfig(**{"warmup_epochs": 1, "epochs": 2, "arch_interval": 2, "alpha_lr": 0.1} | options)
    cost = torch.tensor([3.0, 1.0, 2.0, 0.0], dtype=torch.float64)
    return ProxylessNAS(
        copy.deepcopy(network),
        config,
        penalty=lambda probs: 0.1 * sum(p @ cost for p in probs),
        generator=torch.Generator().manual_seed(5),
    )


@pytest.mark.parametrize("gate", ["exact", "two-path"])
def test_resuming_equals_never_having_stopped(network: nn.Module, gate: str) -> None:
    whole = make_search(network, gate=gate)
    stopped = make_search(network, gate=gate)
    for epoch in range(3):
        whole.run_epoch(make_batches(epoch, 6), make_batches(100 + epoch, 2))
        stopped.run_epoch(make_batches(epoch, 6), make_batches(100 + epoch, 2))
        state = copy.deepcopy(stopped.state_dict())
        stopped = make_search(network, gate=gate)
        stopped.load_state_dict(state)
    assert whole.epochs_left == stopped.epochs_left == 0
    assert whole.history == stopped.history
    for name, tensor in whole.network.state_dict().items():
        assert torch.equal(tensor, stopped.network.state_dict()[name]), name


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


def test_there_is_one_arch_step_every_interval_and_the_batches_start_over(network: nn.Module) -> None:
    seen: list[int] = []

    class Validation(list):
        def __iter__(self):
            for index, batch in enumerate(super().__iter__()):
                seen.append(index)
                yield batch

    steps: list[None] = []
    search = make_search(network, warmup_epochs=0, arch_interval=2)
    search.run_epoch(make_batches(0, 7), Validation(make_batches(1, 2)), on_step=lambda: steps.append(None))
    assert seen == [0, 1, 0]
    assert len(steps) == 7


def test_the_learning_rate_falls_as_a_cosine_in_each_phase(network: nn.Module) -> None:
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


def test_a_loss_that_is_not_finite_stops_the_search_and_names_the_step(network: nn.Module) -> None:
    search = make_search(network)
    batches = make_batches(0, 3)
    batches[1][0].fill_(float("nan"))
    with pytest.raises(DivergenceError, match=r"the loss is nan on the paths \d \d, epoch 0, weight step 1; no chec"):
        search.run_epoch(batches, make_batches(1, 1))
    assert search.history == []


def test_a_penalty_makes_the_search_prefer_what_is_cheap(network: nn.Module) -> None:
    search = make_search(network, warmup_epochs=0, epochs=30, arch_interval=1, alpha_lr=0.2)
    search.penalty = lambda probs: 100 * sum(p @ torch.tensor([3.0, 0.5, 2.0, 1.0], dtype=p.dtype) for p in probs)
    while search.epochs_left:
        search.run_epoch(make_batches(0, 2), make_batches(1, 1))
    assert [int(alpha.argmax()) for alpha in alpha_parameters(search.network)] == [1, 1]
    assert relative_entropy(search.network) < 0.5


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("arch_interval", 0, "arch_interval"),
        ("gate", "three-path", "gate"),
        ("weight_lr", 0.0, "weight_lr"),
        ("label_smoothing", 1.5, "label_smoothing"),
        ("alpha_betas", (0.0, 1.0), "alpha_betas"),
    ],
)
def test_options_out_of_range_are_named(option: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SearchConfig(**{"warmup_epochs": 1, "epochs": 1, option: value})
