"""ONNX and TFLite files of PyTorch nets, proven against PyTorch on every installed runtime."""

from pnas_export.bundle import Bundle, BundleError
from pnas_export.device import TFLiteDevice
from pnas_export.memory import peak_memory_bytes
from pnas_export.metadata import Metadata, read_metadata, write_metadata
from pnas_export.onnx_file import export_onnx
from pnas_export.parity import Parity, ParityError, verify
from pnas_export.preprocessing import Preprocessing, RawPixels
from pnas_export.quantization import MIN_CALIBRATION_IMAGES, Scheme, quantize_onnx, quantize_tflite
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
    # what a file needs beside the net
    "Preprocessing",
    "RawPixels",
    "Metadata",
    "write_metadata",
    "read_metadata",
    "Bundle",
    "BundleError",
    # a float file to a smaller or faster one
    "quantize_tflite",
    "quantize_onnx",
    "Scheme",
    "MIN_CALIBRATION_IMAGES",
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
    # latency and memory
    "peak_memory_bytes",
    "TFLiteDevice",
    "convert_workloads",
    "workload_blocks",
]
