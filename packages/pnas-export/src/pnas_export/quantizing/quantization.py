"""Float files to smaller and faster ones: float16 weights, and int8."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from pnas_export.ground.conversion import converting
from pnas_export.runtimes.tflite_runtimes import AiEdgeLitert
from pnas_ops import FilePath, write_atomically

Scheme = Literal["float16", "dynamic-int8", "int8", "int8-float-io"]
"""How a TFLite file is quantized:

- "float16": weights in half precision, computed in float32;
- "dynamic-int8": weights of dense convolutions and linear layers in int8, their inputs quantized at run time; weights
  of depthwise convolutions in float16;
- "int8": everything in int8, input and output too, but for the input of a `RawPixels`, which stays uint8;
- "int8-float-io": everything inside in int8, input and output in float32.
"""

MIN_CALIBRATION_IMAGES = 16
"""Fewer do not show the range of an activation; some hundreds are better."""


def quantize_tflite(
    source: FilePath,
    target: FilePath,
    scheme: Scheme,
    *,
    calibration: Tensor | None = None,
    log: FilePath | None = None,
) -> None:
    """Writes a quantized TFLite file. Int8 weights have one scale an output channel.

    Args:
        source: a float32 file of `export_tflite`.
        target: where to write, atomically.
        scheme: what is quantized.
        calibration: images (N, C, H, W) from the training split, preprocessed as for the net, for the two schemes that
            quantize activations; uint8 for a `RawPixels`. The range of an activation is from its smallest to its
            largest value over all of them.
        log: a file that receives what the quantizer prints; dropped if None.

    Raises:
        ValueError: for calibration images that are missing, too few, of another shape or type or not needed, an unknown
            scheme, and a file that is quantized already or was not written by `export_tflite`.
        ConversionError: naming the file, where it is damaged or the quantizer refuses it.
    """
    if scheme not in get_args(Scheme):
        raise ValueError(f"unknown scheme {scheme!r}: use one of {', '.join(get_args(Scheme))}")
    static = scheme in ("int8", "int8-float-io")
    if not static and calibration is not None:
        raise ValueError(f"scheme {scheme!r} takes no calibration images: leave them out")
    source = Path(source)
    what = f"{source.name} to {scheme} TFLite"
    with converting(what, log=log):
        content = source.read_bytes()
        interpreter = AiEdgeLitert().interpreter(content)
    entry = _check_float_tflite(source, interpreter)
    _, height, width, channels = entry["shape"].tolist()
    pixels = entry["dtype"].__name__ == "uint8"
    images = _check_calibration(calibration, (channels, height, width), scheme, pixels=pixels) if static else None
    with converting(what, log=log):
        from ai_edge_quantizer.quantizer import Quantizer

        recipe = _recipe(scheme)
        ranges = None
        if images is not None:
            samples = [{"args_0": image[None].numpy()} for image in images.permute(0, 2, 3, 1).contiguous()]
            ranges = _activation_ranges(content, {"serving_default": samples}, recipe)
        quantizer = Quantizer(content, recipe.get_quantization_recipe())
        quantized = bytes(quantizer.quantize(ranges, enable_progress_report=False).quantized_model)
    write_atomically(target, quantized)


def quantize_signatures(model: bytes, *, log: FilePath | None = None) -> bytes:
    """A model of `convert_workloads` with every signature quantized as by scheme "int8", for timing.

    Ranges come from random inputs, so that its outputs are rough.

    Args:
        model: float32.
        log: a file that receives what the quantizer prints; dropped if None.

    Raises:
        ConversionError: where the quantizer refuses it.
    """
    with converting("blocks to int8 TFLite", log=log):
        from ai_edge_quantizer.quantizer import Quantizer

        interpreter = AiEdgeLitert().interpreter(model)
        generator = torch.Generator().manual_seed(0)
        samples = {}
        for name in interpreter.get_signature_list():
            (details,) = interpreter.get_signature_runner(name).get_input_details().values()
            shape = details["shape"].tolist()
            samples[name] = [{"args_0": torch.randn(shape, generator=generator).numpy()} for _ in range(2)]
        recipe = _recipe("int8")
        quantizer = Quantizer(model, recipe.get_quantization_recipe())
        ranges = _activation_ranges(model, samples, recipe)
        return bytes(quantizer.quantize(ranges, enable_progress_report=False).quantized_model)


def quantize_onnx(source: FilePath, target: FilePath, *, calibration: Tensor, log: FilePath | None = None) -> None:
    """Writes an int8 ONNX file (QDQ): weights int8 with one scale an output channel, activations uint8.

    Input and output stay float32. Processors for x86 without VNNI, which are older than about 2019, may saturate in
    onnxruntime's product of uint8 and int8; `verify_files` on such a machine shows it. Activations in int8 do not
    saturate, but are 1.7 times slower where VNNI is.

    Args:
        source: a float32 file of `export_onnx`.
        target: where to write, atomically.
        calibration: images (N, C, H, W) from the training split, preprocessed as for the net; uint8 for a `RawPixels`.
        log: a file that receives what the quantizer prints; dropped if None.

    Raises:
        ValueError: for calibration images that are too few or of another shape or type, and a file that is quantized
            already.
        ConversionError: naming the file, where it is damaged or the quantizer refuses it.
    """
    source = Path(source)
    what = f"{source.name} to int8 ONNX"
    with converting(what, log=log):
        import onnx

        model = onnx.load(source)
        onnx.checker.check_model(model)
        (entry,) = model.graph.input
    if any(node.op_type == "DequantizeLinear" for node in model.graph.node):
        raise ValueError(f"{source} is quantized already: start from the float32 file")
    sizes = tuple(dimension.dim_value for dimension in entry.type.tensor_type.shape.dim)
    pixels = entry.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    images = _check_calibration(calibration, sizes[1:], "int8", pixels=pixels)
    with converting(what, log=log), tempfile.TemporaryDirectory() as folder:
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process

        prepared, quantized = Path(folder, "prepared.onnx"), Path(folder, "quantized.onnx")
        quant_pre_process(model, prepared)
        quantize_static(
            prepared,
            quantized,
            _CalibrationImages(entry.name, images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        content = quantized.read_bytes()
    write_atomically(target, content)


class _CalibrationImages:
    """The images one by one, as onnxruntime's `CalibrationDataReader`, which it takes by duck typing."""

    def __init__(self, name: str, images: Tensor) -> None:
        self._feeds: Iterator[dict[str, Any]] = iter([{name: image[None].numpy()} for image in images])

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)


def _check_float_tflite(source: Path, interpreter: Any) -> Any:
    """The details of the input."""
    if [signature["inputs"] for signature in interpreter.get_signature_list().values()] != [["args_0"]]:
        raise ValueError(f"{source} was not written by export_tflite: it has no single signature of one input args_0")
    if {"float16", "int8"} & {tensor["dtype"].__name__ for tensor in interpreter.get_tensor_details()}:
        raise ValueError(f"{source} is quantized already: start from the float32 file")
    (entry,) = interpreter.get_input_details()
    return entry


def _check_calibration(calibration: Tensor | None, shape: tuple[int, ...], scheme: str, *, pixels: bool) -> Tensor:
    expected = f"(N, {', '.join(map(str, shape))})"
    if calibration is None:
        raise ValueError(
            f"scheme {scheme!r} needs calibration images {expected}: pass at least {MIN_CALIBRATION_IMAGES}"
        )
    if tuple(calibration.shape[1:]) != shape:
        raise ValueError(f"calibration images must be {expected}, got {tuple(calibration.shape)}")
    if len(calibration) < MIN_CALIBRATION_IMAGES:
        raise ValueError(f"{len(calibration)} calibration images are too few: pass at least {MIN_CALIBRATION_IMAGES}")
    if (calibration.dtype == torch.uint8) != pixels:
        wanted = "uint8 pixels" if pixels else "preprocessed floats"
        raise ValueError(f"calibration images must be {wanted}, as the file takes them, got {calibration.dtype}")
    images = calibration.detach().cpu()
    if pixels:
        return images
    if not images.isfinite().all():
        raise ValueError("calibration images hold NaN or infinite values")
    return images.float()


def _recipe(scheme: Scheme) -> Any:
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import (
        ComputePrecision,
        OpQuantizationConfig,
        TensorDataType,
        TensorQuantizationConfig,
        TFLOperationName,
    )
    from ai_edge_quantizer.recipe_manager import RecipeManager

    half = OpQuantizationConfig(
        weight_tensor_config=TensorQuantizationConfig(num_bits=16, dtype=TensorDataType.FLOAT),
        compute_precision=ComputePrecision.FLOAT,
        explicit_dequantize=True,
    )
    manager = RecipeManager()
    everything = TFLOperationName.ALL_SUPPORTED
    match scheme:
        case "float16":
            manager.add_quantization_config(".*", everything, half, AlgorithmName.FLOAT_CASTING)
        case "dynamic-int8":
            manager.add_dynamic_config(".*", everything, num_bits=8)
            # LiteRT hands no depthwise convolution of dynamic range to XNNPACK, which makes a net 4 times slower.
            manager.add_quantization_config(".*", TFLOperationName.DEPTHWISE_CONV_2D, half, AlgorithmName.FLOAT_CASTING)
        case "int8" | "int8-float-io":
            manager.add_static_config(".*", everything, activation_num_bits=8, weight_num_bits=8)
            if scheme == "int8-float-io":
                for place in (TFLOperationName.INPUT, TFLOperationName.OUTPUT):
                    manager.add_quantization_config(".*", place, algorithm_key=AlgorithmName.NO_QUANTIZE)
    return manager


def _activation_ranges(content: bytes, samples: dict[str, list[dict[str, Any]]], recipe: Any) -> dict[str, Any]:
    from ai_edge_quantizer.calibrator import CalibrationMode, Calibrator
    from ai_edge_quantizer.utils.qsv_utils import min_max_update

    # `Quantizer.calibrate` averages the ranges of the images, so that half of them saturate: 8 times the error.
    calibrator = Calibrator(
        content,
        num_threads=1,
        mode=CalibrationMode.CALIBRATION_PRESERVE_ALL_TENSORS,
        qsv_update_func=min_max_update,
    )
    calibrator.calibrate(samples, recipe)
    ranges: dict[str, Any] = calibrator.get_model_qsvs()
    return ranges
