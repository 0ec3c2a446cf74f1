"""Colours of photos, changed batch by batch, on a CPU as on a GPU. Shapes: N photos, H x W pixels, P places."""

import torch
from torch import Tensor

from pnas_apps.images.sending import sent

BRIGHTNESS, CONTRAST, SATURATION, HUE = range(4)
"""What stands at a place, as torchvision counts them."""

_GREY = (0.2989, 0.587, 0.114)


def jittered(pixels: Tensor, kinds: Tensor, amounts: Tensor) -> Tensor:
    """Photos of which brightness, contrast, saturation and hue are changed, of each by other amounts in another order.

    What torchvision's `ColorJitter` makes of one photo after another, to one level of 255: here every product and every
    sum is rounded by itself and none in another order, so that a GPU comes to the same pixels as a CPU.

    Args:
        pixels: uint8, (N, 3, H, W), on any device.
        kinds: what is done first, second, ...: int64, (N, P), on the CPU.
        amounts: by how much: float32, (N, P), on the CPU; of hue the part of a turn, of the others a factor.

    Returns:
        uint8, (N, 3, H, W).
    """
    here = sent(torch.cat([kinds.float(), amounts], dim=1), pixels.device)
    for place in range(kinds.shape[1]):
        kind, amount = (here[:, column].view(-1, 1, 1, 1) for column in (place, kinds.shape[1] + place))
        values, done = pixels.float(), set(kinds[:, place].tolist())
        other = torch.zeros_like(amount)
        if done & {CONTRAST, SATURATION}:
            red, green, blue = (channel * share for channel, share in zip(values.unbind(1), _GREY, strict=True))
            grey = (red + green + blue).floor().unsqueeze(1)
            other = torch.where(kind == SATURATION, grey, other)
        if CONTRAST in done:  # a sum of whole numbers, which is exact in any order
            mean = grey.long().sum((1, 2, 3), keepdim=True).float() / pixels.shape[-2:].numel()
            other = torch.where(kind == CONTRAST, mean, other)
        changed = (values * amount).add_(other * (1 - amount)).clamp_(0, 255)
        if HUE in done:
            changed = torch.where(kind == HUE, _turned(values, amount), changed)
        pixels = changed.to(torch.uint8)
    return pixels


def _turned(values: Tensor, turn: Tensor) -> Tensor:
    """Photos of another hue, and the same lightest and darkest channel in every pixel.

    By way of hue, saturation and value (Smith, "Color gamut transform pairs", 1978).

    Args:
        values: 0 to 255, float32, (N, 3, H, W).
        turn: of the circle of hues, (N, 1, 1, 1).
    """
    red, green, blue = values.unbind(1)
    darkest, lightest = values.amin(1), values.amax(1)
    spread = lightest - darkest
    divisor = torch.where(spread == 0, 1.0, spread)
    from_green = torch.where(lightest == green, (blue - red) / divisor + 2, (red - green) / divisor + 4)
    sixths = torch.where(lightest == red, (green - blue) / divisor, from_green) + turn.squeeze(1) * 6
    # The channels are the same wave, a third of a turn apart.
    waves = [(sixths + start) % 6 for start in (5, 3, 1)]
    channels = [lightest - spread * torch.minimum(wave, 4 - wave).clamp(0, 1) for wave in waves]
    # To the nearest of 256 levels as torchvision has them, which are all of one width.
    return (torch.stack(channels, 1) * ((256 - 1e-3) / 255)).floor()
