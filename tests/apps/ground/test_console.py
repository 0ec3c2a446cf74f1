"""Names come from anywhere, and are printed as they are."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from attrs import evolve
from rich.console import RenderableType

import pnas_apps
import pnas_lab
import pnas_own
from pnas_apps.devices.device_report import DeviceStatus
from pnas_apps.exploring.outcome import Explored, JudgedNet
from pnas_apps.exploring.page import exploration_page
from pnas_apps.ground.console import page_text
from pnas_apps.run.prediction import Prediction, Share
from pnas_apps.run.results import BaselineResult, NetResult
from pnas_apps.run.sweep_results import AimResult
from pnas_apps.run.verdict import ComparedNet, Verdict
from pnas_apps.showing.device_tables import device_table
from pnas_apps.showing.file_tables import accuracy_table, timing_table
from pnas_apps.showing.kept_results import KeptResults
from pnas_apps.showing.prediction_table import prediction_table
from pnas_apps.showing.run_tables import baselines_table, results_table
from pnas_apps.showing.story import story
from pnas_apps.showing.sweep_table import sweep_table
from pnas_apps.showing.verdict_table import verdict_page
from pnas_ops import Measurement
from tables import DEVICE

NAME, SHOWN = "[red]x[bold]:cat:\x1b", r"[red]x[bold]:cat:\x1b"

MEASURED = Measurement(latency_ms=1.0, p25_ms=1.0, median_ms=1.0, p75_ms=1.0, count=2)
NET = NetResult(name=NAME, epochs=1, test_accuracy=0.5, parameters=1, macs=1, predicted_ms=1.0, measured=MEASURED)
COMPARED = ComparedNet(
    name=NAME, kind="searched", parameters=1, macs=1, predicted_ms=1.0, measured_ms=1.0, accuracies=(0.5,)
)
JUDGED = JudgedNet(number=0, group="searched", choices=(0,), value=0.5, epochs=1.0, costs={"macs": 1.0})
KEPT = SimpleNamespace(
    results=SimpleNamespace(nets=(NET,), verdict=None, doubt=None),
    table=SimpleNamespace(device=DEVICE),
    bundle="bundle",
)
SHARES = (Share(label=NAME, probability=1.0),)
PAGES: dict[str, RenderableType] = {
    "a line": f"the file {NAME}",
    "verdict": verdict_page(Verdict(epochs=1, seeds=1, test_images=9, nets=(COMPARED,))),
    "results": results_table([NET], measured="the net", device=DEVICE),
    "title of results": results_table([evolve(NET, name="x")], measured=NAME, device=DEVICE),
    "baselines": baselines_table([BaselineResult(name=NAME, parameters=1, macs=1)], NET, device=DEVICE),
    "sweep": sweep_table([AimResult(folder="x", device=NAME, asked_ms=1.0, searched=NET)]),
    "devices": device_table([DeviceStatus(name=NAME, usable=False, reason="", version="")]),
    "classes": prediction_table(Prediction(photo="x", file="x", runtime="x", top=SHARES, logits=(1.0,))),
    "accuracies": accuracy_table([(NAME, "x", 0.5)], 9),
    "where the page is": story(cast(KeptResults, KEPT), Path(NAME) / "report.html"),
    "timings": timing_table({Path(NAME): MEASURED}, DEVICE),
    "device of timings": timing_table({Path("x"): MEASURED}, evolve(DEVICE, device=NAME)),
    "nets that were judged": exploration_page(
        Explored(strategy=NAME, judge="x", aims=(), nets=(JUDGED,)), value_name="x", limits=[]
    ),
}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_name_is_printed_as_it_is(page: RenderableType) -> None:
    text = page_text(page)
    assert SHOWN in text
    assert "\x1b" not in text


def test_a_page_for_a_file_has_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b" not in page_text(PAGES["verdict"])


def test_there_is_no_other_console() -> None:
    files = [path for one in (pnas_apps, pnas_own, pnas_lab) for path in Path(one.__path__[0]).rglob("*.py")]
    assert len(files) > 100
    makers = [path.name for path in files if "Console(" in path.read_text().replace("SafeConsole(", "")]
    assert makers == []
