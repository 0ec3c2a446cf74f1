"""Candidates learn to give the original's output, and nothing else changes."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pnas_supernet import (
    DivergenceError,
    ModuleSuperNet,
    SinglePath,
    active_paths,
    convolutions,
    imitate,
    inverted_residuals,
    mixed_ops,
    search_space_of,
    with_skip,
)
from small_nets import output, settled, small_mobilenet_v3

Batch = tuple[Tensor, Tensor]


def batches(count: int = 3) -> list[Batch]:
    generator = torch.Generator().manual_seed(3)
    return [(torch.randn(4, 3, 16, 16, generator=generator), torch.zeros(4)) for _ in range(count)]


def supernet() -> ModuleSuperNet:
    torch.manual_seed(0)
    rule = with_skip(inverted_residuals(kernel_sizes=(3, 5), expansions=(2, 6)))
    generator = torch.Generator().manual_seed(0)
    return search_space_of(settled(small_mobilenet_v3()), torch.zeros(1, 3, 16, 16), rule, generator=generator)


def linear_supernet() -> ModuleSuperNet:
    """Of a convolution 3x3, what its middle can do alone has a closed form."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False)).eval()
    return search_space_of(network, torch.zeros(1, 3, 16, 16), convolutions(kernel_sizes=(1, 5)))


def least_squares(images: Tensor, wanted: Tensor) -> float:
    """The smallest relative error that any 1x1 convolution without bias can have."""
    x, y = (value.movedim(1, -1).flatten(0, -2).double() for value in (images, wanted))
    best = torch.linalg.lstsq(x, y).solution
    return float((x @ best - y).norm() / y.norm())


def test_a_candidate_comes_as_near_as_least_squares() -> None:
    net = linear_supernet()
    data = [(batch[0] + batch[0].roll(1, 2) + batch[0].roll(1, 3), batch[1]) for batch in batches(4)]
    images = torch.cat([x for x, _ in data])
    original, small, large = mixed_ops(net)[0].candidates
    wanted = output(original, images)
    best = least_squares(images, wanted)
    before = float((output(small, images) - wanted).norm() / wanted.norm())
    framed = copy.deepcopy(large.state_dict())

    one, five = imitate(net, data, epochs=60, lr=2e-2)

    assert (one.path, one.title, five.title) == ("0", "1x1", "5x5")
    assert one.before == pytest.approx(before, rel=1e-5)
    assert one.after == pytest.approx(float((output(small, images) - wanted).norm() / wanted.norm()), rel=1e-5)
    assert best <= one.after <= 1.01 * best < 0.99 * before
    assert five.before < 1e-6, "a kernel in a frame of zeros gives the original's output"
    assert all(torch.equal(value, framed[name]) for name, value in large.state_dict().items()), "and is left alone"


def test_where_the_original_gives_zeros_nothing_is_learned_and_elsewhere_all_is_as_without_them() -> None:
    net, same = linear_supernet(), linear_supernet()
    dark = [(torch.zeros_like(x), y) for x, y in batches(1)]
    first = copy.deepcopy(net.state_dict())
    original = mixed_ops(net)[0].candidates[0]
    zeros = copy.deepcopy(original.state_dict())
    original.load_state_dict({name: torch.zeros_like(value) for name, value in zeros.items()})
    assert [(one.before, one.after) for one in imitate(net, batches())] == [(math.inf, math.inf)] * 2
    original.load_state_dict(zeros)
    assert all(torch.equal(value, first[name]) for name, value in net.state_dict().items())

    one, _ = imitate(same, [*batches(), *dark], epochs=20)
    assert one.after < one.before < math.inf


def test_all_but_the_candidates_stays_to_the_bit_and_the_same_batches_give_the_same_weights() -> None:
    first, second = supernet().train(), supernet().train()
    learners = {
        f"network.{place.path}.candidates.{number}."
        for place, op in zip(first.space.places, mixed_ops(first), strict=True)
        for number in range(1, len(op.candidates))
    }
    before = copy.deepcopy(first.state_dict())
    torch.manual_seed(1)
    state = torch.get_rng_state()

    errors = imitate(first, batches())

    assert torch.equal(torch.get_rng_state(), state)
    after = first.state_dict()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed
    assert all(any(name.startswith(learner) for learner in learners) for name in changed)
    assert all(part.training for part in first.modules())
    assert all(weight.requires_grad and weight.grad is None for weight in first.parameters())

    torch.manual_seed(2)
    assert imitate(second, batches()) == errors
    assert all(torch.equal(value, after[name]) for name, value in second.state_dict().items())


def test_errors_are_those_of_all_candidates_and_fall() -> None:
    net = supernet()
    told: list[tuple[str, int, int]] = []
    errors = imitate(net, batches(), epochs=5, lr=3e-3, progress=lambda *step: told.append(step))
    titles = [(place.path, one.title) for place in net.space.places for one in place.candidates[1:]]
    assert [(one.path, one.title) for one in errors] == titles
    learned = [one for one in errors if one.title != "skip" and one.before > 1e-5]
    assert len(learned) >= 4
    assert all(one.after < one.before for one in learned)
    assert all(one.after == one.before for one in errors if one not in learned)
    assert told == [("imitating", done, 8 * 3) for done in range(1, 8 * 3 + 1)]
    assert repr(errors).startswith(f"<Imitations of {len(titles)} candidates: mean relative error 0.")
    assert "features.3  skip" in str(errors)
    assert "<table" in errors._repr_html_()


def test_batchnorm_takes_the_statistics_and_gives_what_it_gave() -> None:
    """So that what learned beside the statistics of others is as good in training mode, as a search will have it."""
    net = supernet()
    batch = batches(1)
    images = batch[0][0]
    imitate(net, batch, epochs=2)
    seen: list[tuple[Tensor, Tensor]] = []
    place, op = net.space.places[1], mixed_ops(net)[1]
    handle = op.register_forward_hook(lambda _, x, y: seen.append((x[0], y)))
    with active_paths(net, [SinglePath(0)] * len(net.space.places)):
        output(net.eval(), images)
    handle.remove()
    ((x, _),) = seen
    learned = op.candidates[[one.title for one in place.candidates].index("3x3 e2")]
    norms = [part for part in learned.modules() if isinstance(part, nn.BatchNorm2d)]
    given: list[Tensor] = []
    handles = [norm.register_forward_pre_hook(lambda _, args: given.append(args[0])) for norm in norms]
    evaluated = output(learned, x)
    for handle in handles:
        handle.remove()
    assert len(norms) == len(given) == 3
    for norm, values in zip(norms, given, strict=True):
        torch.testing.assert_close(norm.running_mean, values.mean((0, 2, 3)))
        torch.testing.assert_close(norm.running_var, values.transpose(0, 1).flatten(1).var(1), rtol=1e-4, atol=1e-6)
    trained = output(learned.train(), x)
    assert (trained - evaluated).norm() < 0.02 * evaluated.norm()
    original = output(op.candidates[0].train(), x)
    assert (original - output(op.candidates[0].eval(), x)).norm() > 0.1 * original.norm(), "whose statistics are others"


def test_a_candidate_that_comes_no_nearer_is_put_back() -> None:
    net = linear_supernet()
    learner: Any = mixed_ops(net)[0].candidates[1]
    before = learner.weight.clone()
    (one, _) = imitate(net, batches(), lr=1e3)
    assert one.after == one.before
    assert torch.equal(learner.weight, before)


def test_what_was_frozen_learns_and_is_frozen_again() -> None:
    net = linear_supernet().requires_grad_(False)
    learner: Any = mixed_ops(net)[0].candidates[1]
    before = learner.weight.clone()
    imitate(net, batches(1))
    assert not torch.equal(learner.weight, before)
    assert not any(weight.requires_grad for weight in net.parameters())


def test_what_is_not_finite_is_told_with_its_place() -> None:
    with pytest.raises(DivergenceError, match="the error of '1x1' at '0' is not finite: lower the learning rate"):
        imitate(linear_supernet(), [(torch.full((1, 3, 16, 16), torch.inf), torch.zeros(1))])
    with pytest.raises(ValueError, match="there are no batches to imitate"):
        imitate(linear_supernet(), [])
