"""The operators of a file, and the constants that it holds for them."""

from typing import Literal

from attrs import frozen

Kind = Literal["weight", "bias", "value", "index"]


@frozen
class Constant:
    """A tensor that a file holds.

    Attributes:
        kind: of its values, which decides their size; "index" is for shapes, paddings and axes.
        values: how many there are.
        content: identifies equal constants of several operators, of which a file has one; None for its own.
    """

    kind: Kind
    values: int
    content: str | None = None


@frozen(eq=False)
class Operator:
    """One operator of a file, which has one result.

    Attributes:
        name: as TFLite calls it.
        reads: the operators whose results it reads; None is the block's input.
        values: number of values of its result.
        constants: the constants that it reads.
        channels: output channels of its weights.
    """

    name: str
    reads: "tuple[Operator | None, ...]"
    values: int
    constants: tuple[Constant, ...] = ()
    channels: int = 0


def index(*values: int) -> Constant:
    """A constant of these integers; a file has equal ones once."""
    return Constant("index", len(values), f"index {values}")
