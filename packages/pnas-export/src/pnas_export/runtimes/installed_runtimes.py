"""The supported runtimes, and those that are installed."""

from pnas_export.runtimes.onnx_runtime import OnnxRuntime
from pnas_export.runtimes.runtime import Runtime
from pnas_export.runtimes.tflite_runtimes import AiEdgeLitert, TFLiteRuntime

RUNTIMES: tuple[Runtime, ...] = (AiEdgeLitert(), TFLiteRuntime(), OnnxRuntime())
"""All supported runtimes; the first of each format is the one to ship with."""


def installed_runtimes() -> tuple[Runtime, ...]:
    """The runtimes that are installed here."""
    return tuple(runtime for runtime in RUNTIMES if runtime.installed)
