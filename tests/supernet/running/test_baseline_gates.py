"""DARTS and One-Shot as gates of a search."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bits import bits
from pnas_supernet import MixedOp, ProxylessNAS, SearchConfig, alpha_parameters, mixed_ops, weight_parameters

Batch = tuple[Tensor, Tensor]


def batches(seed: int, count: int) -> list[Batch]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 4, 3, 8, 8, dtype=torch.float64, generator=generator)
    return list(zip(images, torch.randint(5, (count, 4), generator=generator), strict=True))


def make_search(network: nn.Module, **options: Any) -> ProxylessNAS:
    options = {"warmup_epochs": 1, "epochs": 1, "arch_interval": 2, "alpha_lr": 0.1, "label_smoothing": 0.0} | options
    return ProxylessNAS(copy.deepcopy(network), SearchConfig(**options), generator=torch.Generator().manual_seed(5))


class Relaxed(nn.Module):
    """DARTS as its paper has it: softmax(alpha) over all candidates' outputs."""

    def __init__(self, op: MixedOp) -> None:
        super().__init__()
        self.alpha, self.candidates = op.alpha, op.candidates

    def forward(self, x: Tensor) -> Tensor:
        shares = self.alpha.softmax(0)
        return torch.stack([share * one(x) for share, one in zip(shares, self.candidates, strict=True)]).sum(0)


def test_darts_learns_weights_and_alpha_on_the_mixture_of_all(network: nn.Module) -> None:
    search = make_search(network, gate="darts", weight_lr=0.1, weight_momentum=0.0, weight_decay=0.0)
    # The slow and obvious version: a warm-up step, a step of each kind, by autograd.
    expected = copy.deepcopy(search.network)
    alphas, weights = alpha_parameters(expected), weight_parameters(expected)
    for name, op in [("first", mixed_ops(expected)[0]), ("second", mixed_ops(expected)[1])]:
        setattr(expected, name, Relaxed(op))
    adam = torch.optim.Adam(alphas, lr=0.1, betas=(0.0, 0.999))
    train, held_out = batches(0, 1), batches(1, 1)
    for lr, learns in [(0.1, False), (0.1, True)]:
        for optimizer, (images, labels) in [(torch.optim.SGD(weights, lr=lr), train[0]), (adam, held_out[0])][
            : 1 + learns
        ]:
            expected.zero_grad()
            statistics = copy.deepcopy([*expected.buffers()])
            cross_entropy(expected(images), labels).backward()
            if optimizer is adam:  # leaves statistics alone
                for buffer, before in zip(expected.buffers(), statistics, strict=True):
                    buffer.copy_(before)
            optimizer.step()
    search = make_search(network, gate="darts", weight_lr=0.1, weight_momentum=0.0, weight_decay=0.0, arch_interval=1)
    while search.epochs_left:
        search.run_epoch(train, held_out)
    found = dict(search.network.named_parameters()) | dict(search.network.named_buffers())
    for name, tensor in (*expected.named_parameters(), *expected.named_buffers()):
        torch.testing.assert_close(found[name], tensor, rtol=1e-9, atol=1e-12)
    assert all(alpha.any() for alpha in alphas)


@pytest.mark.parametrize("paths", ["uniform", "fair"])
def test_one_shot_is_a_warm_up_that_never_ends(network: nn.Module, paths: str) -> None:
    one_shot = make_search(network, gate="one-shot", warmup_paths=paths)
    warm_up = make_search(network, warmup_epochs=2, warmup_paths=paths)
    # The learning rate falls anew in the second phase of the one, and not in the one phase of the other.
    warm_up.config = make_search(network, warmup_epochs=1, warmup_paths=paths, gate="one-shot").config
    for search in (one_shot, warm_up):
        for epoch in range(2):
            record = search.run_epoch(batches(epoch, 8), batches(9, 2))
            assert (record.phase, record.validation_loss) == ("warm-up", None)
    assert bits(one_shot.state_dict()) == bits(warm_up.state_dict())
    assert all(not alpha.any() for alpha in alpha_parameters(one_shot.network))
    assert one_shot.epochs_left == 0
