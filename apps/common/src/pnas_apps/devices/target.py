"""The device that a net is searched for."""

import re
from pathlib import Path
from typing import Protocol, runtime_checkable

from pnas_apps.devices.device_names import parse_device
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.run.device_settings import DeviceSettings
from pnas_export import FileDevice, Format
from pnas_latency import Device

_FORMATS: dict[tuple[str, str], Format] = {
    (".tflite", "float32"): "tflite",
    (".tflite", "int8"): "tflite-int8",
    (".onnx", "float32"): "onnx",
}


@runtime_checkable
class TargetDevice(Device, FileDevice, Protocol):
    """Measures blocks for the table and files for the report."""


def target_device(target: DeviceSettings, *, cache: Cache, log: Path | None) -> TargetDevice:
    """The device that a run names, ready to measure with.

    Args:
        target: its name and options.
        cache: of conversions.
        log: a file that receives what converters print; dropped if None.

    Raises:
        UserError: for one that cannot be used here, or runs no files.
    """
    device = parse_device(target.name, threads=target.threads, dtype=target.dtype, cache=cache, log=log)
    if not isinstance(device, TargetDevice):
        raise UserError(f"{target.name} runs no exported files, which a run ends with: name another --device")
    return device


def shipped_format(device: TargetDevice) -> Format:
    """The format of the files that the device is measured with."""
    return _FORMATS[device.suffix, device.info.dtype]


def format_for(target: DeviceSettings) -> Format:
    """The same, of a device that may not be here now, such as a phone."""
    kind = re.split("[,:]", target.name)[0]
    return _FORMATS[".onnx" if kind == "onnxruntime" else ".tflite", target.dtype]


def sized_format(dtype: str) -> Format:
    """The format of the file that limits on bytes are about, whatever runs on the device."""
    return _FORMATS[".tflite", dtype]
