"""From pixels to the input of a net."""

import pytest
import torch
from torchvision.transforms.v2 import functional

from pnas_ops import Preprocessing


def test_preprocessing_is_what_torchvision_does() -> None:
    preprocessing = Preprocessing(height=4, width=6, channels="RGB", mean=(0.485, 0.456, 0.406), std=(0.2, 0.3, 0.4))
    pixels = torch.randint(0, 256, (3, *preprocessing.input_shape[1:]), dtype=torch.uint8)
    scaled = functional.to_dtype(pixels, torch.float32, scale=True)
    expected = functional.normalize(scaled, list(preprocessing.mean), list(preprocessing.std))
    torch.testing.assert_close(preprocessing(pixels), expected, rtol=1e-5, atol=1e-6)
    assert preprocessing(pixels).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": (0.5, 0.5)}, "mean needs 1 values for grey, got 2"),
        ({"std": (0.0,)}, "std must be positive"),
        ({"channels": "BGR"}, "channels"),
        ({"height": 0}, "height"),
        ({"shorter_side": 15}, "shorter_side 15 is less than 16 x 16 pixels"),
        ({"shorter_side": 0}, "shorter_side"),
    ],
)
def test_preprocessing_that_means_nothing_is_refused(changes: dict[str, object], message: str) -> None:
    values = {"height": 16, "width": 16, "channels": "grey", "mean": (0.4,), "std": (0.25,)}
    with pytest.raises(ValueError, match=message):
        Preprocessing(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(("mean", "std"), [(float("nan"), 1.0), (float("inf"), 1.0), (0.0, float("nan"))])
def test_numbers_that_are_none_are_refused(mean: float, std: float) -> None:
    with pytest.raises(ValueError, match="mean and std must be finite"):
        Preprocessing(height=4, width=4, channels="grey", mean=(mean,), std=(std,))


def test_pixels_of_other_channels_are_refused() -> None:
    grey = Preprocessing(height=4, width=4, channels="grey", mean=(0.5,), std=(0.5,))
    with pytest.raises(ValueError, match="grey images have 1 channel, these have 3"):
        grey(torch.zeros(1, 3, 4, 4, dtype=torch.uint8))
