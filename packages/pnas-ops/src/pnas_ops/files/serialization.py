"""Plain data as JSON: a schema header, tagged operations, unknown keys refused by name."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_args

import cattrs
from cattrs.v import format_exception

from pnas_ops.data.errors import PnasError, in_one_line
from pnas_ops.data.listings import shortened
from pnas_ops.data.space import SearchSpace
from pnas_ops.data.tree_space import Space
from pnas_ops.files.atomic import FilePath, write_atomically
from pnas_ops.files.converter import SHOWN_CHARACTERS, UnknownKindError, make_converter, shown

T = TypeVar("T")
SCHEMA_VERSION = 1
_HEADER = ("schema", "schema_version")
_LARGEST_INTEGER = 2**64
_NAMED_FAULTS = 10


@cache
def _own_converter() -> cattrs.Converter:
    # Making one takes a tenth of a second, and the hooks of a class as long again.
    return make_converter()


class FormatError(PnasError, ValueError):
    """A text or a file with unexpected content, or content of another version."""


class UnknownOperationError(FormatError):
    """A text or a file that names operations unknown here, usually user-defined ones."""


def to_json(value: Any) -> str:
    """An instance of one of the project's attrs classes as a JSON document with a schema header.

    Raises:
        FormatError: for a number that is not finite, which JSON cannot express.
    """
    header = dict(zip(_HEADER, (type(value).__name__, SCHEMA_VERSION), strict=True))
    try:
        return json.dumps(header | _own_converter().unstructure(value), indent=1, allow_nan=False) + "\n"
    except ValueError:
        raise FormatError(f"a {type(value).__name__} with a number that is not finite cannot be JSON") from None


def parse_json(text: str) -> Any:
    """The content of a JSON text, in which each name has one value and numbers are finite.

    Raises:
        FormatError: in one line, for anything else.
    """
    try:
        return json.loads(
            text.removeprefix("\ufeff"),  # some editors begin a file with this
            object_pairs_hook=_named_once,
            parse_constant=_not_a_number,
            parse_float=_finite,
            parse_int=_in_range,
        )
    except (ValueError, RecursionError) as error:
        raise FormatError(f"not JSON: {in_one_line(error)}") from None


def _named_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{shown(next(name for name in names if names.count(name) > 1))} occurs twice")
    return found


def _not_a_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{shortened(text)} is too large a number")
    return number


def _in_range(text: str) -> int:
    if abs(number := int(text)) > _LARGEST_INTEGER:
        raise ValueError(f"{shortened(text)} is too large a number")
    return number


def from_json(text: str, cls: type[T]) -> T:
    """The inverse of `to_json`.

    Raises:
        FormatError: in one line, for a text that is not such a document, naming the field if possible.
    """
    return _from_document(parse_json(text), cls)


def space_from_dict(document: Any) -> Space:
    """`document` (what `json.loads` or `tomllib.loads` returns) as a space, with the header that `to_json` writes.

    Raises:
        FormatError: in one line, for a document that holds no space, naming the field if possible.
    """
    kinds: dict[str, type[Space]] = {kind.__name__: kind for kind in get_args(Space)}
    schema = document.get("schema") if isinstance(document, dict) else None
    # Errors about what is no space at all are those of the most common kind.
    return _from_document(document, kinds.get(str(schema), SearchSpace))


def _from_document(document: Any, cls: type[T]) -> T:
    if not isinstance(document, dict):
        raise FormatError("not a JSON object")
    schema, version = map(document.get, _HEADER)
    # A boolean is a number for Python, and 1.0 is 1.
    if schema != cls.__name__ or type(version) is not int or version != SCHEMA_VERSION:
        holds = "no schema" if schema is None else shortened(str(schema), SHOWN_CHARACTERS)
        raise FormatError(
            f"holds {holds} version {shown(version)}, expected {cls.__name__} version {SCHEMA_VERSION}",
            "read it with the software that wrote it, or make it anew",
        )
    return from_dict({name: found for name, found in document.items() if name not in _HEADER}, cls)


def from_dict(document: Any, cls: type[T], *, converter: cattrs.Converter | None = None) -> T:
    """`document` (what `json.loads` or `tomllib.loads` returns) as an instance of an attrs class.

    Args:
        document: the values by name.
        cls: the class.
        converter: knows the unions in the class; that of `make_converter` if None.

    Raises:
        FormatError: in one line, naming the fields that are missing, unknown or wrong.
    """
    try:
        return (converter or _own_converter()).structure(document, cls)
    except RecursionError:
        raise FormatError(f"nested too deeply for a {cls.__name__}") from None
    except (cattrs.BaseValidationError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        if unknown := list(dict.fromkeys(_unknown_kinds(error))):
            raise UnknownOperationError(
                f"a {cls.__name__} with operations that are not known here: {', '.join(unknown[:_NAMED_FAULTS])}",
                "if they are user-defined, read it where they are known: see pnas_ops.own_operations",
            ) from None
        faults = cattrs.transform_error(error, cls.__name__, _explain)
        more = f"; and {len(faults) - _NAMED_FAULTS} more" if len(faults) > _NAMED_FAULTS else ""
        raise FormatError("; ".join(faults[:_NAMED_FAULTS]) + more) from None


def _unknown_kinds(error: BaseException) -> Iterator[str]:
    if isinstance(error, UnknownKindError):
        yield shown(error.args[0])
    for inner in getattr(error, "exceptions", ()):
        yield from _unknown_kinds(inner)


def _explain(error: BaseException, cls: type[Any] | None) -> str:
    """The messages of our own validators, where cattrs would say "invalid value"."""
    if isinstance(error, KeyError):
        return f"{error} is missing or unknown"
    if isinstance(error, AttributeError):  # cattrs called a method of dict on something else
        return "needs named fields"
    if isinstance(error, TypeError) and ("not iterable" in str(error) or "not subscriptable" in str(error)):
        return "needs named fields"
    if isinstance(error, TypeError | ValueError) and not isinstance(error, cattrs.ForbiddenExtraKeysError):
        return str(error)
    return format_exception(error, cls)


def save_json(value: Any, path: FilePath) -> None:
    """Writes `to_json(value)` atomically."""
    write_atomically(path, to_json(value))


def load_json(path: FilePath, cls: type[T]) -> T:
    """Reads what `save_json` wrote.

    Raises:
        FormatError: naming the file, for one that does not hold a `cls`.
        OSError: for one that is not there, or may not be read.
    """
    return _loaded(path, partial(from_json, cls=cls))


def load_space(path: FilePath) -> Space:
    """Reads a space of any kind that `save_json` wrote.

    Raises:
        FormatError: naming the file, for one that does not hold a space.
        OSError: for one that is not there, or may not be read.
    """
    return _loaded(path, lambda text: space_from_dict(parse_json(text)))


def _loaded(path: FilePath, read: Callable[[str], T]) -> T:
    try:
        return read(read_text(path))
    except FormatError as error:
        what = error.what if error.what.startswith(f"{path}: ") else f"{path}: {error.what}"
        raise type(error)(what, error.way_out) from None


def read_text(path: FilePath) -> str:
    """The text in a file, in UTF-8.

    Raises:
        FormatError: naming the file, for one that holds no text, and for a folder.
        OSError: for one that is not there, or may not be read.
    """
    if Path(path).exists() and not Path(path).is_file() and not Path(path).is_dir():
        raise FormatError(f"{path}: a pipe, a socket or a device, not a file")  # which might be waited for
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: not a text in UTF-8: {error.reason} at byte {error.start}") from None
    except IsADirectoryError:
        raise FormatError(f"{path}: a folder, not a file") from None
