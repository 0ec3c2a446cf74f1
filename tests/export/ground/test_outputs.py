"""What a net gives, by name, and in its own structure again."""

from collections import OrderedDict
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from pnas_export import NetError
from pnas_export.ground.outputs import NetOutput, described, named_outputs, rebuilt

A, B, C = (torch.full((2, count), float(count)) for count in (1, 2, 3))


class Pair(NamedTuple):
    logits: Tensor
    aux: Tensor | None


GIVEN = [
    (A, {"output_0": A}),
    ((A, B), {"output_0": A, "output_1": B}),
    ([A, None, C], {"output_0": A, "output_2": C}),
    ({"out": A, "aux": B}, {"out": A, "aux": B}),
    (OrderedDict([("1", A), ("0", B)]), {"1": A, "0": B}),
    ({0: A, "pool": B}, {"0": A, "pool": B}),
    (Pair(A, B), {"logits": A, "aux": B}),
    (Pair(A, None), {"logits": A}),
    ({"maps": [A, {"last": B}], "pair": Pair(C, None)}, {"maps.0": A, "maps.1.last": B, "pair.logits": C}),
    ((A, [B, (C,)]), {"output_0": A, "output_1.0": B, "output_1.1.0": C}),
]


@pytest.mark.parametrize(("given", "expected"), GIVEN)
def test_outputs_have_the_names_of_their_keys_fields_or_places(given: object, expected: dict[str, Tensor]) -> None:
    found = named_outputs(given)
    assert list(found) == list(expected)
    assert all(found[name] is expected[name] for name in expected)
    # What is flat already stays so: hooks may see it twice.
    assert list(named_outputs(found)) == list(expected)


@pytest.mark.parametrize(("given", "expected"), GIVEN)
def test_other_tensors_take_the_places_of_a_nets_own(given: object, expected: dict[str, Tensor]) -> None:
    twice = rebuilt(given, (2 * tensor for tensor in expected.values()))
    assert type(twice) is (dict if isinstance(given, dict) else type(given))
    assert {name: tensor.sum() for name, tensor in named_outputs(twice).items()} == {
        name: 2 * tensor.sum() for name, tensor in expected.items()
    }


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (None, "the net gives no tensor: export a module whose forward returns at least one"),
        ({}, "the net gives no tensor"),
        (({"losses": None},), "the net gives no tensor"),
        ((A, 3), "the net gives int, but a file can only give tensors"),
        ({"a.b": A, "a": {"b": B}}, "the net gives two outputs of the name 'a.b': give each a key of its own"),
    ],
)
def test_what_is_no_tensor_is_refused_in_one_line(given: object, line: str) -> None:
    with pytest.raises(NetError, match=line):
        named_outputs(given)


def test_an_output_is_described_without_its_batch() -> None:
    maps, classes = torch.zeros(5, 4, 3, 2), torch.zeros(5, dtype=torch.int64)
    assert described({"maps": maps, "classes": classes}) == (
        NetOutput(name="maps", shape=(4, 3, 2), dtype="float32"),
        NetOutput(name="classes", shape=(), dtype="int64"),
    )
