"""What the lines of the result on CIFAR-10 are, in which order they come, and what they come to."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from attrs import asdict, evolve

from benchmarks import cifar10_result
from benchmarks.cifar10_result import HAND_MADE, Line, Place, Settings, add_line, places, read_lines, summary, table_of
from pnas_apps.ground.errors import UserError
from pnas_ops import Architecture, Measurement, cifar_mbconv_space
from tables import measurement

SETTINGS = Settings(
    table="abc",
    share=0.1,
    held_out=0.2,
    epochs=2,
    lr=0.1,
    judge_epochs=1,
    warmup_epochs=1,
    search_epochs=2,
    arch_interval=5,
    batch_size=64,
)


def line(net: str, accuracy: float, *, seed: int = 0, budget_ms: float = 0.5, passes: float = 0.0) -> Line:
    return Line(
        budget_ms=budget_ms,
        seed=seed,
        net=net,
        accuracy=accuracy,
        latency_ms=0.99 * budget_ms,
        macs=1000,
        parameters=10,
        passes=passes,
        seconds=1,
        choices=(1, 2),
        width=None,
        settings=SETTINGS,
        versions={"torch": "2"},
    )


def silent(text: str) -> None:
    raise AssertionError(text)


def test_budget_by_budget_and_seed_by_seed_each_cell_is_whole_before_the_next_begins() -> None:
    found = places([0.25, 1.0], 2, 2)
    names = ["gates", "evolution", "random-1", "random-2", *HAND_MADE]
    cells = [(0.25, 0), (1.0, 0), (0.25, 1), (1.0, 1)]
    assert found == [Place(budget_ms=budget, seed=seed, net=name) for budget, seed in cells for name in names]
    assert [(one.group, one.kind) for one in found[:5]] == [
        ("gates", "searched"),
        ("evolution", "searched"),
        ("random", "random"),
        ("random", "random"),
        ("mobilenet_v2", "hand-made"),
    ]


def test_what_is_added_is_read_again_and_half_a_line_is_left_out_with_a_word(tmp_path: Path) -> None:
    file, told = tmp_path / "lines.jsonl", list[str]()
    assert read_lines(file, SETTINGS, silent) == []
    lines = [line("gates", 0.6), evolve(line("mobilenet_v2", 0.5), choices=None, width=0.35)]
    for one in lines:
        add_line(file, one)
    assert read_lines(file, SETTINGS, silent) == read_lines(file, None, silent) == lines
    whole = file.read_bytes()
    file.write_bytes(whole + whole[:30])
    assert read_lines(file, SETTINGS, told.append) == lines
    assert told == [f"{file}: half a line at its end is left out, and its net trained again"]
    assert file.read_bytes() == whole


def test_lines_of_other_settings_are_refused_by_what_differs(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    add_line(file, line("gates", 0.6))
    add_line(file, evolve(line("evolution", 0.6), settings=evolve(SETTINGS, share=0.2, epochs=3)))
    for settings in (SETTINGS, None):
        with pytest.raises(
            UserError, match=r"lines.jsonl, line 2 is of other settings \(share, epochs\): give the same"
        ):
            read_lines(file, settings, silent)


def test_what_is_no_line_is_named_with_its_number(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    document = asdict(line("gates", 0.6))
    del document["macs"]
    for number, bad in enumerate(("{", json.dumps(document)), start=1):
        add_line(file, line("gates", 0.6))
        whole = file.read_text()
        file.write_text(f"{whole}{bad}\n")
        with pytest.raises(UserError, match=rf"lines.jsonl, line {number + 1}: .*: delete the line"):
            read_lines(file, SETTINGS, silent)
        file.write_text(whole)


LINES = [
    line("gates", 0.60, seed=0, passes=18),
    line("random-1", 0.57, seed=0),
    line("random-2", 0.59, seed=0),
    line("gates", 0.62, seed=1, passes=18),
    line("random-1", 0.61, seed=1),
    line("gates", 0.70, seed=0, budget_ms=1.0, passes=18),
    line("random-1", 0.65, seed=0, budget_ms=1.0),
    line("random-2", 0.67, seed=0, budget_ms=1.0),
    line("evolution", 0.66, seed=0, budget_ms=1.0, passes=19),
    line("random-1", 0.10, seed=1, budget_ms=1.0),  # whose gates are not through
]


@pytest.mark.parametrize(
    ("latency_ms", "noisy", "said"),
    [
        (4.0, False, "in the nearest width it takes 2.0000 ms"),
        (4.0, True, "its measurements are too noisy to find a width by: begin again when the machine is idle"),
        (None, False, "it could not be measured here"),
    ],
)
def test_a_net_of_people_is_left_out_with_the_reason(
    latency_ms: float | None, noisy: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(run: object, tabled: object, nets: Sequence[Architecture]) -> dict[Architecture, Measurement]:
        net, other = nets
        if latency_ms is None:
            return {}
        return {net: evolve(measurement(latency_ms), noisy=noisy), other: measurement(1.0)}

    monkeypatch.setattr(cifar10_result, "measured_nets", measured)
    monkeypatch.setattr(cifar10_result, "target_device", lambda *_, **__: None)
    told: list[str] = []
    space = cifar_mbconv_space(0.25, blocks_per_stage=1)
    run = SimpleNamespace(task=SimpleNamespace(space=space), reporter=SimpleNamespace(warn=told.append))
    gates = evolve(line("gates", 0.6), choices=(0,) * len(space.options), latency_ms=0.5)
    place = Place(budget_ms=0.5, seed=0, net="mobilenet_v2")
    bench = SimpleNamespace(cache=None, table=None)
    assert cifar10_result.by_hand(cast(Any, bench), cast(Any, run), place, [gates]) is None
    assert told == [f"mobilenet_v2 is left out at 0.5 ms: {said}"]


def test_differences_are_those_of_pairs_with_the_interval_of_student() -> None:
    """Pairs 60 and 58, 62 and 61, 70 and 66: 2, 1, 4 points; t of two degrees is 4.30265, that of one 12.7062."""
    found = summary(LINES)
    assert found["nets"] == 10
    assert found["passes"] == {"gates": 18.0, "evolution": 19.0}
    assert found["differences"] == [
        {
            "from": "random",
            "budget_ms": 0.5,
            "pairs": 2,
            "mean": 1.5,
            "standard_error": 0.5,
            "low": pytest.approx(1.5 - 12.7062 / 2, abs=1e-3),
            "high": pytest.approx(1.5 + 12.7062 / 2, abs=1e-3),
        },
        {"from": "random", "budget_ms": 1.0, "pairs": 1, "mean": 4.0},
        {
            "from": "random",
            "budget_ms": None,
            "pairs": 3,
            "mean": 2.333,
            "standard_error": pytest.approx((7 / 9) ** 0.5, abs=1e-3),
            "low": pytest.approx(7 / 3 - 4.30265 * (7 / 9) ** 0.5, abs=1e-3),
            "high": pytest.approx(7 / 3 + 4.30265 * (7 / 9) ** 0.5, abs=1e-3),
        },
        {"from": "evolution", "budget_ms": 1.0, "pairs": 1, "mean": 4.0},
        {"from": "evolution", "budget_ms": None, "pairs": 1, "mean": 4.0},
    ]


def test_the_table_has_a_row_for_each_kind_of_net() -> None:
    assert list(table_of(LINES)) == [
        "| nets | 0.5 ms | 1 ms | gates are better by (95%), points |",
        "|---|---|---|---|",
        "| gates | 61.0 | 70.0 |  |",
        "| random | 59.0 | 47.3 | 2.3 ± 0.9 (-1.5 to 6.1; 3 pairs) |",
        "| evolution |  | 66.0 |  |",
    ]
