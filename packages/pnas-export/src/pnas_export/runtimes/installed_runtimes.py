"""Which runtimes there are, and which of them are here."""

from pnas_export.runtimes.onnx_runtime import OnnxRuntime
from pnas_export.runtimes.runtime import Runtime
from pnas_export.runtimes.tflite_runtimes import AiEdgeLitert, TFLiteRuntime

RUNTIMES: tuple[Runtime, ...] = (AiEdgeLitert(), TFLiteRuntime(), OnnxRuntime())
"""All that are supported; the first of a format is the one to ship with."""


def installed_runtimes() -> tuple[Runtime, ...]:
    """The runtimes that are installed here."""
    return tuple(runtime for runtime in RUNTIMES if runtime.installed)
