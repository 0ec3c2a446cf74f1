"""Whatever is a list in a file of the project takes a list, and nothing else that could be gone through."""

import typing
from collections.abc import Iterator
from typing import Any

import attrs
import cattrs
import pytest

from pnas_apps.run.results import RunResults
from pnas_apps.run.settings import RunSettings
from pnas_apps.run.sweep_results import SweepResults
from pnas_apps.steps.contenders import Contenders
from pnas_export import Proof
from pnas_export.bundles.metadata import Metadata
from pnas_latency import Landing, LatencyTable
from pnas_ops import FormatError, from_dict
from pnas_ops.files.converter import make_converter
from pnas_own.reporting import OwnResults
from pnas_own.run import OwnSettings
from pnas_supernet import SearchConfig

ROOTS = (
    RunSettings,
    OwnSettings,
    RunResults,
    SweepResults,
    OwnResults,
    Contenders,
    LatencyTable,
    Landing,
    Metadata,
    Proof,
)


def inside(hint: Any) -> Iterator[Any]:
    """A type and all that it is made of."""
    yield hint
    for part in typing.get_args(hint):
        yield from inside(part)


def reached(roots: tuple[type, ...]) -> dict[type, dict[str, Any]]:
    """The classes that a file may hold, with the types of their fields."""
    found: dict[type, dict[str, Any]] = {}
    left: list[Any] = [*roots]
    while left:
        cls = left.pop()
        if attrs.has(cls) and cls not in found:
            found[cls] = {one.name: one.type for one in attrs.fields(attrs.resolve_types(cls))}
            left.extend(part for hint in found[cls].values() for part in inside(hint))
    return found


LISTS = [
    (cls, name)
    for cls, fields in reached(ROOTS).items()
    for name, hint in fields.items()
    if typing.get_origin(hint) is tuple or any(typing.get_origin(one) is tuple for one in typing.get_args(hint))
    if typing.get_origin(hint) is not dict
]


@pytest.mark.parametrize("value", ["abc", "", {"a": 1}, 3], ids=repr)
def test_a_text_is_no_list_of_its_letters_in_any_field_of_any_file(value: Any) -> None:
    assert len(LISTS) > 30
    for cls, name in LISTS:
        with pytest.raises(cattrs.BaseValidationError) as caught:
            make_converter().structure({name: value}, cls)
        told = cattrs.transform_error(caught.value, cls.__name__, lambda error, _: str(error))
        assert f"needs a list, got {value!r} @ {cls.__name__}.{name}" in told


@pytest.mark.parametrize(
    ("betas", "message"),
    [
        ("0.9", "needs a list, got '0.9' @ SearchConfig.alpha_betas"),
        ([0.9], "needs a list of 2, got [0.9] @ SearchConfig.alpha_betas"),
        ([0.9, 0.99, 0.999], "needs a list of 2, got [0.9, 0.99, 0.999] @ SearchConfig.alpha_betas"),
        ([0.9, "0.99"], "needs a value of type float, got '0.99' @ SearchConfig.alpha_betas[1]"),
    ],
    ids=repr,
)
def test_the_field_is_named_in_one_line(betas: Any, message: str) -> None:
    assert from_dict({"alpha_betas": [0.0, 0.999]}, SearchConfig) == SearchConfig()
    with pytest.raises(FormatError) as caught:
        from_dict({"alpha_betas": betas}, SearchConfig)
    assert str(caught.value) == message
