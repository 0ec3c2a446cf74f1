"""What a sweep found, drawn and listed."""

import io
import math

import numpy as np
import pytest
from attrs import evolve
from matplotlib.collections import LineCollection
from rich.console import Console

from pnas_apps.run.results import BaselineResult, NetResult
from pnas_apps.run.sweep_results import AimResult
from pnas_apps.run.verdict import ComparedNet, Kind, Verdict
from pnas_apps.showing.sweep_picture import draw_sweep
from pnas_apps.showing.sweep_table import sweep_table
from pnas_ops import Measurement
from tables import measurement

NET = NetResult(
    name="searched",
    epochs=3,
    test_accuracy=0.5,
    parameters=36_000,
    macs=1_200_000,
    predicted_ms=0.2,
    measured=measurement(0.25),
)


NETS: list[tuple[str, Kind, float, float]] = [
    ("searched", "searched", 0.47, 0.75),
    ("random 1", "random", 0.46, 0.5),
    ("biggest", "biggest", 9.0, 0.625),
]


def aim(device: str, asked_ms: float, measured_ms: float, accuracy: float) -> AimResult:
    searched = evolve(NET, measured=measurement(measured_ms), test_accuracy=accuracy)
    compared = [
        ComparedNet(
            name=name, kind=kind, parameters=1, macs=1, predicted_ms=None, measured_ms=ms, accuracies=(found, found)
        )
        for name, kind, ms, found in NETS
    ]
    verdict = Verdict(epochs=2, seeds=2, test_images=100, nets=tuple(compared)) if device == "tflite" else None
    others = (
        BaselineResult(name="mobilenet_v2", parameters=1, macs=1, measured=measurement(7.0)),
        BaselineResult(name="resnet18", parameters=1, macs=1),
    )
    return AimResult(
        folder=f"{device}-{asked_ms}ms",
        device=device,
        asked_ms=asked_ms,
        searched=searched,
        verdict=verdict,
        baselines=others,
    )


AIMS = [aim("tflite", 0.5, 0.47, 0.75), aim("tflite", 0.25, 0.24, 0.5), aim("onnxruntime", 0.5, 0.45, 0.625)]


def test_each_device_has_a_panel_with_a_line_through_its_nets() -> None:
    figure = draw_sweep(AIMS, test_images=100)
    tflite, onnxruntime = figure.axes
    lines = {axes: axes.get_lines()[0].get_xydata().tolist() for axes in (tflite, onnxruntime)}
    assert lines == {tflite: [[0.24, 50.0], [0.47, 75.0]], onnxruntime: [[0.45, 62.5]]}
    assert [text.get_text() for text in tflite.get_xticklabels()] == ["0.25", "0.5"]
    assert {text.get_text() for text in tflite.texts} == {"biggest", "mobilenet_v2"}  # resnet18 was not measured
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == [
        "found by the sweep, 3 epochs of training",
        "requested",
        "the same, 2 epochs from fresh weights",
        "others, 2 epochs from fresh weights",
        "published nets, not trained: latency only",
        "standard error of 100 test images",
    ]
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "Nets of one search, on tflite",
        "Nets of one search, on onnxruntime",
    ]
    assert all("logarithmic" in axes.get_xlabel() for axes in figure.axes)


def test_nets_stand_where_they_were_asked_for_whatever_speed_the_machine_has_now() -> None:
    def of_probe(ms: float, probe_ms: float) -> Measurement:
        return evolve(measurement(ms), probe_ms=probe_ms)

    first = AIMS[0]
    slow = evolve(
        first,
        searched=evolve(first.searched, measured=of_probe(0.94, 2.0), slower=2.0),
        baselines=(evolve(first.baselines[0], measured=of_probe(9.0, 3.0)),),
    )
    (axes,) = draw_sweep([slow], test_images=100).axes
    assert axes.get_lines()[0].get_xydata().tolist() == [[pytest.approx(0.47), 75.0]]
    (others,) = [line for line in axes.get_lines() if line.get_marker() == "|" and line.get_color() != "C0"][:1]
    assert others.get_xdata()[0] == pytest.approx(3.0)


def test_an_accuracy_of_few_images_has_a_bar_of_its_standard_error() -> None:
    (axes,) = draw_sweep(AIMS[:1], test_images=96).axes
    (bars,) = axes.collections
    assert isinstance(bars, LineCollection)
    (bar,) = bars.get_segments()
    # Of a share of 96 images and 4 more: 74 of 100 are right.
    error = 100 * math.sqrt(0.74 * 0.26 / 100)
    assert np.asarray(bar)[:, 1].tolist() == pytest.approx([75 - error, 75 + error])


def test_no_net_is_no_picture() -> None:
    with pytest.raises(ValueError, match="a picture of a sweep needs nets, got none"):
        draw_sweep([], test_images=100)


def test_the_table_has_a_line_for_each_budget_on_each_device() -> None:
    console = Console(file=io.StringIO(), width=80)
    first, *others = AIMS
    now = evolve(first.searched.measured, latency_ms=0.94, probe_ms=2.0)
    slower = evolve(first, searched=evolve(first.searched, measured=now, slower=2.0))
    console.print(sweep_table([slower, *others]))
    assert isinstance(console.file, io.StringIO)
    rows = [line.split() for line in console.file.getvalue().splitlines()[-4:-1]]
    assert rows[0] == ["tflite", "0.5000", "0.2000", "0.4700", "-57.4%", "75.00%", "36", "k", "1.2", "M"]
    assert [row[0] for row in rows] == ["tflite", "tflite", "onnxruntime"]
