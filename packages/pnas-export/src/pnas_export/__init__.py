"""ONNX and TFLite files of PyTorch nets, proven against PyTorch on every installed runtime."""

from pnas_export.adb_device import AdbDevice
from pnas_export.benchmark_report import Statistic
from pnas_export.bundle import Bundle, BundleError
from pnas_export.bundle_export import export_bundle
from pnas_export.chaining import architecture_signatures, chain_signatures
from pnas_export.command_device import CommandDevice
from pnas_export.external import DeviceError
from pnas_export.formats import BUNDLE_FILES, FORMATS, Format, file_name, format_of
from pnas_export.installed import installed_runtimes
from pnas_export.layer_errors import LayerError, layer_errors
from pnas_export.memory import peak_memory_bytes
from pnas_export.metadata import Metadata, read_metadata, write_metadata
from pnas_export.onnx_device import OnnxDevice
from pnas_export.onnx_file import export_onnx
from pnas_export.onnx_runtime import OnnxRuntime
from pnas_export.parity import Parity, ParityError, verify
from pnas_export.preprocessing import Preprocessing, RawPixels
from pnas_export.proof import MAX_ACCURACY_LOSS, Batches, FileProof, LossyFile, Proof, Refusal, Timing, prove
from pnas_export.quantization import MIN_CALIBRATION_IMAGES, Scheme, quantize_onnx, quantize_tflite
from pnas_export.quiet import ConversionError, quiet
from pnas_export.runtimes import LoadedFile, Runtime
from pnas_export.signatures import convert_workloads, workload_blocks
from pnas_export.tflite_device import TFLiteDevice
from pnas_export.tflite_file import export_tflite
from pnas_export.tflite_runtimes import AiEdgeLitert, TFLite, TFLiteRuntime
from pnas_export.timing import FileDevice, measure_files

__all__ = [
    # a net to proven files, in one call
    "export_bundle",
    "Format",
    "FORMATS",
    "BUNDLE_FILES",
    "file_name",
    "format_of",
    "Bundle",
    "BundleError",
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
    # a float file to a smaller or faster one
    "quantize_tflite",
    "quantize_onnx",
    "Scheme",
    "MIN_CALIBRATION_IMAGES",
    # the proof of a file
    "verify",
    "Parity",
    "ParityError",
    "prove",
    "Batches",
    "Proof",
    "FileProof",
    "Timing",
    "Refusal",
    "LossyFile",
    "MAX_ACCURACY_LOSS",
    "layer_errors",
    "LayerError",
    # runtimes
    "Runtime",
    "LoadedFile",
    "TFLite",
    "AiEdgeLitert",
    "TFLiteRuntime",
    "OnnxRuntime",
    "installed_runtimes",
    # latency and memory
    "measure_files",
    "FileDevice",
    "peak_memory_bytes",
    "TFLiteDevice",
    "OnnxDevice",
    "AdbDevice",
    "CommandDevice",
    "DeviceError",
    "Statistic",
    "convert_workloads",
    "workload_blocks",
    "chain_signatures",
    "architecture_signatures",
]
