"""The PyTorch operators that slide a window over an image: the size of the window, and a name."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil
from typing import Any

from attrs import frozen

from pnas_ops.data.receptive_field import Window

Shape = tuple[int, ...]


@frozen
class Windowed:
    """An operator that reads windows: its name here, and the window along each dimension."""

    name: str
    windows: tuple[Window, ...]


def windowed(operator: str, arguments: Sequence[Any], before: Shape, after: Shape) -> Windowed | None:
    """The windows that a PyTorch operator reads; None for one that slides no window.

    Args:
        operator: its name, such as "convolution".
        arguments: as PyTorch's dispatcher passes them.
        before, after: the shapes of its input and of its result, (N, C, ...).
    """
    if operator == "convolution":
        return _convolution(arguments, before)
    if operator.startswith(("max_pool", "avg_pool")):
        return _pool(operator, arguments, len(before) - 2)
    if operator.startswith(("_adaptive_avg_pool", "adaptive_avg_pool", "adaptive_max_pool")):
        return _adaptive_pool(operator, before, after)
    if operator.startswith("upsample"):
        return _upsampling(operator, before, after)
    return None


def _convolution(arguments: Sequence[Any], before: Shape) -> Windowed:
    _, weight, _, stride, _, dilation, transposed, _, groups = arguments
    kernel = tuple(weight.shape[2:])
    strides, dilations = _each(stride, len(kernel)), _each(dilation, len(kernel))
    reads = [(size - 1) * spread + 1 for size, spread in zip(kernel, dilations, strict=True)]
    depthwise = groups > 1 and groups == before[1]
    name = f"{'dwconv' if depthwise else 'conv'} {_times(kernel)}"
    if transposed:
        # Between two pixels of the input the window meets step - 1 zeros.
        windows = (
            Window(reads=Fraction(size, step), stride=Fraction(1, step)) for size, step in _pairs(reads, strides)
        )
        return Windowed(f"transposed {name}{_strided(strides, ' x')}", tuple(windows))
    spread = f" d{_once(dilations)}" if any(one > 1 for one in dilations) else ""
    grouped = f" g{groups}" if groups > 1 and not depthwise else ""
    return Windowed(f"{name}{_strided(strides)}{spread}{grouped}", _sliding(reads, strides))


def _pool(operator: str, arguments: Sequence[Any], dimensions: int) -> Windowed:
    kernel = _each(arguments[1], dimensions)
    # PyTorch's default; an empty list means the same.
    strides = _each(arguments[2], dimensions) if len(arguments) > 2 and arguments[2] else kernel
    dilations = (
        _each(arguments[4], dimensions) if operator.startswith("max") and len(arguments) > 4 else (1,) * dimensions
    )
    reads = [(size - 1) * spread + 1 for size, spread in _pairs(kernel, dilations)]
    return Windowed(f"{operator[:3]} pool {_times(kernel)}{_strided(strides)}", _sliding(reads, strides))


def _adaptive_pool(operator: str, before: Shape, after: Shape) -> Windowed | None:
    sizes = _pairs(before[2:], after[2:])
    if any(given > 1 and made == 1 for given, made in sizes):
        return None  # a mean of everything
    # Pixel i reads those from floor(i in / out) to ceil((i + 1) in / out).
    reads = [max(ceil((i + 1) * given / made) - i * given // made for i in range(made)) for given, made in sizes]
    windows = (Window(reads=Fraction(most), stride=Fraction(*size)) for most, size in zip(reads, sizes, strict=True))
    return Windowed(f"{'max' if 'max' in operator else 'avg'} pool to {_times(after[2:])}", tuple(windows))


_NEIGHBOURS = {"nearest": 1, "linear": 2, "bilinear": 2, "trilinear": 2, "bicubic": 4}
"""The number of pixels that an enlarged pixel reads, along a dimension."""


def _upsampling(operator: str, before: Shape, after: Shape) -> Windowed | None:
    mode = operator.removeprefix("upsample_").rstrip("0123456789d").removeprefix("_")
    if mode not in _NEIGHBOURS:
        return None
    strides = [Fraction(*sizes) for sizes in _pairs(before[2:], after[2:])]
    windows = tuple(Window(reads=Fraction(_NEIGHBOURS[mode]), stride=stride) for stride in strides)
    return Windowed(f"upsample {mode} to {_times(after[2:])}", windows)


def _sliding(reads: Sequence[int], strides: Sequence[int]) -> tuple[Window, ...]:
    return tuple(Window(reads=Fraction(size), stride=Fraction(step)) for size, step in _pairs(reads, strides))


def _each(value: int | Sequence[int], dimensions: int) -> Shape:
    """One value for each dimension, where PyTorch also takes one for all."""
    values = (value,) if isinstance(value, int) else tuple(value)
    return values * dimensions if len(values) == 1 else values


def _times(sizes: Sequence[int]) -> str:
    return "x".join(map(str, sizes))


def _once(sizes: Sequence[int]) -> str:
    return str(sizes[0]) if len({*sizes}) == 1 else _times(sizes)


def _strided(strides: Sequence[int], sign: str = "/") -> str:
    return f"{sign}{_once(strides)}" if any(step > 1 for step in strides) else ""


def _pairs(one: Sequence[int], other: Sequence[int]) -> list[tuple[int, int]]:
    return list(zip(one, other, strict=True))
