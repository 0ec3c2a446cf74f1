"""Nets with the weights of their supernet: against nets put together by hand, and the supernet as it was."""

import copy
from typing import cast

import pytest
import torch
from attrs import evolve
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bits import bits
from pnas_ops import (
    ClassifierSpec,
    Judge,
    NetworkSpace,
    SearchSpace,
    Stage,
    build_network,
    digits_mbconv_space,
    digits_network_space,
    mbconv_candidates,
    random_choices,
)
from pnas_supernet import InheritedWeights, SuperNet, mixed_ops, recalibrate

Batch = tuple[Tensor, Tensor]


def space() -> SearchSpace:
    digits = digits_mbconv_space(0.5)
    return evolve(
        digits,
        resolution=8,
        stages=(Stage(width=8, depth=3, stride=2),),
        candidates=mbconv_candidates((3, 5), (1, 2)),
        head=evolve(digits.head, in_channels=8, op=ClassifierSpec(hidden_channels=16)),
    )


def batches(seed: int, *sizes: int) -> list[Batch]:
    generator = torch.Generator().manual_seed(seed)
    return [
        (
            3 + 2 * torch.randn(size, 1, 8, 8, dtype=torch.float64, generator=generator),
            torch.randint(10, (size,), generator=generator),
        )
        for size in sizes
    ]


@pytest.fixture
def supernet() -> SuperNet:
    """With weights, biases and statistics that are no beginner's."""
    supernet = SuperNet(space(), generator=torch.Generator().manual_seed(0)).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for tensor in (*supernet.parameters(), *supernet.buffers()):
            if tensor.is_floating_point():
                tensor.add_(torch.rand(tensor.shape, dtype=torch.float64, generator=generator))
            else:
                tensor.fill_(7)  # batches that BatchNorm has seen
    return supernet


def log_likelihood(outputs: Tensor, labels: Tensor) -> Tensor:
    """A score that tells apart what has the same accuracy."""
    return -cross_entropy(outputs, labels)


def judge_of(supernet: SuperNet) -> InheritedWeights[object]:
    return InheritedWeights(
        supernet=supernet,
        statistics=batches(2, 12, 12, 6),
        validation=batches(3, 20, 10),
        score=log_likelihood,
        images=100,
    )


def by_hand(supernet: SuperNet, choices: tuple[int, ...]) -> float:
    """A fresh net with the weights copied one by one, and the mean over batches of what each BatchNorm sees."""
    net = build_network(supernet.space.architecture(choices)).double()
    body = [*net.children()]
    theirs = [*supernet.network.children()]
    places = iter(zip(mixed_ops(supernet), choices, strict=True))
    for ours, other in zip(body, theirs, strict=True):
        inside = [*mixed_ops(other)]
        if not inside:
            ours.load_state_dict(other.state_dict())
            continue
        op, choice = next(places)
        assert op is inside[0]
        for target, source in zip(
            (*ours.parameters(), *ours.buffers()),
            (*op.candidates[choice].parameters(), *op.candidates[choice].buffers()),
            strict=True,
        ):
            target.data.copy_(source.data)
    seen: dict[nn.Module, list[tuple[Tensor, Tensor]]] = {}
    for norm in [one for one in net.modules() if isinstance(one, nn.BatchNorm2d)]:
        norm.register_forward_pre_hook(
            lambda norm, args: seen.setdefault(norm, []).append(
                (args[0].mean((0, 2, 3)), args[0].var((0, 2, 3), unbiased=True))
            )
        )
    net.train()
    with torch.no_grad():
        for images, _ in batches(2, 12, 12, 6):
            net(images)
        for one, moments in seen.items():
            norm = cast(nn.BatchNorm2d, one)
            norm.running_mean = torch.stack([mean for mean, _ in moments]).mean(0)
            norm.running_var = torch.stack([var for _, var in moments]).mean(0)
        net.eval()
        images, labels = (torch.cat(parts) for parts in zip(*batches(3, 20, 10), strict=True))
        return -float(cross_entropy(net(images), labels))


def test_the_value_is_that_of_a_net_put_together_by_hand(supernet: SuperNet) -> None:
    judge: Judge = judge_of(supernet)
    values = set()
    for seed in range(6):
        choices = random_choices(supernet.space.options, torch.Generator().manual_seed(seed))
        judgement = judge.judge(supernet.space.architecture(choices), torch.Generator())
        assert judgement.value == pytest.approx(by_hand(supernet, choices), rel=1e-9)
        assert judgement.epochs == pytest.approx((30 + 30) / 3 / 100)
        values.add(judgement.value)
    assert len(values) == 6


@pytest.mark.parametrize("training", [True, False])
def test_the_supernet_stays_as_it_was_bit_for_bit(supernet: SuperNet, training: bool) -> None:
    supernet.train(training)
    before, modes = bits(supernet.state_dict()), [module.training for module in supernet.modules()]
    random_state = torch.get_rng_state()
    judge = judge_of(supernet)
    first, second = (
        judge.judge(supernet.space.architecture([0, 1, 4]), torch.Generator().manual_seed(0)) for _ in range(2)
    )
    assert first == second
    assert bits(supernet.state_dict()) == before
    assert [module.training for module in supernet.modules()] == modes
    assert all(parameter.grad is None for parameter in supernet.parameters())
    assert torch.equal(torch.get_rng_state(), random_state)


def test_nets_of_a_network_space_are_judged_too() -> None:
    networks: NetworkSpace = digits_network_space(0.5)
    supernet = SuperNet(networks, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(8, 1, 16, 16, generator=generator)
    small = networks.architecture([0] * len(networks.options))
    side = small.resolution
    labels = torch.zeros(8, dtype=torch.long)
    judge = InheritedWeights(
        supernet=supernet,
        statistics=[(images[:, :, :side, :side], labels)],
        validation=[(images[:, :, :side, :side], labels)],
        images=8,
    )
    assert 0 <= judge.judge(small, generator).value <= 1


def test_statistics_that_were_kept_on_purpose_are_kept_and_dropout_is_off() -> None:
    dropped = nn.Dropout(0.5)
    kept, taken = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    network = nn.Sequential(kept, dropped, taken, nn.BatchNorm1d(3, track_running_stats=False))
    kept.eval()
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) * 2 + 1
    assert recalibrate(network, [(x, None)]) == 50
    assert kept.running_mean is not None
    assert torch.equal(kept.running_mean, torch.zeros(3))
    torch.testing.assert_close(taken.running_mean, x.mean(0) / (1 + 1e-5) ** 0.5)
    assert taken.momentum == 0.1
    assert not any(module.training for module in network.modules())


def test_a_network_in_evaluation_mode_as_a_whole_gets_statistics_too() -> None:
    norm = nn.BatchNorm1d(3)
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) * 2 + 1
    recalibrate(nn.Sequential(norm).eval(), [(x, None)])
    torch.testing.assert_close(norm.running_mean, x.mean(0))
    torch.testing.assert_close(norm.running_var, x.var(0))


def test_a_score_of_ones_own_and_inputs_of_any_form() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(2)

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return self.norm(a + b)

    a, b = torch.randn(2, 30, 2, generator=torch.Generator().manual_seed(0))
    network = Sum()
    assert recalibrate(network, [((a, b), None), ({"a": a, "b": b}, None)]) == 60
    torch.testing.assert_close(network.norm.running_mean, (a + b).mean(0))
    assert network.norm.running_var is not None
    torch.testing.assert_close(network.norm.running_var, (a + b).var(0))


def test_without_images_it_is_refused(supernet: SuperNet) -> None:
    net = supernet.space.architecture([0, 0, 0])
    with pytest.raises(ValueError, match="there are no batches to judge nets on: give more"):
        evolve(judge_of(supernet), validation=[]).judge(net, torch.Generator())
    with pytest.raises(ValueError, match=r"'images' must be a whole number from 1 to .*, got 0"):
        evolve(judge_of(supernet), images=0)
    with pytest.raises(ValueError, match="there are no batches to take the statistics of"):
        evolve(judge_of(supernet), statistics=[]).judge(net, torch.Generator())
    other = digits_mbconv_space().architecture([0] * 6)
    with pytest.raises(ValueError, match="space 'digits"):
        judge_of(supernet).judge(other, torch.Generator())


def test_copies_are_what_is_judged(supernet: SuperNet) -> None:
    # Two judgements of unlike nets do not depend on their order.
    judge, nets = judge_of(supernet), [supernet.space.architecture(choices) for choices in ([0, 0, 0], [3, 3, 3])]
    forth = [judge.judge(net, torch.Generator()).value for net in nets]
    back = [judge_of(copy.deepcopy(supernet)).judge(net, torch.Generator()).value for net in reversed(nets)]
    assert forth == back[::-1]


def test_unless_it_is_told_otherwise_accuracy_counts(supernet: SuperNet) -> None:
    net = supernet.space.architecture([1, 2, 3])
    by_default = InheritedWeights(
        supernet=supernet, statistics=batches(2, 12), validation=batches(3, 20, 10), images=100
    )
    told = evolve(by_default, score=lambda outputs, labels: (outputs.argmax(1) == labels).double().mean())
    assert by_default.judge(net, torch.Generator()) == told.judge(net, torch.Generator())
