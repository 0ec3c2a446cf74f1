"""What is wrong with a net that somebody asks for."""

from math import isfinite

from pnas_ops.data.errors import PnasError


class ArchitectureError(PnasError, ValueError):
    """A net that nobody knows by this name, or that cannot be made as asked for."""


def check_multiple(name: str, value: float) -> None:
    """Refuses what cannot multiply a width, a depth or a resolution."""
    if not (isfinite(value) and value > 0):
        raise ArchitectureError(f"{name} must be a positive number, got {value:g}")
