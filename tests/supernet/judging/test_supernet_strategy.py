"""A supernet that is asked for nets."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pnas_latency import MACS, Limit, most_probable_within_budget
from pnas_ops import Architecture, Choices, Strategy, Trial
from pnas_supernet import ProxylessNAS, SearchConfig, SuperNet, SupernetStrategy, mixed_ops
from supernet.judging.test_inherited_weights import Batch, batches, space


class KilledError(Exception):
    """By what is like a kill."""


def make(
    checkpoint: Path | None = None, *, until: int = 99, begins_at: int = 0, at_most: float = 1e9, gate: str = "exact"
) -> Strategy:
    supernet = SuperNet(space(), generator=torch.Generator().manual_seed(0)).double()
    config = SearchConfig(warmup_epochs=1, epochs=2, arch_interval=1, alpha_lr=0.3)

    def train(epoch: int) -> list[Batch]:
        assert epoch >= begins_at
        if epoch == until:
            raise KilledError
        return batches(epoch, 8, 8)

    def ranked(probs: Sequence[Tensor]) -> Iterator[Architecture]:
        return most_probable_within_budget(probs, supernet.space, [Limit(metric=MACS, at_most=at_most)])

    return SupernetStrategy(
        supernet=supernet,
        search=ProxylessNAS(supernet, config, generator=torch.Generator().manual_seed(1)),
        train=train,
        validation=lambda epoch: batches(100 + epoch, 8),
        ranked=ranked,
        passes=1.5,
        checkpoint=checkpoint,
    )


def asked(strategy: Strategy, count: int) -> list[Choices | None]:
    found: list[Choices | None] = []
    for _ in range(count):
        choices = strategy.ask(torch.Generator(), taken=[one for one in found if one is not None])
        found.append(choices)
        if choices is not None:
            strategy.tell(Trial(choices=choices, value=0.0))
    return found


def test_the_first_ask_searches_and_each_gives_the_next_most_probable_net() -> None:
    strategy = make()
    assert strategy.epochs == 0
    found = asked(strategy, 5)
    assert strategy.epochs == 1.5
    probs = [op.probs.detach() for op in mixed_ops(strategy.supernet)]  # type: ignore[attr-defined]
    nets = space()
    expected = [nets.choices(net) for net in most_probable_within_budget(probs, nets, [])]
    assert found == expected[:5]
    # Those that others have taken are left out.
    assert strategy.ask(torch.Generator(), taken=expected[:8]) == expected[8]


def test_within_limits_it_ends_when_all_are_given() -> None:
    nets = space()
    costs = sorted(MACS.of(nets.architecture([a, b, c])) for a in range(4) for b in range(5) for c in range(5))
    found = asked(make(at_most=costs[5]), 120)
    given = [choices for choices in found if choices is not None]
    assert len({*given}) == len(given) == sum(cost <= costs[5] for cost in costs)
    assert all(MACS.of(nets.architecture(choices)) <= costs[5] for choices in given)
    assert found[len(given) :] == [None] * (120 - len(given))


def test_a_search_that_was_killed_goes_on(tmp_path: Path) -> None:
    checkpoint = tmp_path / "search.pt"
    interrupted = make(checkpoint, until=2)
    with pytest.raises(KilledError):
        interrupted.ask(torch.Generator())
    assert interrupted.epochs == 0
    again = make(checkpoint, begins_at=2)
    assert again.epochs == 0
    assert asked(again, 4) == asked(make(), 4)
    assert again.epochs == 1.5
    # Of one that has ended nothing is done again, and nothing is counted twice.
    ended = make(checkpoint, begins_at=99)
    assert ended.epochs == 1.5
    assert asked(ended, 4) == asked(make(), 4)
