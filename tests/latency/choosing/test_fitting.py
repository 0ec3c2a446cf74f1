"""What judged nets say of all nets, against least squares by another way and against going through all nets."""

import itertools
import re

import pytest
import torch
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pnas_latency import fitted_probs
from pnas_ops import Choices, Trial

OPTIONS = (3, 2, 4, 3)
NETS = [*itertools.product(*map(range, OPTIONS))]


def effects_of(seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(count, generator=generator, dtype=torch.float64) for count in OPTIONS]


def value(effects: list[Tensor], net: Choices) -> float:
    return sum(float(row[option]) for row, option in zip(effects, net, strict=True))


def trials_of(effects: list[Tensor], count: int, seed: int, noise: float = 0.0) -> list[Trial]:
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randperm(len(NETS), generator=generator)[:count].tolist()
    errors = (noise * torch.randn(count, generator=generator)).tolist()
    return [
        Trial(choices=NETS[number], value=0.5 + 0.01 * (value(effects, NETS[number]) + error))
        for number, error in zip(drawn, errors, strict=True)
    ]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(2, 60))
def test_logarithms_are_the_effects_of_a_ridge_regression_of_standardized_values(seed: int, count: int) -> None:
    trials = trials_of(effects_of(seed), count, seed, noise=0.5)
    rows = [
        [float(trial.choices[place] == option) for place, many in enumerate(OPTIONS) for option in range(many)]
        for trial in trials
    ]
    taken = torch.tensor(rows, dtype=torch.float64)
    values = torch.tensor([trial.value for trial in trials], dtype=torch.float64)
    taken, values = taken - taken.mean(0), (values - values.mean()) / values.std(correction=0)
    # A penalty of 1 is a further row for each effect, that asks for it to be 0.
    below = torch.eye(sum(OPTIONS), dtype=torch.float64)
    augmented = torch.cat([taken, below]), torch.cat([values, torch.zeros(sum(OPTIONS), dtype=torch.float64)])
    expected = torch.linalg.lstsq(augmented[0], augmented[1][:, None]).solution[:, 0].split(list(OPTIONS))
    for row, one in zip(fitted_probs(OPTIONS, trials), expected, strict=True):
        torch.testing.assert_close(row, one.softmax(0), rtol=1e-6, atol=1e-9)


def test_the_most_probable_net_is_the_best_though_no_single_value_is_sure() -> None:
    single, fitted = 0, 0
    for seed in range(20):
        effects = effects_of(seed)
        trials = trials_of(effects, 60, seed, noise=1.5)
        probs = fitted_probs(OPTIONS, trials)
        net = tuple(int(row.argmax()) for row in probs)
        best = max(NETS, key=lambda one: value(effects, one))
        fitted += value(effects, best) - value(effects, net) < 0.5
        single += value(effects, best) - value(effects, max(trials, key=lambda trial: trial.value).choices) < 0.5
    assert fitted >= 14 > single


@pytest.mark.parametrize("value", [0.0, 0.1, -1e300])
def test_values_that_are_all_equal_prefer_nothing(value: float) -> None:
    for row in fitted_probs(OPTIONS, [Trial(choices=net, value=value) for net in NETS[:7]]):
        assert len({*row.tolist()}) == 1


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_the_unit_of_values_does_not_matter(unit: float) -> None:
    trials = trials_of(effects_of(0), 30, 0, noise=0.5)
    in_unit = [evolve(trial, value=unit * trial.value) for trial in trials]
    for row, one in zip(fitted_probs(OPTIONS, in_unit), fitted_probs(OPTIONS, trials), strict=True):
        torch.testing.assert_close(row, one)


def test_trials_that_tell_nothing_of_the_space_are_refused() -> None:
    with pytest.raises(ValueError, match="there is no trial to learn from"):
        fitted_probs(OPTIONS, [])
    for choices in [(0, 0, 0), (0, 0, 0, 3), (0, -1, 0, 0)]:
        with pytest.raises(
            ValueError, match=re.escape(f"choices {choices} is none of a space of the options (3, 2, 4, 3)")
        ):
            fitted_probs(OPTIONS, [Trial(choices=choices, value=1.0)])
