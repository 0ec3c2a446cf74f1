"""Converters with silenced output, and the error if they fail."""

import contextlib
import os
import sys
from collections.abc import Iterator

from pnas_export.ground.first_line import first_line
from pnas_export.ground.silence import redirect_output
from pnas_ops import FilePath, PnasError

_NOTE_CHARACTERS = 4000


class ConversionError(PnasError, ValueError):
    """A net, a block or a file that a converter refuses; its notes hold the end of what the converter printed.

    Attributes:
        converted: what was converted to what, such as "net found to TFLite".
        reason: the converter's message.
        layer: the name of the smallest layer that it refuses by itself; empty if none is known.
        layer_type: of that layer.
    """

    def __init__(self, converted: str, reason: str, layer: str = "", layer_type: str = "") -> None:
        place = f"layer {layer!r} ({layer_type}): " if layer else ""
        super().__init__(f"cannot convert {converted}: {place}{reason}")
        self.converted = converted
        self.reason = reason
        self.layer = layer
        self.layer_type = layer_type


@contextlib.contextmanager
def converting(what: str, *, log: FilePath | None = None) -> Iterator[None]:
    """`redirect_output`, for the conversion of `what`.

    Raises:
        ConversionError: in one line, for any error of the converter.
    """
    with redirect_output(log) as noise:
        try:
            yield
        except Exception as error:  # a converter consists of many libraries, each with its own errors
            failure = ConversionError(what, _reason(error))
            sys.stdout.flush()
            size = noise.seek(0, os.SEEK_END)
            noise.seek(max(0, size - _NOTE_CHARACTERS))
            failure.add_note(noise.read().decode(errors="replace"))
            raise failure from error


def _reason(error: BaseException) -> str:
    # The outermost message says which step failed, the innermost why.
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {first_line(error)}"
