"""A run's net beside those of others."""

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from pnas_apps.cli.presets import read_preset
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.run.preset import ImagePreset, structure_preset
from pnas_apps.run.results import BaselineResult, RunResults
from pnas_apps.run.run import Run
from pnas_apps.showing.run_tables import baselines_table
from pnas_apps.steps.baselines import compare_with_baselines
from pnas_latency import Device
from pnas_ops import (
    BASELINES,
    Architecture,
    DeviceInfo,
    Measurement,
    PnasError,
    architecture_macs,
    architecture_parameters,
    cifar_mbconv_space,
    digits_mbconv_space,
    load_json,
)

ROOT = Path(__file__).parents[3]
PRESETS = ROOT / "apps" / "cifar10" / "src" / "pnas_cifar10" / "presets"
INFO = DeviceInfo(device="stand-in", runtime="none", runtime_version="1", threads=1, dtype="float32")
MEASUREMENT = Measurement(latency_ms=2.0, overhead_ms=0.5, p25_ms=2.0, median_ms=2.0, p75_ms=2.0, count=9)


class _Device:
    """Measures any net as 2 ms and half a millisecond for the call, or fails."""

    info = INFO

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[Architecture] = []
        self._error = error

    def measure(
        self, rows: Sequence[object], *, nets: Sequence[Architecture] = (), progress: object = None
    ) -> Iterator[tuple[Architecture, Measurement]]:
        assert not rows
        self.asked += nets
        if self._error is not None:
            raise self._error
        return iter([(net, MEASUREMENT) for net in nets])


def preset(**options: object) -> ImagePreset:
    return structure_preset(read_preset("quick", PRESETS) | options, "quick", ImagePreset)


def run_of(space: object, baselines: str) -> Run:
    reporter = Reporter(Console(file=io.StringIO(), width=1000))
    return cast(
        Run, SimpleNamespace(task=SimpleNamespace(space=space), preset=preset(baselines=baselines), reporter=reporter)
    )


def compared(run: Run, device: _Device) -> tuple[tuple[BaselineResult, ...], str]:
    found = compare_with_baselines(run, cast(Device, device))
    return found, cast(io.StringIO, run.reporter.console.file).getvalue()


def test_all_are_counted_at_the_images_of_the_run_and_those_asked_for_measured() -> None:
    device = _Device()
    found, _ = compared(run_of(cifar_mbconv_space(classes=7), " resnet18 ,mobilenet_v2"), device)
    assert [net.name for net in device.asked] == ["resnet18", "mobilenet_v2"]
    assert all((net.resolution, net.in_channels, net.classes) == (32, 3, 7) for net in device.asked)
    assert [one.name for one in found] == [*BASELINES]
    by_name = {one.name: one for one in found}
    for net in device.asked:
        one = by_name[net.name]
        assert (one.parameters, one.macs) == (architecture_parameters(net), architecture_macs(net))
        # The cost of the call is in it, as in the measurements of the run's own nets.
        assert one.measured is not None
        assert one.measured.latency_ms == 2.5
    assert [one.name for one in found if one.measured is not None] == ["mobilenet_v2", "resnet18"]


def test_images_that_are_too_small_for_all_are_told_where_somebody_asked() -> None:
    device = _Device()
    assert compared(run_of(digits_mbconv_space(), ""), device) == ((), "")
    found, told = compared(run_of(digits_mbconv_space(), "resnet18"), device)
    assert found == ()
    assert told.strip() == "not compared with resnet18: resnet18 needs images of at least 17 pixels, got 16"
    assert not device.asked


def test_a_device_that_fails_ends_no_run() -> None:
    found, told = compared(run_of(cifar_mbconv_space(), "mobilenet_v2"), _Device(PnasError("no room", "make some")))
    assert len(found) == len(BASELINES)
    assert all(one.measured is None for one in found)
    assert "mobilenet_v2 are not measured: no room: make some" in told


def test_names_of_nets_are_checked_before_anything_is_done() -> None:
    assert preset(baselines="resnet18, efficientnet_b0").measured_baselines == ("resnet18", "efficientnet_b0")
    with pytest.raises(UserError, match=r"baselines names 'resnet', which .* did you mean resnet50\?$"):
        preset(baselines="mobilenet_v2,resnet")
    with pytest.raises(UserError, match=r"baselines names 'x', which is no net .*: name some of mobilenet_v2, "):
        preset(baselines="x")


@pytest.mark.parametrize("path", sorted(ROOT.glob("apps/*/src/*/presets/*.toml")), ids=lambda path: path.stem)
def test_presets_name_nets_that_take_their_images(path: Path) -> None:
    document: dict[str, Any] = dict(read_preset(str(path), path.parent))
    if "baselines" in document:
        assert (document["baselines"] == "") == (document["resolution"] < 17)


def test_the_table_says_what_was_measured_and_what_not() -> None:
    searched = load_json(ROOT / "tests" / "samples" / "finished-run" / "results.json", RunResults).nets[0]
    baselines = (
        BaselineResult(name="resnet18", parameters=2 * searched.parameters, macs=3 * searched.macs),
        BaselineResult(
            name="mobilenet_v2", parameters=searched.parameters, macs=searched.macs, measured=searched.measured
        ),
    )
    file = io.StringIO()
    Console(file=file, width=100).print(baselines_table(baselines, searched, device=INFO))
    rows = {line.split()[0]: re.sub(r" +", " ", line).strip() for line in file.getvalue().splitlines() if line.strip()}
    assert rows["resnet18"].endswith("-")
    assert " 2.0x " in rows["resnet18"]
    assert " 3.0x " in rows["resnet18"]
    assert rows["mobilenet_v2"].endswith(f"{searched.measured.latency_ms:.4f} 1.0x")
    assert "no accuracy" in file.getvalue()
