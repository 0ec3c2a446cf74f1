"""The hyper-parameters: the original's by default, and none out of range."""

import math
from typing import Any

import pytest
import torch
from attrs import asdict
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pnas_supernet import ProxylessNAS, SearchConfig


def test_the_defaults_are_the_originals_for_imagenet() -> None:
    assert asdict(SearchConfig()) == {
        "warmup_epochs": 40,
        "epochs": 120,
        "warmup_paths": "uniform",
        "arch_interval": 5,
        "gate": "exact",
        "weight_lr": 0.025,
        "weight_momentum": 0.9,
        "weight_decay": 4e-5,
        "label_smoothing": 0.1,
        "alpha_lr": 1e-3,
        "alpha_betas": (0.0, 0.999),
        "precision": "float32",
        "micro_batches": 1,
    }


def test_the_optimizers_are_nesterov_sgd_and_adam_without_decay(network: nn.Module) -> None:
    search = ProxylessNAS(network, SearchConfig(), generator=torch.Generator())
    weights, alphas = search.weight_optimizer, search.alpha_optimizer
    assert isinstance(weights, torch.optim.SGD)
    assert isinstance(alphas, torch.optim.Adam)
    expected: dict[str, Any] = {"lr": 0.025, "momentum": 0.9, "dampening": 0, "weight_decay": 4e-5, "nesterov": True}
    assert {key: weights.defaults[key] for key in expected} == expected
    expected = {"lr": 1e-3, "betas": (0.0, 0.999), "eps": 1e-8, "weight_decay": 0.0, "amsgrad": False}
    assert {key: alphas.defaults[key] for key in expected} == expected
    assert len(weights.param_groups) == len(alphas.param_groups) == 1


@given(
    warmup_epochs=st.integers(0, 9),
    epochs=st.integers(1, 9),
    lr=st.floats(1e-3, 1.0),
    fraction=st.floats(0, 0.999),
)
def test_the_learning_rate_of_either_phase_is_a_cosine(
    warmup_epochs: int, epochs: int, lr: float, fraction: float
) -> None:
    config = SearchConfig(warmup_epochs=warmup_epochs, epochs=epochs, weight_lr=lr)
    for first, length in [(0, warmup_epochs), (warmup_epochs, epochs)]:
        if length:
            half_angle = math.pi / 2 * fraction
            # `first` rounds off some units in the last place of the fraction.
            expected = pytest.approx(lr * math.cos(half_angle) ** 2, rel=1e-9)
            assert config.weight_lr_at(first + fraction * length) == expected
            assert config.weight_lr_at(first) == lr
            assert config.weight_lr_at(first + length / 2) == pytest.approx(lr / 2)
    assert config.weight_lr_at(warmup_epochs + epochs) == 0.0


@given(st.integers(0, 9), st.integers(0, 20))
def test_the_warm_up_comes_first(warmup_epochs: int, epoch: int) -> None:
    assert SearchConfig(warmup_epochs=warmup_epochs).is_warm_up(epoch) == (epoch in range(warmup_epochs))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("warmup_epochs", -1),
        ("epochs", 0),
        ("arch_interval", 0),
        ("gate", "three-path"),
        ("weight_lr", 0.0),
        ("weight_momentum", 1.0),
        ("weight_decay", -1e-5),
        ("label_smoothing", 1.5),
        ("alpha_lr", 0.0),
        ("alpha_betas", (0.0, 1.0)),
        ("precision", "float64"),
        ("micro_batches", 0),
    ],
)
def test_options_out_of_range_are_named(option: str, value: Any) -> None:
    with pytest.raises(ValueError, match=option):
        SearchConfig(**{option: value})
