"""Which devices can be used here."""

from typing import NamedTuple

from pnas_apps.devices.device_kinds import INSTALL


class DeviceStatus(NamedTuple):
    """Whether a device of the command line can be used here; if not, `reason` says what it lacks."""

    name: str
    usable: bool
    reason: str
    version: str


def device_report() -> list[DeviceStatus]:
    """The state of every kind of device here; a phone is asked, if adb is installed."""
    import torch

    from pnas_export import AdbDevice, AiEdgeLitert, DeviceError, OnnxRuntime, TFLiteRuntime

    version = str(torch.__version__)
    report = [DeviceStatus("torch-cpu", True, "", version)]
    if torch.cuda.is_available():
        report.append(DeviceStatus("torch-cuda", True, "", f"{version}, {torch.cuda.get_device_name()}"))
    else:
        report.append(DeviceStatus("torch-cuda", False, "PyTorch finds no CUDA GPU here", version))
    for name, runtime in (
        ("tflite", AiEdgeLitert()),
        ("tflite-runtime", TFLiteRuntime()),
        ("onnxruntime", OnnxRuntime()),
    ):
        if runtime.installed:
            more = ", and with provider=cuda" if isinstance(runtime, OnnxRuntime) and _has_cuda() else ""
            report.append(DeviceStatus(name, True, "", runtime.version + more))
        else:
            report.append(DeviceStatus(name, False, f"{runtime.name} is not installed: {INSTALL[name]}", ""))
    try:
        info = AdbDevice().info
        report.append(DeviceStatus("adb", True, "", f"{info.device}, {info.runtime} {info.runtime_version}"))
    except DeviceError as error:
        report.append(DeviceStatus("adb", False, str(error), ""))
    report.append(DeviceStatus("cmd:COMMAND", True, "", "any command that times a file"))
    return report


def _has_cuda() -> bool:
    """Whether ONNX Runtime computes on a GPU here."""
    from pnas_export import DeviceError, OnnxRuntime

    try:
        OnnxRuntime(provider="cuda").check_provider()
    except DeviceError:
        return False
    return True
