"""What one net takes of a figure."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from matplotlib.figure import SubFigure


@frozen
class Panel:
    """A net to be drawn.

    Attributes:
        inches: width and height that it needs, its title not included.
        draw: called with a part of a figure, and the width in inches that this has.
    """

    inches: tuple[float, float]
    draw: Callable[["SubFigure", float], None]
