"""Strict fairness: counts, states, bans, choices that are shared."""

import copy
import math
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from bits import bits
from pnas_supernet import CheckpointError, FairPaths, MixedOp, ProxylessNAS, SearchConfig, mixed_ops
from random_batches import random_batches


def places(counts: tuple[int, ...]) -> nn.Module:
    """A chain of places with so many candidates."""
    return nn.Sequential(*(MixedOp([nn.Identity() for _ in range(count)]) for count in counts))


def drawn(fair: FairPaths, network: nn.Module, steps: int, generator: torch.Generator) -> list[tuple[int, ...]]:
    return [tuple(path.active for path in fair.draw(network, generator)) for _ in range(steps)]


def test_each_candidate_has_one_of_every_n_steps_and_no_place_goes_along_with_another() -> None:
    network = places((2, 3, 3, 5))
    taken = drawn(FairPaths(), network, 90, torch.Generator().manual_seed(0))
    for place, count in enumerate((2, 3, 3, 5)):
        for start in range(0, 90, count):
            assert sorted(path[place] for path in taken[start : start + count]) == [*range(count)]
    # As for independent permutations: the two places of three take all nine pairs, and all orders come.
    assert len({path[1:3] for path in taken}) == 9
    assert len({tuple(path[1] for path in taken[start : start + 3]) for start in range(0, 90, 3)}) == 6


def test_a_banned_candidate_is_left_out_at_once() -> None:
    network = places((3,))
    fair, generator = FairPaths(), torch.Generator().manual_seed(0)
    ((first,),) = drawn(fair, network, 1, generator)
    banned = next(candidate for candidate in range(3) if candidate != first)
    with torch.no_grad():
        mixed_ops(network)[0].alpha[banned] = -math.inf
    left = 3 - first - banned
    assert drawn(fair, network, 1, generator) == [(left,)]
    assert Counter(drawn(fair, network, 20, generator)) == {(first,): 10, (left,): 10}
    with torch.no_grad():
        mixed_ops(network)[0].alpha.fill_(-math.inf)
    with pytest.raises(ValueError, match="every candidate of a MixedOp is banned"):
        fair.draw(network, generator)


def test_places_that_share_a_choice_take_the_same_candidate() -> None:
    first = MixedOp([nn.Identity(), nn.Identity(), nn.Identity()])
    network = nn.Sequential(first, MixedOp([nn.Identity() for _ in range(2)]), copy.deepcopy(first))
    mixed_ops(network)[2].alpha = first.alpha
    taken = drawn(FairPaths(), network, 30, torch.Generator().manual_seed(0))
    assert all(path[0] == path[2] for path in taken)
    assert Counter(path[0] for path in taken) == {0: 10, 1: 10, 2: 10}


def make_search(network: nn.Module, **options: Any) -> ProxylessNAS:
    given: dict[str, Any] = {"warmup_epochs": 2, "epochs": 1, "arch_interval": 2, "warmup_paths": "fair"} | options
    return ProxylessNAS(copy.deepcopy(network), SearchConfig(**given), generator=torch.Generator().manual_seed(5))


batches = partial(random_batches, dtype=torch.float64)


def finish(search: ProxylessNAS, save_as: Path | None = None) -> list[tuple[int, ...]]:
    """Runs it to its end; the paths of weight steps, and a checkpoint after each of them."""
    taken: list[tuple[int, ...]] = []
    hook = search.network.register_forward_pre_hook(
        lambda network, inputs: taken.append(tuple(op._active_path.members[0] for op in mixed_ops(network)))
    )
    steps = 0

    def save() -> None:
        nonlocal steps
        if save_as is not None:
            search.save(save_as / f"{steps}.pt")
        steps += 1

    while search.epochs_left:
        epoch = len(search.history)
        search.run_epoch(batches(epoch, 6), batches(100 + epoch, 2), on_step=save)
    hook.remove()
    return taken


def test_a_search_is_fair_over_epochs_and_goes_on_bit_for_bit(network: nn.Module, tmp_path: Path) -> None:
    whole = make_search(network)
    taken = finish(whole, tmp_path)
    for place in range(2):
        for start in range(0, 12, 4):  # of four candidates; the second round goes over the end of the first epoch
            assert sorted(path[place] for path in taken[start : start + 4]) == [0, 1, 2, 3]
    for step in (0, 5, 6, 14):
        resumed = make_search(network)
        assert resumed.resume(tmp_path / f"{step}.pt")
        finish(resumed)
        assert bits(resumed.state_dict()) == bits(whole.state_dict())


def test_a_checkpoint_of_the_other_kind_is_refused_and_one_that_knows_of_none_is_uniform(
    network: nn.Module, tmp_path: Path
) -> None:
    uniform = make_search(network, warmup_paths="uniform")
    uniform.save(tmp_path / "uniform.pt")
    with pytest.raises(CheckpointError, match="warmup_paths is 'fair', was 'uniform'"):
        make_search(network).resume(tmp_path / "uniform.pt")
    earlier = uniform.state_dict()
    del earlier["config"]["warmup_paths"], earlier["fair_paths"]
    make_search(network, warmup_paths="uniform").load_state_dict(earlier)
    with pytest.raises(ValueError, match="warmup_paths is 'fair', was 'uniform'"):
        make_search(network).load_state_dict(earlier)
