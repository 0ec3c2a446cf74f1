"""Whole searches whose candidates are recorded."""

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from pnas_supernet import DivergenceError, ProxylessNAS, SearchConfig

CONFIG = SearchConfig(warmup_epochs=1, epochs=2, arch_interval=2, weight_lr=0.1, alpha_lr=0.1)


def batches(seed: int, count: int = 4) -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            torch.randn(6, 3, 8, 8, dtype=torch.float64, generator=generator),
            torch.randint(5, (6,), generator=generator),
        )
        for _ in range(count)
    ]


def search(network: nn.Module, *, recorded: bool = False) -> ProxylessNAS:
    generator = torch.Generator().manual_seed(0)
    return ProxylessNAS(copy.deepcopy(network), CONFIG, generator=generator, recorded=recorded)


def finish(found: ProxylessNAS) -> dict[str, torch.Tensor]:
    while found.epochs_left:
        found.run_epoch(batches(len(found.history)), batches(9))
    return found.network.state_dict()


def assert_same(a: ProxylessNAS, b: ProxylessNAS) -> None:
    expected, found = finish(a), finish(b)
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())
    assert a.history == b.history


def test_a_search_is_the_same(network: nn.Module) -> None:
    assert_same(search(network), search(network, recorded=True))


def test_it_goes_on_from_a_checkpoint(network: nn.Module, tmp_path: Path) -> None:
    stopped, steps = search(network, recorded=True), 0

    def save() -> None:
        nonlocal steps
        steps += 1
        if steps == 3:
            stopped.save(tmp_path / "search.pt")

    for _ in range(2):
        stopped.run_epoch(batches(len(stopped.history)), batches(9), on_step=save)
    resumed = search(network, recorded=True)
    assert resumed.resume(tmp_path / "search.pt")
    assert_same(search(network), resumed)


def test_what_is_not_finite_changes_nothing(network: nn.Module) -> None:
    found = search(network, recorded=True)
    found.run_epoch(batches(0), batches(9))
    before = copy.deepcopy(found.network.state_dict())
    bad = batches(1)
    bad[0][0].fill_(torch.nan)
    with pytest.raises(DivergenceError):
        found.run_epoch(bad, batches(9))
    assert all(torch.equal(tensor, before[name]) for name, tensor in found.network.state_dict().items())
