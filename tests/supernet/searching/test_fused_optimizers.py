"""The fused optimizers of a search against PyTorch's plain ones, whatever the layout of the weights in memory."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pnas_supernet import ProxylessNAS, SearchConfig, alpha_parameters, weight_parameters

CONFIG = SearchConfig(warmup_epochs=1, epochs=1, arch_interval=2, alpha_lr=0.1, weight_lr=0.1, weight_decay=0.01)


def make_search(network: nn.Module, config: SearchConfig = CONFIG) -> ProxylessNAS:
    return ProxylessNAS(network, config, generator=torch.Generator().manual_seed(5))


def use_plain_optimizers(search: ProxylessNAS) -> ProxylessNAS:
    config = search.config
    search.weight_optimizer = torch.optim.SGD(
        weight_parameters(search.network),
        lr=config.weight_lr,
        momentum=config.weight_momentum,
        weight_decay=config.weight_decay,
        nesterov=config.weight_momentum > 0,
        fused=False,
    )
    search.alpha_optimizer = torch.optim.Adam(
        alpha_parameters(search.network), lr=config.alpha_lr, betas=config.alpha_betas, fused=False
    )
    return search


def run_epoch(search: ProxylessNAS) -> None:
    generator = torch.Generator().manual_seed(len(search.history))
    batches = [
        (
            torch.randn(4, 3, 8, 8, dtype=torch.float64, generator=generator).to(memory_format=torch.channels_last),
            torch.randint(5, (4,), generator=generator),
        )
        for _ in range(6)
    ]
    search.run_epoch(batches[:4], batches[4:])


def assert_close(search: ProxylessNAS, plain: ProxylessNAS) -> None:
    # Eight steps in float64: rounding leaves about 1e-12, a mistaken layout about 1e-2.
    state, expected = search.network.state_dict(), plain.network.state_dict()
    torch.testing.assert_close(state, expected, rtol=1e-9, atol=1e-9)


def momentum_of(search: ProxylessNAS, weight: nn.Parameter) -> Tensor:
    return search.weight_optimizer.state[weight]["momentum_buffer"]


def channels_last(network: nn.Module) -> nn.Module:
    return copy.deepcopy(network).to(memory_format=torch.channels_last)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_channels_last_search_equals_plain_sgd_and_adam(network: nn.Module, momentum: float) -> None:
    config = SearchConfig(
        warmup_epochs=1, epochs=1, arch_interval=2, alpha_lr=0.1, weight_momentum=momentum, weight_decay=0.01
    )
    fused = make_search(channels_last(network), config)
    plain = use_plain_optimizers(make_search(copy.deepcopy(network), config))
    assert not fused.network.stem[0].weight.is_contiguous()
    for _ in range(2):
        run_epoch(fused)
        run_epoch(plain)
    assert_close(fused, plain)


def test_a_network_may_become_channels_last_while_it_is_searched(network: nn.Module) -> None:
    fused, plain = make_search(copy.deepcopy(network)), use_plain_optimizers(make_search(copy.deepcopy(network)))
    run_epoch(fused)
    fused.network.to(memory_format=torch.channels_last)
    run_epoch(fused)
    run_epoch(plain)
    run_epoch(plain)
    assert_close(fused, plain)


def test_a_contiguous_search_may_be_resumed_as_channels_last(network: nn.Module, tmp_path: Path) -> None:
    fused, plain = make_search(copy.deepcopy(network)), use_plain_optimizers(make_search(copy.deepcopy(network)))
    run_epoch(fused)
    fused.save(tmp_path / "search.pt")
    resumed = make_search(channels_last(network))
    assert resumed.resume(tmp_path / "search.pt")
    run_epoch(resumed)
    run_epoch(plain)
    run_epoch(plain)
    assert_close(resumed, plain)


def test_the_optimizers_are_fused(network: nn.Module) -> None:
    search = make_search(network)
    assert search.weight_optimizer.defaults["fused"]
    assert search.alpha_optimizer.defaults["fused"]


def test_parameters_off_the_path_keep_their_value_and_momentum(network: nn.Module) -> None:
    """With weight decay and momentum, too, which a zero gradient instead of none would let act."""
    search = make_search(network)
    dead = search.network.first.candidates[1]
    run_epoch(search)
    before = [(w.detach().clone(), momentum_of(search, w).clone()) for w in dead.parameters()]
    with torch.no_grad():
        search.network.first.alpha[1] = -1e3
    run_epoch(search)
    for weight, (value, momentum) in zip(dead.parameters(), before, strict=True):
        assert torch.equal(weight, value)
        assert torch.equal(momentum_of(search, weight), momentum)
    assert any(momentum.any() for _, momentum in before)
