"""Spaces of somebody's module as plain data."""

from itertools import product

import pytest
from attrs import evolve

from pnas_ops import (
    ModuleArchitecture,
    ModuleSpace,
    ModuleWorkload,
    Place,
    digits_mbconv_space,
    from_json,
    to_json,
    workloads,
)


def work(title: str, *operators: str, macs: int = 0, parameters: int = 0) -> ModuleWorkload:
    shapes = ((1, 3, 8, 8),)
    return ModuleWorkload(title=title, operators=operators, input_shapes=shapes, macs=macs, parameters=parameters)


FIRST = Place(
    path="body.0", candidates=(work("original", "conv 5", macs=75), work("again", "conv 5", macs=75), work("skip"))
)
SECOND = Place(
    path="body.2", candidates=(work("original", "conv 3", macs=27), work("1x1", "conv 1", macs=3, parameters=9))
)
SPACE = ModuleSpace(name="somebody's", rest=work("rest", "add", "linear", macs=10), places=(FIRST, SECOND))


def test_every_net_is_found_again_by_its_choices_even_among_candidates_of_equal_work() -> None:
    for choices in product(range(3), range(2)):
        net = SPACE.architecture(choices)
        assert SPACE.choices(net) == choices
        assert SPACE.has(net)
        assert SPACE.choices(from_json(to_json(net), ModuleArchitecture)) == choices
        titles = [place.candidates[0].title for place in net.places]
        assert titles == [place.candidates[i].title for place, i in zip(SPACE.places, choices, strict=True)]
    assert from_json(to_json(SPACE), ModuleSpace) == SPACE


def test_nets_of_other_spaces_are_refused() -> None:
    net = SPACE.original
    unlike = [
        evolve(net, rest=work("rest", "linear")),
        evolve(net, places=net.places[:1]),
        evolve(net, places=(evolve(net.places[0], path="body.1"), net.places[1])),
        evolve(net, places=(evolve(net.places[0], candidates=(work("original", "conv 7"),)), net.places[1])),
        # The work of one candidate under the title of another.
        evolve(net, places=(evolve(net.places[0], candidates=(work("skip", "conv 5", macs=75),)), net.places[1])),
        digits_mbconv_space(blocks_per_stage=1).architecture([0, 0]),
    ]
    for other in unlike:
        assert not SPACE.has(other)
        with pytest.raises(ValueError, match=r"not (of|in) space \"somebody's\"$"):
            SPACE.choices(other)


@pytest.mark.parametrize(
    ("choices", "message"),
    [([0], "has 2 places, got 1 choices"), ([0, 2], r"place 'body\.2' has candidates 0 to 1, got 2"), ([-1, 0], "-1")],
)
def test_choices_that_are_not_there_are_refused(choices: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SPACE.architecture(choices)


def test_what_is_named_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"names a place twice: body\.0, body\.0$"):
        ModuleSpace(name="", rest=SPACE.rest, places=(FIRST, FIRST))
    with pytest.raises(ValueError, match=r"place 'a' names a candidate twice: x, x$"):
        Place(path="a", candidates=(work("x"), work("x", "conv")))
    with pytest.raises(ValueError, match=r"place 'body\.0' of a net has one candidate, got 3$"):
        ModuleArchitecture(name="", rest=SPACE.rest, places=(FIRST,))


def test_the_lightest_net_has_the_fewest_macs_and_the_rest_comes_first() -> None:
    assert SPACE.choices(SPACE.lightest) == (2, 1)
    assert SPACE.choices(SPACE.original) == (0, 0)
    assert workloads(SPACE) == ((SPACE.rest,), FIRST.candidates, SECOND.candidates)
    assert workloads(SPACE.lightest) == ((SPACE.rest,), (FIRST.candidates[2],), (SECOND.candidates[1],))


def test_equal_work_is_equal_whatever_it_is_called_and_other_work_has_another_name() -> None:
    assert FIRST.candidates[0] == FIRST.candidates[1]
    different = [*SPACE.mixed[1], FIRST.candidates[0], FIRST.candidates[2], SPACE.rest]
    assert len({one.name for one in different}) == len(different)
    assert len({evolve(one, title="same").name for one in different}) == len(different)


def test_spaces_and_nets_are_shown_place_by_place() -> None:
    assert repr(SPACE) == '<ModuleSpace "somebody\'s": 2 places, 6 nets>'
    assert str(SPACE).splitlines()[1:] == ["  body.0  original again skip", "  body.2  original 1x1"]
    assert str(SPACE.lightest).splitlines()[1:] == ["  body.0  skip", "  body.2  1x1"]
    assert repr(SPACE.rest).startswith("<ModuleWorkload rest @1x3x8x8 #")
    assert repr(FIRST) == "<Place 'body.0': one of original, again, skip>"
    for shown in (SPACE, SPACE.original):
        assert shown._repr_html_().count("<tr") == 3
