"""The device that a net is searched for, and what ships for it."""

import re
from pathlib import Path

from pnas_apps.devices.device_names import parse_device
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.run.device_settings import DeviceSettings
from pnas_export import FileDevice, Format
from pnas_latency import Budget, Device, LatencyTable

_FORMATS: dict[tuple[str, str], Format] = {
    (".tflite", "float32"): "tflite",
    (".tflite", "int8"): "tflite-int8",
    (".onnx", "float32"): "onnx",
}
_TAKE_ONNX = ("onnxruntime", "torch-cpu", "torch-cuda")


def target_device(target: DeviceSettings, *, cache: Cache, log: Path | None) -> Device:
    """The device that a run names, ready to measure with: files where it is a `FileDevice`, or else nets as modules.

    Args:
        target: its name and options.
        cache: of conversions.
        log: a file that receives what converters print; dropped if None.

    Raises:
        UserError: for one that cannot be used here.
    """
    return parse_device(target.name, threads=target.threads, dtype=target.dtype, cache=cache, log=log)


def shipped_format(device: Device) -> Format:
    """The format of the file that ships to the device, and that it is measured with where it runs files."""
    return _FORMATS[device.suffix, device.info.dtype] if isinstance(device, FileDevice) else "onnx"


def bundle_formats(device: Device) -> tuple[Format, ...]:
    """All formats that a run for the device exports its net in: what needs other converters only where they ship."""
    if not isinstance(device, FileDevice):
        return ("onnx",)
    return tuple(dict.fromkeys(("onnx", "tflite", "tflite-int8", shipped_format(device))))


def format_for(target: DeviceSettings) -> Format:
    """What `shipped_format` is, of a device that may not be here now, such as a phone."""
    kind = re.split("[,:]", target.name)[0]
    return "onnx" if kind in _TAKE_ONNX else _FORMATS[".tflite", target.dtype]


def sized_format(device: Device, table: LatencyTable) -> Format | None:
    """The format of the file that limits on bytes are about, as `Budget.counts`; None where no such file ships."""
    if not isinstance(device, FileDevice):
        return None
    return _FORMATS[".tflite", "int8" if table.device.dtype == "int8" else "float32"]


def check_file_limits(device: Device, target: DeviceSettings, budget: Budget, metrics: dict[str, str]) -> None:
    """Raises a UserError for what is asked of a TFLite file where none ships."""
    if isinstance(device, FileDevice):
        return
    limits = {
        "--max-weight-bytes": budget.weight_bytes,
        "--max-activation-bytes": budget.peak_activation_bytes,
        "--max-file-bytes": budget.file_bytes,
        "--metric": metrics or None,
    }
    for flag, asked in limits.items():
        if asked is not None:
            raise UserError(
                f"{flag} limits a TFLite file, and none ships for {target.name}, which runs PyTorch nets: use "
                "--max-parameters or --max-macs instead"
            )
