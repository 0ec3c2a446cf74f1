"""A search stopped after any step and taken up from its checkpoint, against one that never stopped."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from bits import bits
from pnas_supernet import GateStep, ProxylessNAS, SearchConfig
from random_batches import random_batches

STEPS = 4
OVERFLOWING = 2.0**24
"""A scale of the loss under which float16's gradients overflow at first."""


def make_search(network: nn.Module, **options: Any) -> ProxylessNAS:
    config = SearchConfig(warmup_epochs=1, epochs=1, arch_interval=2, alpha_lr=0.1, **options)
    cost = torch.tensor([3.0, 1.0, 2.0, 0.0])
    return ProxylessNAS(
        copy.deepcopy(network),
        config,
        arch_step=GateStep(config.gate_sampler, lambda loss, probs: loss + 0.1 * sum(p @ cost for p in probs)),
        generator=torch.Generator().manual_seed(5),
    )


def finish(search: ProxylessNAS, on_step: Callable[[], None] | None = None) -> Any:
    """Runs the search to its end and returns all that it holds."""
    while search.epochs_left:
        epoch = len(search.history)
        search.run_epoch(random_batches(epoch, STEPS), random_batches(100 + epoch, 2), on_step=on_step)
    return bits(search.state_dict())


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("gate", ["exact", "two-path"])
def test_resuming_after_any_step_equals_never_having_stopped(
    dropping_network: nn.Module, tmp_path: Path, gate: str, precision: str
) -> None:
    whole = make_search(dropping_network, gate=gate, precision=precision)
    if precision == "float16":
        start = whole.state_dict()
        start["scalers"] = [scaler | {"scale": OVERFLOWING} for scaler in start["scalers"]]
        whole.load_state_dict(start)
    checkpoints: list[Path] = []

    def save() -> None:
        checkpoints.append(tmp_path / f"{len(checkpoints)}.pt")
        whole.save(checkpoints[-1])

    expected = finish(whole, save)
    assert len(checkpoints) == 2 * STEPS
    for scaler in whole.state_dict()["scalers"]:
        assert scaler["scale"] < OVERFLOWING
    for checkpoint in checkpoints:
        resumed = make_search(dropping_network, gate=gate, precision=precision)
        assert resumed.resume(checkpoint)
        assert finish(resumed) == expected
        assert resumed.history == whole.history


def test_resuming_between_epochs_equals_never_having_stopped(dropping_network: nn.Module, tmp_path: Path) -> None:
    expected = finish(make_search(dropping_network, micro_batches=2))
    stopped = make_search(dropping_network, micro_batches=2)
    stopped.run_epoch(random_batches(0, STEPS), random_batches(100, 2))
    stopped.save(tmp_path / "search.pt")
    resumed = make_search(dropping_network, micro_batches=2)
    assert resumed.resume(tmp_path / "search.pt")
    assert (resumed.epochs_left, resumed.step) == (1, 0)
    assert finish(resumed) == expected
