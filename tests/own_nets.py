"""A tiny net of somebody's, as a Python file gives it, and how a test calls the program on it."""

from collections.abc import Callable
from pathlib import Path

from click.testing import Result

TINY = """
from torch import nn

def make(classes):
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True),
        nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes),
    )
"""
"""A place: the second convolution, which may be in 2 or 4 groups, or left out."""

FEW = {
    "--resolution": 16,
    "--batch-size": 4,
    "--imitation-epochs": 1,
    "--search-warmup-epochs": 1,
    "--search-epochs": 2,
    "--train-epochs": 2,
    "--train-warmup-epochs": 0,
    "--workers": 0,
}

WriteFile = Callable[[str], Path]
Run = Callable[..., Result]
