"""What makes the work of a GPU the same, bit for bit, every time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from pnas_apps.ground.errors import UserError

_VARIABLE = "CUBLAS_WORKSPACE_CONFIG"
_REPEATABLE = (":4096:8", ":16:8")
"""The only settings with which cuBLAS repeats itself, as PyTorch has it."""


def prepare_cublas() -> None:
    """Sets what cuBLAS reads of its environment when it begins, unless it is set; before CUDA is used.

    Raises:
        UserError: for a setting with which it does not repeat itself.
    """
    setting = os.environ.setdefault(_VARIABLE, _REPEATABLE[0])
    if setting not in _REPEATABLE:
        raise UserError(
            f"cuBLAS is not deterministic with {_VARIABLE}={setting}: unset it, or leave out --deterministic"
        )


@contextmanager
def named_where_impossible() -> Iterator[None]:
    """Around work with deterministic algorithms: an operator without one becomes an error in one line.

    Raises:
        UserError: naming it.
    """
    try:
        yield
    except RuntimeError as error:
        operator, says_so, _ = str(error).partition(" does not have a deterministic implementation")
        if not says_so:
            raise
        raise UserError(f"{operator.split()[-1]} is not deterministic on a GPU: leave out --deterministic") from None
