"""Depth, width and resolution scaled together by one number.

References:
    EfficientNet, arXiv 1905.11946, equations 2 and 3.
"""

from collections.abc import Callable, Iterator
from itertools import product
from math import isfinite, log2
from typing import Literal, get_args

from attrs import field, frozen

from pnas_ops.data.architecture import Architecture
from pnas_ops.modules.counting import architecture_macs
from pnas_ops.nets.errors import ArchitectureError
from pnas_ops.nets.scaling import scaled

Dimension = Literal["depth", "width", "resolution"]
"""One of `DIMENSIONS`."""

DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
"""What a net can be scaled in."""

_LARGEST_PHI, _LARGEST_MULTIPLE = 100, 100
_WIDENINGS, _HALVINGS = 4, 8


def _at_least_one(instance: object, attribute: object, value: float) -> None:
    if not (isfinite(value) and value >= 1):
        raise ArchitectureError(f"{getattr(attribute, 'name', 'value')} must be at least 1, got {value:g}")


@frozen(kw_only=True)
class CompoundScaling:
    """Depth alpha^phi, width beta^phi, resolution gamma^phi (equation 3); the defaults are EfficientNet's."""

    alpha: float = field(default=1.2, validator=_at_least_one)
    beta: float = field(default=1.1, validator=_at_least_one)
    gamma: float = field(default=1.15, validator=_at_least_one)

    @property
    def growth(self) -> float:
        """The factor of the MACs for each step of phi: alpha * beta^2 * gamma^2, about 2."""
        return self.alpha * self.beta**2 * self.gamma**2

    def multiples(self, phi: float) -> dict[Dimension, float]:
        """The multiples for this phi, as `scaled` takes them.

        Raises:
            ArchitectureError: for a phi that is not finite, and for one that makes a net more than 100 times as deep,
                wide or fine.
        """
        if not abs(phi) <= _LARGEST_PHI:
            raise ArchitectureError(f"phi must be a number from -{_LARGEST_PHI} to {_LARGEST_PHI}, got {phi:g}")
        for name in ("alpha", "beta", "gamma"):
            value = getattr(self, name)
            if phi * log2(value) > log2(_LARGEST_MULTIPLE):
                raise ArchitectureError(
                    f"{name}^phi = {value:g}^{phi:g} is more than {_LARGEST_MULTIPLE}: no net is scaled so far"
                )
        return {"depth": self.alpha**phi, "width": self.beta**phi, "resolution": self.gamma**phi}


def compound_grid(*, growth: float = 2.0, step: float = 0.05, tolerance: float = 0.05) -> tuple[CompoundScaling, ...]:
    """All multiples of `step` from 1 on where alpha * beta^2 * gamma^2 is `growth`, within the share `tolerance`.

    They are the candidates of the paper's small grid search at phi = 1 (section 3.3); training finds the best of them.

    Raises:
        ArchitectureError: for a growth below 1, or a step or a tolerance that is not positive.
    """
    if not (isfinite(growth) and growth >= 1):
        raise ArchitectureError(f"growth must be at least 1, got {growth:g}")
    if not 0.01 <= step <= 1 or not 0 < tolerance < 1:
        raise ArchitectureError(
            f"step must be from 0.01 to 1, tolerance between 0 and 1, got {step:g} and {tolerance:g}"
        )
    alphas, betas = (list(_steps(step, most)) for most in (growth * 1.5, (growth * 1.5) ** 0.5))
    found = (CompoundScaling(alpha=a, beta=b, gamma=c) for a, b, c in product(alphas, betas, betas))
    return tuple(one for one in found if abs(one.growth / growth - 1) <= tolerance + 1e-9)


def _steps(step: float, most: float) -> Iterator[float]:
    number = 0
    while (value := round(1 + number * step, 9)) <= most:
        yield value
        number += 1


def multiple_alone(
    architecture: Architecture,
    dimension: Dimension,
    macs: float,
    *,
    count: Callable[[Architecture], float] = architecture_macs,
) -> float:
    """The multiple of a net's depth, width or resolution alone by which its MACs come nearest to `macs`.

    The nearest may be some per cent off: depth and width come in steps, and the sizes of feature maps are rounded up
    where strides do not divide them.

    Args:
        architecture: the net.
        dimension: the one to scale.
        macs: the desired number, more or less than the net has.
        count: multiply-accumulates of a net for one image.

    Raises:
        ArchitectureError: as `scaled` does; for `macs` that are not positive.
    """
    if not (isfinite(macs) and macs > 0):
        raise ArchitectureError(f"MACs must be a positive number, got {macs:g}")
    tried: dict[float, float] = {}

    def excess(exponent: float) -> float:
        multiple = 2.0**exponent
        multiples: dict[Dimension, float] = {dimension: multiple}
        found = count(scaled(architecture, **multiples)) / macs - 1
        tried.setdefault(abs(found), multiple)
        return found

    near, short = 0.0, excess(0.0)
    # MACs grow with the depth, and with the square of the others.
    far = -log2(1 + short) / (1 if dimension == "depth" else 2)
    for _ in range(_WIDENINGS):
        if (excess(far) < 0) != (short < 0):
            break
        near, far = far, 1.5 * far
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        near, far = (middle, far) if (excess(middle) < 0) == (short < 0) else (near, middle)
    return tried[min(tried)]
