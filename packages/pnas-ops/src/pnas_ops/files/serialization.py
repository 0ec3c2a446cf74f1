"""Plain data as JSON: a schema header, tagged operations, unknown keys refused by name."""

import json
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

import cattrs
from cattrs.gen import make_dict_unstructure_fn
from cattrs.strategies import configure_tagged_union
from cattrs.v import format_exception

from pnas_ops.data.errors import PnasError
from pnas_ops.data.space import SearchSpace
from pnas_ops.data.specs import EdgeSpec, OpSpec
from pnas_ops.data.tree_space import Space
from pnas_ops.files.atomic import FilePath, write_atomically

T = TypeVar("T")
SCHEMA_VERSION = 1


def make_converter() -> cattrs.Converter:
    """A cattrs converter that knows `OpSpec`, refuses unknown keys and never converts one type to another."""
    converter = cattrs.Converter(forbid_extra_keys=True)
    for scalar in (bool, int, float, str):
        converter.register_structure_hook(scalar, _exactly)
    converter.register_structure_hook_func(_is_literal, _one_of)
    # Edges first: they are inside an operation, and a union has to know its members.
    edges = get_args(EdgeSpec)
    for union, new in ((EdgeSpec, edges), (OpSpec, set(get_args(OpSpec)) - set(edges))):
        for spec in new:
            # So that an option added later changes no document that does not use it.
            converter.register_unstructure_hook(
                spec, make_dict_unstructure_fn(spec, converter, _cattrs_omit_if_default=True)
            )
        configure_tagged_union(
            union, converter, tag_name="kind", tag_generator=lambda spec: spec.__name__.removesuffix("Spec")
        )
    # What was written before there were trees has no tag.
    configure_tagged_union(Space, converter, tag_name="kind", default=SearchSpace)
    return converter


def _exactly(value: Any, cls: type[Any]) -> Any:
    # cattrs would call the type, and bool("false") is True.
    if type(value) is cls:
        return value
    if cls is float and type(value) is int:
        return float(value)
    raise TypeError(f"needs a value of type {cls.__name__}, got {value!r}")


def _is_literal(cls: Any) -> bool:
    return get_origin(cls) is Literal


def _one_of(value: Any, literal: Any) -> Any:
    # cattrs would not say what is possible.
    if value not in get_args(literal):
        raise ValueError(f"needs one of {', '.join(map(str, get_args(literal)))}, got {value!r}")
    return value


class FormatError(PnasError, ValueError):
    """A text or a file that does not hold what it should, or holds it in another version."""


def to_json(value: Any) -> str:
    """An instance of one of the project's attrs classes as a JSON document with a schema header."""
    header = {"schema": type(value).__name__, "schema_version": SCHEMA_VERSION}
    return json.dumps(header | make_converter().unstructure(value), indent=1) + "\n"


def from_json(text: str, cls: type[T]) -> T:
    """The inverse of `to_json`.

    Raises:
        FormatError: in one line, for a text that is not such a document; it names the field where there is one.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"not JSON: {error}") from None
    if not isinstance(document, dict):
        raise FormatError("not a JSON object")
    schema, version = document.pop("schema", None), document.pop("schema_version", None)
    # A boolean is a number for Python, and 1.0 is 1.
    if schema != cls.__name__ or type(version) is not int or version != SCHEMA_VERSION:
        raise FormatError(
            f"holds {schema or 'no schema'} version {version}, expected {cls.__name__} version {SCHEMA_VERSION}",
            "read it with the software that wrote it, or make it anew",
        )
    return from_dict(document, cls)


def from_dict(document: Any, cls: type[T], *, converter: cattrs.Converter | None = None) -> T:
    """`document` (what `json.loads` or `tomllib.loads` returns) as an instance of an attrs class.

    Args:
        document: the values by name.
        cls: the class.
        converter: knows the unions inside the class; that of `make_converter` if None.

    Raises:
        FormatError: in one line, naming every field that is missing, unknown or wrong.
    """
    try:
        return (converter or make_converter()).structure(document, cls)
    except (cattrs.BaseValidationError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise FormatError("; ".join(cattrs.transform_error(error, cls.__name__, _explain))) from None


def _explain(error: BaseException, cls: type[Any] | None) -> str:
    """Our validators' own words, where cattrs would say "invalid value"."""
    if isinstance(error, KeyError):
        return f"{error} is missing or unknown"
    if isinstance(error, AttributeError):  # cattrs took a method of a dict from something else
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
    """
    try:
        return from_json(Path(path).read_text(encoding="utf-8"), cls)
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: not JSON: {error}") from None
    except FormatError as error:
        raise FormatError(f"{path}: {error.what}", error.way_out) from None
