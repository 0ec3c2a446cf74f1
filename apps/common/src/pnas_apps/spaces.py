"""Search spaces by their names on a command line."""

from collections.abc import Callable, Mapping
from math import isfinite

from pnas_apps.errors import UserError
from pnas_ops import SearchSpace, workloads


def named_space(
    spaces: Mapping[str, Callable[..., SearchSpace]],
    name: str,
    *,
    classes: int,
    resolution: int | None,
    width_mult: float,
) -> SearchSpace:
    """One of `spaces`, at its own resolution where none is given.

    Raises:
        UserError: for a resolution that its strides use up, and a width that is no number.
    """
    if not isfinite(width_mult):
        raise UserError(f"width_mult must be a finite number, got {width_mult}: give another --width-mult")
    given = {} if resolution is None else {"resolution": resolution}
    found = spaces[name](width_mult, classes=classes, **given)
    try:
        workloads(found)
    except ValueError as error:
        raise UserError(str(error)) from None
    return found
