"""The page of a run: what stands in it, and what a browser makes of it."""

import html
import json
import math
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from browsers import CHROMIUM, looked_at
from pages import Tags
from pnas_apps.ground.console import page_text
from pnas_apps.ground.errors import UserError
from pnas_apps.run.results import LimitResult, RunResults
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.settings import load_settings
from pnas_apps.showing.verdict_table import SPREADS, verdict_page
from pnas_apps.steps.page import kept_results, write_page
from pnas_latency import Landing
from pnas_ops import load_json, save_json, workloads

SAMPLE = Path(__file__).parents[2] / "samples" / "finished-run"
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A finished run of an earlier version, whose files nobody checks."""
    shutil.copytree(SAMPLE, tmp_path / "run")
    return RunFolder(tmp_path / "run")


def test_the_page_says_what_the_run_found_and_loads_nothing(run: RunFolder) -> None:
    page = write_page(run).read_text()
    results, landing = load_json(run.results, RunResults), load_json(run.landing, Landing)
    for net in results.nets:
        assert f"{100 * net.test_accuracy:.2f}%" in page
        assert f"{net.measured.latency_ms:.4f}" in page
    assert f"{landing.target_ms:.4f} requested" in page
    assert page.count("The latency above is the one to trust: measured alone on the device, at the end of the run") == 1
    assert "Timed in turns on " in page
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    outside = [value for _, given in tags.found for key, value in given.items() if key in ("src", "href") and value]
    # The exported files, beside the page, and parts of its own charts.
    assert all(value.startswith(("bundle/", "#")) for value in outside)
    assert {value for value in outside if value.startswith("bundle/")} == {
        f"bundle/{path.name}" for path in (run.path / "bundle").iterdir() if path.suffix in (".tflite", ".onnx")
    }
    assert "http" not in re.sub(r"http://www.w3.org/[^\"]*", "", page)
    assert [tag for tag, _ in tags.found].count("svg") == 5
    assert len(page) < 3_000_000


@pytest.mark.parametrize(("requested", "judged"), [(True, True), (False, True), (False, False)])
def test_only_where_milliseconds_stand_their_speed_is_told(requested: bool, judged: bool, run: RunFolder) -> None:
    landing, results = load_json(run.landing, Landing), load_json(run.results, RunResults)
    if not requested:
        save_json(evolve(landing, target_ms=None, attempts=landing.attempts[:1], chosen=0), run.landing)
    if judged:
        verdict = load_json(SAMPLE.parent / "compared-run" / "results.json", RunResults).verdict
        save_json(evolve(results, verdict=verdict), run.results)
    page = html.unescape(write_page(run).read_text())
    assert bool(re.search("<dt>latency</dt><dd>[^<]*at the table's speed", page)) == requested
    assert ("Latencies are at the table's speed; ± is the standard deviation over seeds" in page) == judged


def test_the_page_and_the_text_show_the_same_accuracies(run: RunFolder) -> None:
    verdict = load_json(SAMPLE.parent / "compared-run" / "results.json", RunResults).verdict
    assert verdict is not None
    save_json(evolve(load_json(run.results, RunResults), verdict=verdict), run.results)
    page, text = write_page(run).read_text(), page_text(verdict_page(verdict))
    shown = re.findall(r"[\d.]+(?: ± [\d.]+)?%(?=  )", text)
    assert len(shown) == len(verdict.nets) + (len(verdict.of_kind("random")) > 1)
    assert all(f'<td class="n">{one}</td>' in page for one in shown)
    assert all(SPREADS in " ".join(told.split()) for told in (page, text))


def test_epochs_are_counted_from_1_in_charts_as_beside_the_handle(run: RunFolder) -> None:
    page, epochs = write_page(run).read_text(), len(run.history.read_text().splitlines())
    charts = [one for one in re.findall(r"<svg.*?</svg>", page, re.DOTALL) if "epoch of the search" in one]
    assert len(charts) == 3
    for chart in charts:
        axis = chart.partition("matplotlib.axis_1")[2].partition("epoch of the search")[0]
        ticks = re.findall(r">(\d+)</text>", axis)
        assert (int(ticks[0]), int(ticks[-1])) == (1, epochs)


def test_the_prediction_follows_from_the_milliseconds_of_the_blocks(run: RunFolder) -> None:
    page, kept = write_page(run).read_text(), kept_results(run)
    blocks = [float(ms) for ms in re.findall(r'<td class="n">([\d.]+)</td><td class="bar">', page)]
    told = re.search(r"Blocks ([\d.]+) ms, whole-net correction ([+-][\d.]+) ms[^:]*: ([\d.]+) ms predicted", page)
    assert told is not None
    together, more, predicted = map(float, told.groups())
    assert len(blocks) == len(kept.net.blocks)
    assert together == pytest.approx(sum(blocks), abs=1e-4 * len(blocks))
    assert together + more == pytest.approx(predicted, abs=2e-4)
    assert predicted == pytest.approx(kept.table.predict_ms(kept.net), abs=1e-4)


def test_texts_of_people_are_escaped(run: RunFolder) -> None:
    settings = load_settings(run.settings)
    nasty = evolve(settings, classes=(NASTY, *"123456789"), command=f"pnas-cifar10 run {NASTY}", task=NASTY)
    save_json(nasty, run.settings)
    (run.path / "labels.txt").write_text("".join(f"{name}\n" for name in nasty.classes))
    page = write_page(run).read_text()
    assert NASTY not in page
    assert page.count(html.escape(NASTY)) >= 3


def test_the_choices_are_those_of_the_history(run: RunFolder) -> None:
    page = write_page(run).read_text()
    found = re.search(r'<script type="application/json" id="choices">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    kept = json.loads(found[1])
    lines = [json.loads(line) for line in run.history.read_text().splitlines()]
    assert [epoch["phase"] for epoch in kept["epochs"]] == [line["phase"] for line in lines]
    assert kept["epochs"][-1]["probs"] == [[round(p, 4) for p in row] for row in lines[-1]["probs"]]
    assert [len(row) for row in kept["names"]] == [len(row) for row in lines[-1]["probs"]]
    assert kept["names"][0][0] == "mb3-3x3"
    searched = [index for index, row in enumerate(workloads(load_settings(run.settings).space)) if len(row) > 1]
    assert kept["numbers"] == searched != [0, 1]
    assert "Rows have the block numbers of the table above" in page


def test_that_a_net_was_chosen_by_judged_nets_and_not_by_the_gates_is_told(run: RunFolder) -> None:
    said = "The net was not chosen by these probabilities, but from random nets"
    assert said not in write_page(run).read_text()
    document = json.loads(run.settings.read_text())
    document["preset"]["judged_nets"] = 30
    run.settings.write_text(json.dumps(document))
    page = write_page(run).read_text()
    assert said in page
    assert "(--judged-nets 30)" in page


def test_the_multiplier_is_drawn_where_the_search_recorded_it(run: RunFolder) -> None:
    def charts() -> int:
        return write_page(run).read_text().count("<svg")

    before = charts()
    lines = [json.loads(line) for line in run.history.read_text().splitlines()]
    told = [line | {"multipliers": {"latency_ms": 0.1 * epoch}} for epoch, line in enumerate(lines)]
    # As of a search that an earlier version began.
    del told[0]["multipliers"]
    run.history.write_text("".join(f"{json.dumps(line)}\n" for line in told))
    assert charts() == before + 1
    assert "multiplier of each limit, in units of the loss" in run.page.read_text()


def test_a_page_explains_its_words(run: RunFolder) -> None:
    page = write_page(run).read_text()
    assert "mb6-5x5 is MobileNetV2's block with an expansion of 6" in page
    assert "Differs: the largest difference from the net in PyTorch" in page


def test_a_history_that_is_gone_leaves_the_rest_of_the_page(run: RunFolder) -> None:
    run.history.unlink()
    page = write_page(run).read_text()
    assert "What the search thought" not in page
    assert "The files" in page


def test_the_name_of_a_folder_may_be_no_text(tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"bad\xff")
    shutil.copytree(SAMPLE, odd)
    assert r"bad\udcff" in write_page(RunFolder(odd)).read_text()


def _probs(found: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda line: line | {"probs": found}


@pytest.mark.parametrize(
    "damage",
    [
        _probs([]),
        _probs([[1.0]]),
        _probs([[1e300] * 7] * 2),
        lambda line: line | {"entropy": 1e308},
        lambda line: line | {"multipliers": {"macs": math.nan}},
    ],
)
def test_a_damaged_history_leaves_the_rest_of_the_page(
    damage: Callable[[dict[str, Any]], dict[str, Any]], run: RunFolder
) -> None:
    first, *others = run.history.read_text().splitlines()
    run.history.write_text("\n".join([json.dumps(damage(json.loads(first))), *others]))
    page = write_page(run).read_text()
    assert "What the search thought" not in page
    assert "The files" in page


_EDITED: dict[str, list[tuple[tuple[str | int, ...], Any]]] = {
    "results.json": [
        (("nets",), []),
        (("nets", 0, "macs"), "many"),
        (("nets", 0, "test_accuracy"), 47.0),
        (("nets", 0, "measured", "count"), None),
        (("seconds", "train"), 1e300),
        (("verdict", "seeds"), 3),
        (("verdict", "epochs"), 10**13),
        (("verdict", "nets"), []),
        (("verdict", "nets", 0, "kind"), "random"),
        (("verdict", "nets", 0, "accuracies"), [1.5]),
    ],
    "landing.json": [
        (("chosen",), 7),
        (("target_ms",), -1.0),
        (("attempts",), {}),
        (("attempts", 0, "predicted_ms"), math.nan),
        (("attempts", 0, "architecture", "blocks", 1, "op", "kernel_size"), 9),
    ],
    "table.json": [(("entries",), []), (("nets", 0, "measurement"), 1), (("noise_floor",), math.inf)],
    "settings.json": [(("train_images",), -1), (("space", "stages"), [])],
}


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        pytest.param(name, place, value, id=f"{name} {'/'.join(map(str, place))} {value}")
        for name, edits in _EDITED.items()
        for place, value in edits
    ],
)
def test_what_somebody_has_edited_wrongly_is_told_in_one_line(
    name: str, place: tuple[str | int, ...], value: object, run: RunFolder
) -> None:
    shutil.copy(SAMPLE.parent / "compared-run" / "results.json", run.results)
    kept_results(run)
    found = json.loads((run.path / name).read_text())
    at = found
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    (run.path / name).write_text(json.dumps(found))
    way_out = "name another folder" if name == "settings.json" else "the command report writes it again"
    with pytest.raises(UserError, match=rf"{name}.*: {way_out}") as caught:
        kept_results(run)
    assert "\n" not in str(caught.value)


def test_a_limit_is_told_once_and_so_is_what_ships_over_it(run: RunFolder) -> None:
    results, landing = load_json(run.results, RunResults), load_json(run.landing, Landing)
    assert landing.target_ms is not None
    asked = landing.target_ms
    limits = tuple(
        LimitResult(name=name, unit=unit, asked=one, predicted=one, shipped=1.1 * one)
        for name, unit, one in (("latency_ms", "ms", asked), ("macs", "MACs", 2e6))
    )
    searched = evolve(results.nets[0], slower=1.25, measured=evolve(results.nets[0].measured, probe_ms=1.0))
    save_json(evolve(results, limits=limits, nets=(searched,)), run.results)
    page = write_page(run).read_text()
    assert page.count(f"at most {asked:.4f} ms") == 1
    assert "<dt>latency_ms</dt>" not in page
    assert f"; predicted {asked:.4f}, shipped {1.1 * asked:.4f}. The net " in page
    assert page.count("over by 10.0%") == 2
    assert "predicted 2,000,000, shipped 2,200,000, over by 10.0%</dd>" in page
    # What was asked is at the table's speed.
    now = searched.measured.latency_ms
    assert f"{now:.4f} ms</b>measured now, {now / 1.25:.4f} at the table's speed; {asked:.4f} requested" in page


def test_what_is_too_noisy_is_told_beside_its_milliseconds(run: RunFolder) -> None:
    shutil.copytree(SAMPLE.parent / "compared-run" / "compared", run.path / "compared")
    judged = load_json(SAMPLE.parent / "compared-run" / "results.json", RunResults).verdict
    assert judged is not None
    nets = tuple(evolve(net, measured_ms=0.0352, noisy=net.kind == "fastest") for net in judged.nets)
    results = load_json(run.results, RunResults)
    save_json(evolve(results, verdict=evolve(judged, nets=nets)), run.results)
    page = write_page(run).read_text()
    assert '0.0352</td><td class="n">too noisy</td>' in page
    assert '0.0352</td><td class="n">+80.2%</td>' in page  # the searched net
    assert "nets compared" in page
    results = evolve(results, verdict=evolve(judged, nets=tuple(evolve(net, noisy=True) for net in nets)))
    save_json(results, run.results)
    assert "nets compared" not in write_page(run).read_text()


def test_a_net_that_took_no_time_is_off_by_nothing_that_can_be_told(run: RunFolder) -> None:
    net = load_json(run.results, RunResults).nets[0]
    assert evolve(net, measured=evolve(net.measured, noisy=False)).off_by is not None
    assert evolve(net, measured=evolve(net.measured, noisy=False, latency_ms=0.0)).off_by is None


def test_an_unfinished_run_has_no_page(run: RunFolder) -> None:
    run.results.unlink()
    with pytest.raises(UserError, match="is not finished: finish it with the command report"):
        write_page(run)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is here")
def test_bold_is_what_ships_however_probable_it_was(run: RunFolder) -> None:
    lines = [json.loads(line) for line in run.history.read_text().splitlines()]
    kept = kept_results(run)
    choices = kept.settings.space.choices(kept.net)
    for number, taken in enumerate(choices):
        # Two others are the most probable, and equally so.
        shares = [0.0 if option == taken else 0.5 for option in range(len(lines[-1]["probs"][number]))]
        lines[-1]["probs"][number] = [share / sum(shares) for share in shares]
    run.history.write_text("".join(json.dumps(line) + "\n" for line in lines))
    more = """{ bold: [...inside.querySelectorAll("#heat tr")].map(row =>
        [...row.querySelectorAll("td:not(.name)")].flatMap((one, option) =>
            one.style.fontWeight === "bold" ? [option] : [])) }"""
    page = write_page(run)
    assert "Bold is what ships" in page.read_text()
    assert looked_at(page, 1400, more)["bold"] == [[taken] for taken in choices]


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is here")
@pytest.mark.parametrize("width", [400, 1400])
def test_a_browser_draws_all_of_it_without_an_error(width: int, run: RunFolder) -> None:
    more = """{
        cells: inside.querySelectorAll("#heat td").length,
        told: inside.getElementById("told").textContent,
        rows: [...inside.querySelectorAll("#heat td.name")].map(one => one.textContent),
        // A table may be wider than a phone: what is said of it does not go away with it.
        captions: [...inside.querySelectorAll("figcaption, caption")].every(one =>
            one.getBoundingClientRect().right <= inside.documentElement.clientWidth && !one.closest(".wide, .heat")),
    }"""
    assert looked_at(write_page(run), width, more) == {
        "width": width,
        "drawn": 5,
        "cells": 2 * 7,
        "told": "epoch 6 of 6, search",
        "rows": ["2", "3"],
        "captions": True,
    }
