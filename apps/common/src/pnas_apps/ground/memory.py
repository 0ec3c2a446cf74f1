"""How much memory a program has had."""

import resource
import sys

_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in which the system counts it."""


def process_peak_bytes() -> float:
    """The most that this process has had so far, PyTorch's and the converters' libraries included."""
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT)
