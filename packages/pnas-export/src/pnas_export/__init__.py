"""ONNX and TFLite files of PyTorch nets, proven against PyTorch on every installed runtime."""

from importlib.metadata import version

from pnas_export.blocks.chaining import architecture_signatures, chain_signatures
from pnas_export.blocks.signatures import convert_workloads, workload_blocks
from pnas_export.bundles.adjustment import Adjustment
from pnas_export.bundles.bundle import Bundle, BundleError
from pnas_export.bundles.bundle_export import export_bundle
from pnas_export.bundles.metadata import Metadata, read_metadata, write_metadata
from pnas_export.bundles.sample import Sample, as_png
from pnas_export.converting.onnx_file import export_onnx
from pnas_export.converting.tflite_file import export_tflite
from pnas_export.devices.adb_device import AdbDevice
from pnas_export.devices.benchmark_report import Statistic
from pnas_export.devices.block_files import FileDtype
from pnas_export.devices.command_device import CommandDevice
from pnas_export.devices.command_metric import CommandMetric
from pnas_export.devices.onnx_device import OnnxDevice
from pnas_export.devices.tflite_device import TFLiteDevice
from pnas_export.ground.conversion import ConversionError
from pnas_export.ground.net_error import NetError
from pnas_export.ground.outputs import NetOutput
from pnas_export.ground.programs import DeviceError
from pnas_export.ground.raw_pixels import RawPixels
from pnas_export.proving.labels import LabelError
from pnas_export.proving.proof import AdjustedFile, FileProof, LossyFile, Proof, Refusal, Timing
from pnas_export.proving.prove import prove
from pnas_export.quantizing.fake_quantization import FakeQuantized
from pnas_export.quantizing.file_export import export_file
from pnas_export.quantizing.float_layers import (
    MAX_ACCURACY_LOSS,
    KeepFloat,
    choose_float_layers,
    single_layer_errors,
)
from pnas_export.quantizing.formats import BUNDLE_FILES, CALIBRATED_FORMATS, FORMATS, Format, file_name, format_of
from pnas_export.quantizing.layer_errors import LayerError, layer_errors
from pnas_export.quantizing.quantization import MIN_CALIBRATION_IMAGES, quantize_onnx, quantize_tflite
from pnas_export.quantizing.tflite_recipe import Scheme
from pnas_export.runtimes.comparison import OutputParity, Parity, ParityError
from pnas_export.runtimes.installed_runtimes import installed_runtimes
from pnas_export.runtimes.model_files import ModelFileError
from pnas_export.runtimes.onnx_runtime import OnnxProvider, OnnxRuntime
from pnas_export.runtimes.parity import verify_files
from pnas_export.runtimes.runtime import LoadedFile, Runtime
from pnas_export.runtimes.tflite_runtimes import AiEdgeLitert, TFLite, TFLiteRuntime
from pnas_export.timing.file_sizes import FileSizes, tflite_sizes
from pnas_export.timing.file_timing import FileDevice, measure_files
from pnas_export.timing.memory import peak_memory_bytes

__version__ = version("pnas-export")

__all__ = [
    "__version__",
    # ground: inputs and outputs of nets, and the errors of nets, converters and devices
    "RawPixels",
    "NetError",
    "NetOutput",
    "ConversionError",
    "DeviceError",
    # runtimes: the libraries that run files, and comparisons of files with their nets
    "Runtime",
    "LoadedFile",
    "TFLite",
    "AiEdgeLitert",
    "TFLiteRuntime",
    "OnnxRuntime",
    "OnnxProvider",
    "installed_runtimes",
    "verify_files",
    "Parity",
    "OutputParity",
    "ParityError",
    "ModelFileError",
    # converting: a net to a float32 file
    "export_onnx",
    "export_tflite",
    # quantizing: a net to a file of any format, a float file to a smaller or faster one, and the errors of layers
    "export_file",
    "Format",
    "FORMATS",
    "CALIBRATED_FORMATS",
    "BUNDLE_FILES",
    "file_name",
    "format_of",
    "quantize_tflite",
    "quantize_onnx",
    "Scheme",
    "MIN_CALIBRATION_IMAGES",
    "layer_errors",
    "single_layer_errors",
    "LayerError",
    # quantizing: how to recover what int8 loses, and how that is judged
    "MAX_ACCURACY_LOSS",
    "KeepFloat",
    "choose_float_layers",
    "FakeQuantized",
    # blocks: many blocks converted at once, and nets chained from them
    "convert_workloads",
    "workload_blocks",
    "chain_signatures",
    "architecture_signatures",
    # timing: latency and memory of files
    "measure_files",
    "FileDevice",
    "peak_memory_bytes",
    "tflite_sizes",
    "FileSizes",
    # devices: what measures blocks and nets
    "TFLiteDevice",
    "OnnxDevice",
    "AdbDevice",
    "CommandDevice",
    "CommandMetric",
    "Statistic",
    "FileDtype",
    # proving: everything that is measured about the files of a net
    "prove",
    "Proof",
    "FileProof",
    "Timing",
    "LossyFile",
    "AdjustedFile",
    "Refusal",
    "LabelError",
    # bundles: a net and everything needed to use it, in one folder
    "export_bundle",
    "Adjustment",
    "Bundle",
    "BundleError",
    "Sample",
    "as_png",
    "Metadata",
    "write_metadata",
    "read_metadata",
]
