"""A run's net beside those of others."""

import io
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from pnas_apps.cli.presets import read_preset
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.run.preset import ImagePreset, structure_preset
from pnas_apps.run.results import BaselineResult, RunResults
from pnas_apps.run.run import Run
from pnas_apps.showing.run_tables import baselines_table
from pnas_apps.steps import baselines
from pnas_apps.steps.baselines import compare_with_baselines
from pnas_apps.steps.table import Tabled
from pnas_latency import Device, LatencyTable
from pnas_ops import (
    Architecture,
    DeviceInfo,
    Measurement,
    PnasError,
    Workload,
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
FEW = ("mobilenet_v2", "resnet18", "resnet50")
NOTHING = LatencyTable(device=INFO, measured_on="2025-01-02", entries=())


class _Device:
    """Measures anything as 2 ms and half a millisecond for the call, or fails."""

    info = INFO

    def __init__(self, error: Exception | None = None) -> None:
        self.blocks: list[Workload] = []
        self.nets: list[Architecture] = []
        self._error = error

    def measure(
        self, rows: Sequence[Sequence[Workload]], *, nets: Sequence[Architecture] = (), progress: object = None
    ) -> Iterator[tuple[Workload | Architecture, Measurement]]:
        asked: list[Workload | Architecture] = [*chain.from_iterable(rows), *nets]
        self.blocks += chain.from_iterable(rows)
        self.nets += nets
        if self._error is not None:
            raise self._error
        return iter([(one, MEASUREMENT) for one in asked])


@pytest.fixture(autouse=True)
def few_nets(monkeypatch: pytest.MonkeyPatch) -> None:
    """To count all that there are takes seconds."""
    monkeypatch.setattr(baselines, "BASELINES", FEW)


def preset(**options: object) -> ImagePreset:
    return structure_preset(read_preset("quick", PRESETS) | options, "quick", ImagePreset)


def run_of(space: object, names: str, cache: Path) -> Run:
    return cast(
        Run,
        SimpleNamespace(
            task=SimpleNamespace(space=space),
            preset=preset(baselines=names),
            reporter=Reporter(Console(file=io.StringIO(), width=1000)),
            cache=Cache(cache),
        ),
    )


def compared(run: Run, device: _Device) -> tuple[tuple[BaselineResult, ...], str]:
    found = compare_with_baselines(run, Tabled(device=cast(Device, device), table=NOTHING))
    return found, cast(io.StringIO, run.reporter.console.file).getvalue()


def test_all_are_counted_at_the_images_of_the_run_and_those_asked_for_measured(tmp_path: Path) -> None:
    device = _Device()
    found, _ = compared(run_of(cifar_mbconv_space(classes=7), " resnet18 ,mobilenet_v2", tmp_path), device)
    assert [net.name for net in device.nets] == ["resnet18", "mobilenet_v2"]
    assert all((net.resolution, net.in_channels, net.classes) == (32, 3, 7) for net in device.nets)
    assert [one.name for one in found] == [*FEW]
    by_name = {one.name: one for one in found}
    for net in device.nets:
        one = by_name[net.name]
        assert (one.parameters, one.macs) == (architecture_parameters(net), architecture_macs(net))
        # The cost of the call is in both, as in those of the run's own nets.
        assert one.measured is not None
        assert one.measured.latency_ms == 2.5
    # A table has none of their blocks, and blocks that are measured by themselves are too fast.
    assert not device.blocks
    assert all(one.predicted_ms is None for one in found)
    assert [one.name for one in found if one.measured is not None] == ["mobilenet_v2", "resnet18"]


def test_images_that_are_too_small_for_all_are_told_where_somebody_asked(tmp_path: Path) -> None:
    device = _Device()
    assert compared(run_of(digits_mbconv_space(), "", tmp_path), device) == ((), "")
    found, told = compared(run_of(digits_mbconv_space(), "resnet18", tmp_path), device)
    assert found == ()
    assert told.strip() == "not compared with resnet18: resnet18 needs images of at least 17 pixels, got 16"
    assert not device.nets


@pytest.mark.parametrize("error", [PnasError("no room", "make some"), ValueError("no room: make some")])
def test_a_device_that_fails_ends_no_run(error: Exception, tmp_path: Path) -> None:
    found, told = compared(run_of(cifar_mbconv_space(), "mobilenet_v2", tmp_path), _Device(error))
    assert len(found) == len(FEW)
    assert all(one.measured is None for one in found)
    assert "mobilenet_v2 are not measured: no room: make some" in told


def test_names_of_nets_are_checked_before_anything_is_done() -> None:
    assert preset(baselines="resnet18, efficientnet_b0").measured_baselines == ("resnet18", "efficientnet_b0")
    with pytest.raises(UserError, match=r"baselines names 'resnet', which .* did you mean resnet50\?$"):
        preset(baselines="mobilenet_v2,resnet")
    with pytest.raises(UserError, match=r"baselines names 'x', which is not .*: name some of mobilenet_v2, "):
        preset(baselines="x")


@pytest.mark.parametrize("path", sorted(ROOT.glob("apps/*/src/*/presets/*.toml")), ids=lambda path: path.stem)
def test_presets_name_nets_that_take_their_images(path: Path) -> None:
    document: dict[str, Any] = dict(read_preset(str(path), path.parent))
    if "baselines" in document:
        assert (document["baselines"] == "") == (document["resolution"] < 17)


def test_the_table_says_what_was_measured_and_what_not() -> None:
    searched = load_json(ROOT / "tests" / "samples" / "finished-run" / "results.json", RunResults).nets[0]
    assert searched.measured.noisy
    others = (
        BaselineResult(name="resnet18", parameters=2 * searched.parameters, macs=3 * searched.macs),
        BaselineResult(
            name="mobilenet_v2",
            parameters=searched.parameters,
            macs=searched.macs,
            predicted_ms=1.5,  # as runs of earlier versions did
            measured=searched.measured,
        ),
    )
    file = io.StringIO()
    Console(file=file, width=100).print(baselines_table(others, searched, device=INFO))
    rows = {line.split()[0]: re.sub(r" +", " ", line).strip() for line in file.getvalue().splitlines() if line.strip()}
    assert rows["resnet18"].endswith("-")
    assert " 2.0x " in rows["resnet18"]
    assert " 3.0x " in rows["resnet18"]
    assert rows["mobilenet_v2"].endswith(f" {searched.measured.latency_ms:.4f} noisy 1.0x")
    assert "predicted" not in file.getvalue()
    assert "1.5000" not in file.getvalue()
    assert "no accuracy" in file.getvalue()
    assert "Noisy: it came out differently" in file.getvalue()
