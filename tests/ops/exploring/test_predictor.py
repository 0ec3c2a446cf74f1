"""A predictor of values, on values that can be learned and on such that cannot."""

import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor

from pnas_ops import Choices, Trial, cifar_mbconv_space, fit_predictor, nas_bench_macro_space

SPACE = nas_bench_macro_space()


def _nets(count: int, seed: int) -> list[Choices]:
    generator = torch.Generator().manual_seed(seed)
    return [SPACE.sample_choices(generator) for _ in range(count)]


def _trials(nets: list[Choices], values: Tensor) -> list[Trial]:
    return [Trial(choices=net, value=value) for net, value in zip(nets, values.tolist(), strict=True)]


def _additive(nets: list[Choices]) -> Tensor:
    weights = torch.rand(8, 3, generator=torch.Generator().manual_seed(1))
    return 0.5 + 0.05 * torch.stack([weights[torch.arange(8), torch.tensor(net)].sum() for net in nets])


def test_learns_what_choices_add_up_to() -> None:
    nets, others = _nets(100, seed=0), _nets(100, seed=1)
    predictor = fit_predictor(SPACE, _trials(nets, _additive(nets)), torch.Generator().manual_seed(0))
    assert (predictor.learned, predictor.held_out) == (80, 20)
    assert predictor.rank_correlation is not None
    assert predictor.rank_correlation > 0.8
    guessed = predictor.values(others)
    assert spearmanr(guessed, _additive(others)).statistic > 0.8
    # In the unit of what was told, not of the network.
    assert float((guessed - _additive(others)).abs().mean()) < 0.01
    said = predictor.judge(SPACE.architecture(others[0]), torch.Generator())
    assert (said.value, said.epochs) == (pytest.approx(float(guessed[0])), 0)


def test_the_correlation_told_is_that_of_nets_it_has_not_learned_from() -> None:
    nets = list(dict.fromkeys(_nets(60, seed=0)))
    noise = torch.rand(len(nets), generator=torch.Generator().manual_seed(2))
    predictor = fit_predictor(SPACE, _trials(nets, noise), torch.Generator().manual_seed(0), held_out=0.5)
    # Most of what it has learned from it knows by heart, and nothing of the rest.
    learned_and_not = spearmanr(predictor.values(nets), noise).statistic
    assert predictor.rank_correlation is not None
    assert abs(predictor.rank_correlation) < 0.4 < learned_and_not


def test_the_same_generator_learns_the_same() -> None:
    trials = _trials(_nets(10, seed=0), _additive(_nets(10, seed=0)))
    one, other = (
        fit_predictor(SPACE, trials, torch.Generator().manual_seed(4), steps=5).values(_nets(5, seed=3))
        for _ in range(2)
    )
    assert torch.equal(one, other)


def test_tells_no_correlation_where_nothing_is_held_out() -> None:
    trials = _trials(_nets(5, seed=0), _additive(_nets(5, seed=0)))
    assert fit_predictor(SPACE, trials, torch.Generator(), held_out=0, steps=1).rank_correlation is None


def test_refuses_too_few_nets_and_foreign_ones() -> None:
    trials = _trials(_nets(5, seed=0), _additive(_nets(5, seed=0)))
    with pytest.raises(ValueError, match="learns from 5 trials at least, got 4"):
        fit_predictor(SPACE, trials, torch.Generator())
    with pytest.raises(ValueError, match="held_out must be from 0 to below 1, got 1"):
        fit_predictor(SPACE, trials, torch.Generator(), held_out=1)
    predictor = fit_predictor(SPACE, trials, torch.Generator(), held_out=0, steps=1)
    with pytest.raises(ValueError, match="not of space"):
        predictor.judge(cifar_mbconv_space().architecture([0] * 9), torch.Generator())
