"""ONNX and TFLite files of PyTorch nets, proven against PyTorch on every installed runtime."""

from pnas_export.device import TFLiteDevice
from pnas_export.onnx_file import export_onnx
from pnas_export.parity import Parity, ParityError, verify
from pnas_export.quiet import ConversionError, quiet
from pnas_export.runtimes import (
    AiEdgeLitert,
    OnnxRuntime,
    Runtime,
    TFLite,
    TFLiteRuntime,
    installed_runtimes,
)
from pnas_export.signatures import convert_workloads, workload_blocks
from pnas_export.tflite_file import export_tflite

__all__ = [
    # a net to a file
    "export_onnx",
    "export_tflite",
    "ConversionError",
    "quiet",
    # the proof of a file
    "verify",
    "Parity",
    "ParityError",
    # runtimes
    "Runtime",
    "TFLite",
    "AiEdgeLitert",
    "TFLiteRuntime",
    "OnnxRuntime",
    "installed_runtimes",
    # latency
    "TFLiteDevice",
    "convert_workloads",
    "workload_blocks",
]
