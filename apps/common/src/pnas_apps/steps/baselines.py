"""Published nets, for the images and classes of a run: counted, and some of them measured on its device."""

from collections.abc import Sequence

from attrs import evolve

from pnas_apps.run.results import BaselineResult
from pnas_apps.run.run import Run
from pnas_apps.steps.table import Tabled
from pnas_latency import Device
from pnas_ops import (
    BASELINES,
    AnyNet,
    AnyWorkload,
    Architecture,
    ArchitectureError,
    Measurement,
    PnasError,
    architecture_macs,
    architecture_parameters,
    baseline,
)


def compare_with_baselines(run: Run, tabled: Tabled) -> tuple[BaselineResult, ...]:
    """All baselines that take images as small as the run's; those that its preset names with their latency.

    They are measured, not predicted: the table has none of their blocks. If the device refuses one, this is reported,
    and the run continues without a latency for it.
    """
    nets = {net.name: net for net in _fitting(run)}
    asked = [nets[name] for name in run.preset.measured_baselines if name in nets]
    measured = dict[AnyWorkload | AnyNet, Measurement]()
    try:
        measured = _measured(run, tabled.device, asked)
    except (PnasError, ValueError) as error:
        run.reporter.warn(f"  {', '.join(net.name for net in asked)} are not measured: {error}")
    return tuple(
        BaselineResult(
            name=name,
            parameters=architecture_parameters(net),
            macs=architecture_macs(net),
            measured=measured.get(net),
        )
        for name, net in nets.items()
    )


def _fitting(run: Run) -> list[Architecture]:
    space = run.task.space
    nets = []
    for name in BASELINES:
        try:
            nets.append(
                baseline(name, resolution=space.resolution, in_channels=space.in_channels, classes=space.classes)
            )
        except ArchitectureError as error:
            if name in run.preset.measured_baselines:
                run.reporter.line(f"  not compared with {name}: {error}")
    return nets


def _measured(run: Run, device: Device, nets: Sequence[Architecture]) -> dict[AnyWorkload | AnyNet, Measurement]:
    with run.reporter.phases() as progress:
        found = dict(device.measure([], nets=nets, progress=progress)) if nets else {}
    return {net: evolve(one, latency_ms=one.latency_ms + one.overhead_ms) for net, one in found.items()}
