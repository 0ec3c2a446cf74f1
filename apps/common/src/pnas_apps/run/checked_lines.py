"""Files of one JSON object a line, each with a check by which a damaged line is known: what a run has done so far."""

import json
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from attrs import AttrsInstance, asdict

from pnas_ops import FormatError, from_dict, parse_json

Line = TypeVar("Line", bound=AttrsInstance)

_CHECK = "check"
"""In a line of the file: what its other values are known by."""


def read_lines(path: Path, cls: type[Line], *, unchanged: bool = False) -> tuple[tuple[Line, ...], tuple[int, ...]]:
    """What stands in a file, and the numbers of its lines, from 1, that are damaged.

    Args:
        path: of the file.
        cls: what a line holds.
        unchanged: whether it is what was written, so that a line of an earlier version, which has no check, is one.
    """
    found, damaged = list[Line](), list[int]()
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        try:
            found.append(_checked(line, cls, unchanged=unchanged))
        except FormatError:
            damaged.append(number)
    return tuple(found), tuple(damaged)


def as_lines(values: Iterable[AttrsInstance]) -> str:
    """The inverse of `read_lines`: a line of JSON for each, with its check."""
    documents = map(asdict, values)
    return "".join(json.dumps(one | {_CHECK: _check(one)}, allow_nan=False) + "\n" for one in documents)


def _checked(line: str, cls: type[Line], *, unchanged: bool) -> Line:
    """What is in a line; a FormatError for one that is damaged."""
    document = parse_json(line)
    check = document.pop(_CHECK, None) if isinstance(document, dict) else None
    value = from_dict(document, cls)
    if check != _check(asdict(value)) and not (unchanged and check is None):
        raise FormatError("it has changed since it was written")
    return value


def _check(document: dict[str, Any]) -> str:
    return sha256(json.dumps(document).encode()).hexdigest()[:16]
