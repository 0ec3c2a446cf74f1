"""Mistakes that a user can fix."""

from collections.abc import Callable, Mapping
from typing import TypeVar

_LINE_CHARACTERS = 200


class PnasError(Exception):
    """An error that a user can fix: what is wrong and the way out, as two parts of one line.

    A program prints this line and nothing else. One that knows a better way out for its own users combines that with
    `what`. The packages' errors also derive from a built-in class, such as `ValueError`.

    Attributes:
        what: names the thing and what is wrong with it.
        way_out: what to do; empty if `what` already says it.
    """

    def __init__(self, what: str, way_out: str = "") -> None:
        super().__init__(what, way_out)
        self.what = what
        self.way_out = way_out

    def __reduce__(self) -> tuple[Callable[..., "PnasError"], tuple[object, ...]]:
        # An error may come from another process, and constructors of subclasses have further arguments.
        return _restored, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        return f"{self.what}: {self.way_out}" if self.way_out else self.what


def in_one_line(error: BaseException) -> str:
    """The message of another library's error in one line, shortened; the error's type where it has none."""
    if isinstance(error, KeyError) and error.args:
        text = f"{error.args[0]} is missing or unknown"
    else:
        text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LINE_CHARACTERS else f"{text[: _LINE_CHARACTERS - 3]}..."


_Error = TypeVar("_Error", bound=PnasError)


def _restored(kind: type[_Error], arguments: tuple[object, ...], fields: Mapping[str, object]) -> _Error:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(fields)
    return error
