"""Several runs on one page."""

import html
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest
from attrs import evolve
from click.testing import CliRunner, Result

from browsers import CHROMIUM, looked_at
from pages import Tags
from pnas_apps.run.device_settings import DeviceSettings
from pnas_apps.run.results import RunResults
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.settings import load_settings
from pnas_apps.run.sweep_aims import SweepAim
from pnas_apps.run.verdict import ComparedNet, Kind, Verdict
from pnas_cifar10.cli import main
from pnas_latency import Landing
from pnas_ops import load_json, save_json

SAMPLE = Path(__file__).parents[2] / "samples" / "finished-run"
NASTY = "<b>$x$"


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Two runs for one device, the second with a verdict, and one for another device."""
    paths = (tmp_path / "first", tmp_path / NASTY, tmp_path / "other")
    for path in paths:
        shutil.copytree(SAMPLE, path)
    results = load_json(paths[1] / "results.json", RunResults)
    asked: tuple[tuple[str, Kind, float], ...] = (
        ("searched", "searched", 0.9),
        ("random-1", "random", 0.8),
        ("random-2", "random", 0.7),
    )
    nets = [
        ComparedNet(
            name=name, kind=kind, parameters=1000, macs=10**6, predicted_ms=0.02, measured_ms=None, accuracies=(share,)
        )
        for name, kind, share in asked
    ]
    verdict = Verdict(epochs=3, seeds=1, test_images=100, nets=tuple(nets))
    save_json(evolve(results, verdict=verdict), paths[1] / "results.json")
    settings = load_settings(paths[2] / "settings.json")
    save_json(evolve(settings, device=DeviceSettings(name="adb")), paths[2] / "settings.json")
    return paths


def compare(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, arguments)])


def test_runs_are_put_on_one_page_those_of_other_devices_apart(runs: tuple[Path, Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "pages" / "compare.html"
    (runs[0] / "report.html").touch()  # the others are of a version that left none
    done = compare(*runs, "--out", out)
    assert (done.exit_code, done.output) == (0, f"3 runs compared: {out}\n")
    page = out.read_text()
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    links = [value for _, given in tags.found for key, value in given.items() if key == "href" and value]
    files = [link for link in links if not link.startswith("#")]
    assert {link.split("/")[-1] for link in files} == {
        "report.html",
        "report.txt",
        *(path.name for path in (SAMPLE / "bundle").glob("model*")),
    }
    # They lead to the files from where the page is.
    assert all((out.parent / unquote(link)).resolve().exists() for link in files)
    assert "http" not in re.sub(r"http://www.w3.org/[^\"]*", "", page)
    # What ships in the group of two, and what was trained anew there.
    assert [tag for tag, _ in tags.found].count("svg") == 2
    assert page.count("<h3>Block by block</h3>") == 2
    assert "grouped into 2 kinds" in page
    assert "Its net was not compared with others." in page
    # The third run is alone, and has no verdict.
    assert page.count("so there is no chart of the nets that ship") == 1
    assert page.count("No other nets were trained, so there is no chart of them") == 1
    verdict = load_json(runs[1] / "results.json", RunResults).verdict
    assert verdict is not None
    assert html.escape(verdict.sentence) in page
    for run in runs:
        target_ms = load_json(run / "landing.json", Landing).target_ms
        assert f"{target_ms:.4f} ms" in page
        assert html.escape(RunFolder(run).read_settings().command) in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["first"], "first alone cannot be compared: name two or more runs, or use report"),
        (["first", "./first"], "first is named twice: name other runs"),
        (["first", "nowhere"], "nowhere holds no run: name a run's folder"),
        (["first", "other", "--out", "there.html"], "there.html exists already: name another --out, or remove it"),
        (["first", "other", "--out", "unfinished"], "unfinished is a folder: name a file in it"),
        (["first", "unfinished"], "unfinished is not finished: finish it with the command report"),
        (
            ["first", "own"],
            "own is a run of pnas-own: name another folder; its own results are in its report.txt",
        ),
        (["first", "sweep"], "sweep is a sweep, with a run for each net: name one of tflite-0.5ms"),
    ],
)
def test_what_cannot_be_compared_is_told(
    arguments: list[str],
    message: str,
    runs: tuple[Path, Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.html").write_text("mine")
    shutil.copytree(runs[0], tmp_path / "unfinished", ignore=shutil.ignore_patterns("results.json"))
    shutil.copytree(runs[0], tmp_path / "own")
    (tmp_path / "own" / "settings.json").write_text('{"schema": "OwnSettings", "schema_version": 1}')
    shutil.copytree(runs[0], tmp_path / "sweep")
    settings = evolve(
        load_settings(runs[0] / "settings.json"), aims=(SweepAim(device=DeviceSettings(), latency_ms=0.5),)
    )
    save_json(settings, tmp_path / "sweep" / "settings.json")
    done = compare(*arguments)
    assert done.exit_code == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.endswith(f"{message}\n")
    assert (tmp_path / "there.html").read_text() == "mine"
    assert not (tmp_path / "compare.html").exists()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is here")
@pytest.mark.parametrize("width", [400, 1400])
def test_a_browser_draws_all_of_it_without_an_error(width: int, runs: tuple[Path, Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "compare.html"
    assert compare(*runs, "--out", out).exit_code == 0
    assert looked_at(out, width) == {"width": width, "drawn": 2}
