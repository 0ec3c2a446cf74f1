"""From JSON values to the project's classes and back: operations are tagged, unknown keys refused, types kept."""

from functools import partial
from typing import Any, Literal, get_args, get_origin

import cattrs
from cattrs.errors import IterableValidationNote
from cattrs.gen import make_dict_unstructure_fn, override
from cattrs.strategies import configure_tagged_union

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.listings import shortened
from pnas_ops.data.own_operation import OwnOperation
from pnas_ops.data.space import SearchSpace
from pnas_ops.data.specs import CellOpSpec, EdgeSpec, OpSpec
from pnas_ops.data.tree_space import Space
from pnas_ops.data.workload import AnyNet, AnySpace, AnyWorkload, Workload
from pnas_ops.files.own_operations import kind_of, own_operation

SHOWN_CHARACTERS = 60


def make_converter() -> cattrs.Converter:
    """A cattrs converter that knows `OpSpec`, refuses unknown keys and never converts between types."""
    converter = cattrs.Converter(forbid_extra_keys=True)
    for scalar in (bool, int, float, str):
        converter.register_structure_hook(scalar, _exactly)
    converter.register_structure_hook_func(_is_literal, _one_of)
    converter.register_structure_hook_func(_is_tuple, partial(_of_list, converter))
    # An option added later then changes no document that does not use it.
    converter.register_unstructure_hook_factory(
        _is_operation, lambda spec: make_dict_unstructure_fn(spec, converter, _cattrs_omit_if_default=True)
    )
    for union in (EdgeSpec, CellOpSpec, OpSpec):
        converter.register_unstructure_hook(union, partial(_tagged, converter))
        converter.register_structure_hook(union, partial(_untagged, converter, union))
    since_then = make_dict_unstructure_fn(SearchSpace, converter, reducing_candidates=override(omit_if_default=True))
    converter.register_unstructure_hook(SearchSpace, since_then)
    # Documents written before there were trees and modules have no tag.
    configure_tagged_union(Space, converter, tag_name="kind", default=SearchSpace)
    configure_tagged_union(AnySpace, converter, tag_name="kind", default=SearchSpace)
    configure_tagged_union(AnyWorkload, converter, tag_name="kind", default=Workload)
    configure_tagged_union(AnyNet, converter, tag_name="kind", default=Architecture)
    return converter


def _is_operation(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, OpSpec)


def _tagged(converter: cattrs.Converter, op: Any) -> dict[str, Any]:
    return {**converter.unstructure(op, unstructure_as=type(op)), "kind": kind_of(type(op))}


def _untagged(converter: cattrs.Converter, union: Any, document: Any, _: Any) -> Any:
    fields = document.copy()
    kind = _exactly(fields.pop("kind"), str)
    known = {kind_of(spec): spec for spec in get_args(union) if spec is not OwnOperation}
    spec = known.get(kind) or own_operation(kind)
    if spec is None:
        raise UnknownKindError(kind)
    return converter.structure(fields, spec)


class UnknownKindError(LookupError):
    """An operation that is unknown here."""


def _exactly(value: Any, cls: type[Any]) -> Any:
    # cattrs would call the type, and bool("false") is True.
    if type(value) is cls:
        return value
    if cls is float and type(value) is int:
        return float(value)
    raise TypeError(f"needs a value of type {cls.__name__}, got {shown(value)}")


def _is_literal(cls: Any) -> bool:
    return get_origin(cls) is Literal


def _one_of(value: Any, literal: Any) -> Any:
    # cattrs would not say what is possible.
    if value not in get_args(literal):
        raise ValueError(f"needs one of {', '.join(map(str, get_args(literal)))}, got {shown(value)}")
    return value


def _is_tuple(cls: Any) -> bool:
    return get_origin(cls) is tuple


def _of_list(converter: cattrs.Converter, value: Any, cls: Any) -> tuple[Any, ...]:
    # cattrs would accept any iterable: a text as its letters, an object as its keys.
    if not isinstance(value, list | tuple):
        raise TypeError(f"needs a list, got {shown(value)}")
    types = get_args(cls)
    if types[-1:] == (Ellipsis,):
        types = types[:1] * len(value)
    if len(value) != len(types):
        raise ValueError(f"needs a list of {len(types)}, got {shown(value)}")
    found, faults = list[Any](), list[Exception]()
    for index, (one, its_type) in enumerate(zip(value, types, strict=True)):
        try:
            found.append(converter.structure(one, its_type))
        except Exception as error:
            error.add_note(IterableValidationNote(f"structuring {cls} @ index {index}", index, its_type))
            faults.append(error)
    if faults:
        raise cattrs.IterableValidationError(f"while structuring {cls}", faults, cls)
    return tuple(found)


def shown(value: Any) -> str:
    """A value as an error names it."""
    # A file of another kind may hold anything, of any length.
    return shortened(repr(value), SHOWN_CHARACTERS)
