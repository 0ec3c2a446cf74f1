"""`pnas-lab sizes`, as it is run."""

import json
from pathlib import Path

from command_line import Lab, assert_refused


def test_prints_every_space_beside_what_is_published(lab: Lab) -> None:
    shown = lab("sizes").output
    rows = {line.split()[0]: line for line in shown.splitlines() if line.strip()}
    assert rows["nas-bench-201-1"].count("15,625") == 2
    assert rows["nas-bench-macro-1"].count("6,561") == 2
    assert "1,076,746,950,455,072,400" in rows["darts-1"]
    assert "10^18" in rows["darts-1"]
    assert "4.203e547" in rows["cifar-tree-1"]
    assert "2.9e4" in rows["trellis"]
    assert "--picture" in shown


def test_numbers_in_json_are_exact(lab: Lab) -> None:
    done = lab("sizes", "--json", "--operations", 2, "--joins", 1, "--blocks", 3, "--layers", 3, "--levels", 2)
    found = {one["name"]: one for one in json.loads(done.output)}
    assert int(found["cifar-tree-1"]["size"]) == 7**648
    assert int(found["recurrent cell"]["size"]) == (2 * 2 * 2 * 2) ** 3
    assert int(found["trellis"]["size"]) == 4
    # What a paper says is of its own numbers.
    assert found["recurrent cell"]["published"] is found["trellis"]["published"] is None
    assert found["nas-bench-201-1"]["published"] == "15,625"


def test_draws_the_recurrent_cell(lab: Lab, tmp_path: Path) -> None:
    assert lab("sizes", "--blocks", 2, "--picture", "cell.png").exit_code == 0
    assert (tmp_path / "cell.png").read_bytes().startswith(b"\x89PNG")


def test_refuses_nothing_of_something(lab: Lab) -> None:
    assert_refused(lab("sizes", "--blocks", 0), "--blocks must be a whole number from 1 to 100, got 0")
    assert_refused(lab("sizes", "--picture", "cell.jpg"), r"give --picture a name that ends in \.png")
