"""Sets of architecture parameters that take turns in a network."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

from bits import bits
from pnas_supernet import (
    MixedOp,
    active_alphas,
    alpha_parameters,
    copied_alphas,
    mixed_ops,
    sample_paths,
    sample_single,
)
from pnas_supernet.gates import known_alphas as known_alphas_file
from pnas_supernet.gates.sampling import known_alphas


def test_a_set_stands_in_the_network_inside_the_block_alone(network: nn.Module) -> None:
    own = alpha_parameters(network)
    copied = copied_alphas(network)
    assert bits(copied) == bits(own)
    assert not set(own) & set(copied)
    names = list(network.state_dict())
    with pytest.raises(KeyError), active_alphas(network, copied):
        assert alpha_parameters(network) == [*copied]
        assert list(network.state_dict()) == names
        raise KeyError
    assert [one is other for one, other in zip(alpha_parameters(network), own, strict=True)] == [True, True]


def test_operations_that_share_a_choice_share_it_in_every_set() -> None:
    first = MixedOp([nn.Identity(), nn.Tanh()])
    network = nn.Sequential(first, MixedOp([nn.Identity(), nn.Tanh()], alpha=first.alpha))
    (alone,) = copied_alphas(network)
    with active_alphas(network, [alone]):
        assert all(op.alpha is alone for op in mixed_ops(network))
    assert all(op.alpha is first.alpha for op in mixed_ops(network))


def test_alphas_of_another_network_are_refused(network: nn.Module) -> None:
    for alphas in ([], [nn.Parameter(torch.zeros(4)), nn.Parameter(torch.zeros(3))]):
        with (
            pytest.raises(ValueError, match="the network's architecture parameters have the shapes"),
            active_alphas(network, alphas),
        ):
            pass


def test_sets_that_take_turns_are_fetched_once_each(network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[Sequence[Tensor]] = []

    def fetch(tensors: Sequence[Tensor]) -> list[Tensor]:
        fetched.append(tensors)
        return list(tensors)

    monkeypatch.setattr(known_alphas_file, "on_cpu", fetch)
    copied, generator = copied_alphas(network), torch.Generator().manual_seed(0)
    with torch.no_grad():
        copied[0].copy_(torch.tensor([0.0, 0.0, 1000.0, 0.0]))
    with known_alphas(network) as known:
        for _ in range(3):
            sample_paths(network, sample_single, generator)
            with active_alphas(network, copied):
                assert sample_paths(network, sample_single, generator)[0].members == (2,)
        assert len(fetched) == 2
        known.forget()
        sample_paths(network, sample_single, generator)
        assert len(fetched) == 3
