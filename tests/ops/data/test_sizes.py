"""How many cells and paths there are, against formulas of papers and by counting them."""

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pnas_ops import cell_space_size, trellis_paths


def test_cells_in_recurrent_form_are_as_many_as_the_lecture_says() -> None:
    assert cell_space_size(inputs=2, operations=5, joins=2, blocks=5) == 320_000_000_000
    assert cell_space_size(operations=5, joins=2, blocks=5) == (2 * 2 * 5 * 5 * 2) ** 5


@pytest.mark.parametrize(("inputs", "operations", "joins", "blocks"), [(2, 2, 1, 2), (1, 3, 2, 2), (3, 1, 2, 2)])
def test_small_cells_are_counted_one_by_one(inputs: int, operations: int, joins: int, blocks: int) -> None:
    of_a_block = product(range(inputs), range(inputs), range(operations), range(operations), range(joins))
    cells = {*product(list(of_a_block), repeat=blocks)}
    assert cell_space_size(inputs=inputs, operations=operations, joins=joins, blocks=blocks) == len(cells)


def test_a_trellis_has_the_paths_that_auto_deeplab_says() -> None:
    assert trellis_paths(layers=12, levels=4) == 28_657  # 2.9e4


@given(st.integers(1, 6), st.integers(1, 4))
def test_paths_are_counted_one_by_one(layers: int, levels: int) -> None:
    ways = product(range(levels), repeat=layers)
    paths = [way for way in ways if way[0] == 0 and all(abs(a - b) <= 1 for a, b in pairwise(way))]
    assert trellis_paths(layers=layers, levels=levels) == len(paths)


def test_large_numbers_are_exact() -> None:
    # Where there is no coarsest level in reach, the numbers of Motzkin's left factors: 1, 2, 5, 13, 35, 96, ...
    assert [trellis_paths(layers=layers, levels=99) for layers in range(1, 7)] == [1, 2, 5, 13, 35, 96]
    assert trellis_paths(layers=1000, levels=1) == 1
    assert trellis_paths(layers=1001, levels=2) == 2**1000


@pytest.mark.parametrize("name", ["inputs", "operations", "joins", "blocks"])
def test_refuses_cells_of_nothing(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be a positive number, got 0"):
        cell_space_size(**{"inputs": 2, "operations": 2, "joins": 2, "blocks": 2, name: 0})


def test_refuses_a_trellis_of_nothing() -> None:
    with pytest.raises(ValueError, match="levels must be a positive number, got -1"):
        trellis_paths(layers=3, levels=-1)
