"""The page of a run: what stands in it, and what a browser makes of it."""

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from attrs import evolve

from pnas_apps.ground.errors import UserError
from pnas_apps.run.folder import RunFolder
from pnas_apps.run.results import RunResults
from pnas_apps.run.settings import load_settings
from pnas_apps.steps.page import write_page
from pnas_latency import Landing
from pnas_ops import load_json, save_json

SAMPLE = Path(__file__).parents[2] / "samples" / "finished-run"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A finished run of an earlier version, whose files nobody checks."""
    shutil.copytree(SAMPLE, tmp_path / "run")
    return RunFolder(tmp_path / "run")


class Tags(HTMLParser):
    """The tags of a page, and how they are nested."""

    EMPTY = frozenset({"meta", "input", "br", "img", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_says_what_the_run_found_and_loads_nothing(run: RunFolder) -> None:
    page = write_page(run).read_text()
    results, landing = load_json(run.results, RunResults), load_json(run.landing, Landing)
    for net in results.nets:
        assert f"{100 * net.test_accuracy:.2f} %" in page
        assert f"{net.measured.latency_ms:.4f}" in page
    assert f"{landing.target_ms:.4f} asked for" in page
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


def test_texts_of_people_are_escaped(run: RunFolder) -> None:
    settings = load_settings(run.settings)
    nasty = evolve(settings, classes=(NASTY, *settings.classes[1:]), command=f"pnas-cifar10 run {NASTY}", task=NASTY)
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


def test_a_history_that_is_gone_leaves_the_rest_of_the_page(run: RunFolder) -> None:
    run.history.unlink()
    page = write_page(run).read_text()
    assert "What the search thought" not in page
    assert "The files" in page


def test_an_unfinished_run_has_no_page(run: RunFolder) -> None:
    run.results.unlink()
    with pytest.raises(UserError, match="is not finished: finish it by the verb report"):
        write_page(run)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is here")
@pytest.mark.parametrize("width", [400, 1400])
def test_a_browser_draws_all_of_it_without_an_error(width: int, run: RunFolder, tmp_path: Path) -> None:
    page = write_page(run)
    # A window is no narrower than 500 pixels, a frame is.
    frame = tmp_path / "frame.html"
    frame.write_text(
        f"""<iframe id="page" src="{page.as_uri()}" style="width: {width}px; height: 4000px; border: 0"></iframe>
        <pre id="told"></pre><script>
        document.getElementById("page").addEventListener("load", event => {{
          const inside = event.target.contentDocument;
          const sizes = [...inside.querySelectorAll("svg")].map(one => one.getBoundingClientRect());
          document.getElementById("told").textContent = JSON.stringify({{
            width: inside.documentElement.scrollWidth,
            drawn: sizes.filter(one => one.width > 200 && one.height > 100 && one.right <= {width}).length,
            cells: inside.querySelectorAll("#heat td").length,
            told: inside.getElementById("told").textContent,
          }});
        }});</script>"""
    )
    assert CHROMIUM is not None
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--allow-file-access-from-files",
        "--enable-logging=stderr",
    ]
    options += [f"--user-data-dir={tmp_path / 'browser'}", "--virtual-time-budget=3000", "--dump-dom"]
    finished = subprocess.run([CHROMIUM, *options, frame.as_uri()], capture_output=True, text=True, check=True)
    assert "CONSOLE" not in finished.stderr, finished.stderr
    told = re.search(r'<pre id="told">(.*?)</pre>', finished.stdout)
    assert told is not None
    assert json.loads(html.unescape(told[1])) == {
        "width": width,
        "drawn": 5,
        "cells": 2 * 7,
        "told": "epoch 6 of 6, search",
    }
