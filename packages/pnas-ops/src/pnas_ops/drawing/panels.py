"""The part of a figure for one net."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure


@frozen
class Panel:
    """A net to be drawn.

    Attributes:
        inches: width and height that it needs, without its title.
        draw: called with a part of a figure, and its width in inches.
    """

    inches: tuple[float, float]
    draw: Callable[["SubFigure", float], None]
