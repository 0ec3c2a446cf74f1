"""The error for nets that cannot be made, and checks of their numbers."""

from math import inf

from pnas_ops.data.errors import PnasError
from pnas_ops.data.ranges import Range

_MULTIPLE = Range(0, inf, above=True, below=True)
_COUNT = Range(1, 10**9, whole=True)


class ArchitectureError(PnasError, ValueError):
    """A net of an unknown name, or one that cannot be made as requested."""


def check_multiple(name: str, value: object) -> None:
    """Refuses what cannot be a multiple of a width, a depth or a resolution."""
    if value not in _MULTIPLE:
        shown = f"{value:g}" if isinstance(value, int | float) else repr(value)
        raise ArchitectureError(f"{name} must be a positive number, got {shown}")


def check_count(name: str, value: object) -> None:
    """Refuses what cannot be a number of channels, classes or pixels."""
    if value not in _COUNT:
        raise ArchitectureError(f"{name} must be {_COUNT}, got {value!r}")
