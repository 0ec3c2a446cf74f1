"""The aims of a sweep, as data. Imports nothing heavy, since command lines build them."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from attrs import field, frozen
from attrs.validators import gt

from pnas_apps.ground.errors import UserError
from pnas_apps.run.device_settings import DeviceSettings

_LONGEST = 40


@frozen(kw_only=True)
class SweepAim:
    """A net that a sweep looks for.

    Attributes:
        device: the device that it is for.
        latency_ms: what it may take there.
    """

    device: DeviceSettings
    latency_ms: float = field(validator=gt(0))


def sweep_aims(devices: Sequence[DeviceSettings], latencies_ms: Sequence[float]) -> tuple[SweepAim, ...]:
    """Every latency on every device; those of one device are neighbours."""
    return tuple(SweepAim(device=device, latency_ms=ms) for device, ms in product(devices, latencies_ms))


def least_of_each_device(aims: Sequence[SweepAim]) -> tuple[SweepAim, ...]:
    """The smallest latency on each device: where it can be met, so can the others."""
    least = {aim.device: aim for aim in sorted(aims, key=lambda aim: -aim.latency_ms)}
    return tuple(least[device] for device in dict.fromkeys(aim.device for aim in aims))


def device_names(aims: Sequence[SweepAim]) -> dict[DeviceSettings, str]:
    """What stands for a device in the names of files: its own name, as far as every file system takes it."""
    names: dict[DeviceSettings, str] = {}
    for device in dict.fromkeys(aim.device for aim in aims):
        name = re.sub(r"[^A-Za-z0-9]+", "-", device.name).strip("-")[:_LONGEST]
        # Two that become alike have numbers.
        names[device] = name if name not in names.values() else f"{name}-{len(names) + 1}"
    return names


def folder_name(aim: SweepAim, aims: Sequence[SweepAim]) -> str:
    """The folder of an aim's net in that of the sweep, such as `tflite-0.2ms`."""
    # All digits, by which numbers that differ have names that do.
    return f"{device_names(aims)[aim.device]}-{str(aim.latency_ms).removesuffix('.0')}ms"


def refuse_sweep(path: Path, aims: Sequence[SweepAim]) -> None:
    """Raises a UserError for the folder of a sweep, where that of one net is wanted."""
    if aims:
        names = ", ".join(folder_name(aim, aims) for aim in aims)
        raise UserError(f"{path} is a sweep, with a run for each net: name one of {names}")


@contextmanager
def naming_device(aims: Sequence[SweepAim], device: DeviceSettings) -> Iterator[None]:
    """Adds its device to the error of limits that no net keeps, where a sweep has several.

    Raises:
        UserError: for an InfeasibleBudgetError of the `with` block.
    """
    from pnas_latency import InfeasibleBudgetError

    try:
        yield
    except InfeasibleBudgetError as error:
        if len(device_names(aims)) < 2:
            raise
        raise UserError(f"{device.name}: {error}") from None
