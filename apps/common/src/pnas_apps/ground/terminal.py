"""Text as a terminal or a log file may have it. Imports nothing heavy."""

import os
import re
import sys

_LEAST_COLUMNS, _COLUMNS = 20, 80

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    r"""The text with all that would steer a terminal written out: `\x1b` for an escape character.

    The names of files, classes and devices come from anywhere. Lines and tabs stay; what turns the direction of writing
    around, and the bytes of a file's name that are no UTF-8, do not.
    """
    return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text)


def readable_width(columns: int) -> int:
    """The columns of a terminal, or those of most terminals where no table would fit into so few."""
    return columns if columns >= _LEAST_COLUMNS else _COLUMNS


def drop_unwritten() -> None:
    """Gives stdout the null device where what it still holds cannot be written: Python would complain at its end."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def open_closed_streams() -> None:
    """Gives stdin, stdout and stderr the null device where they were closed: the next file opened would be one."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
