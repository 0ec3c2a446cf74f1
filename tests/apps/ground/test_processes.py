"""Work that the first of several processes shares with the others."""

import json
from pathlib import Path

from apps.ground.parallel_parts import PART_S, PATIENCE_S, outcome
from small_runs import ALONE
from two_processes import run_in_two_processes

SQUARES = str([number**2 for number in range(19)])


def test_two_processes_do_the_parts_in_turn_and_neither_loses_patience(tmp_path: Path) -> None:
    assert 19 * PART_S / 2 > PATIENCE_S
    run_in_two_processes(Path(__file__).with_name("parallel_parts.py"), tmp_path)
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2))
    for number in (0, 2):
        assert first[number] == [SQUARES, [*range(0, 19, 2)]]
        assert second[number] == [SQUARES, [*range(1, 18, 2)]]
    assert first[1] == ["ValueError no square of 4", [0, 2]]
    assert second[1] == ["SystemExit 1", [1, 3, 5]]
    assert first[3] == ["ValueError no square of 4", [0, 2]]
    assert second[3] == ["ValueError no square of 5", [1, 3]]


def test_one_process_does_all_of_them() -> None:
    assert outcome(ALONE, fails_at=(19,)) == (SQUARES, [*range(19)])
