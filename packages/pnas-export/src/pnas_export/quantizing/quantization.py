"""Quantizing float files to smaller and faster ones: float16 weights, and int8."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from pnas_export.ground.conversion import converting
from pnas_export.ground.scratch import scratch_folder
from pnas_export.quantizing.image_feeds import ImageFeeds
from pnas_export.quantizing.layers_in_files import check_layers, layers_of_onnx_tensors, layers_of_tflite_tensors
from pnas_export.quantizing.tflite_recipe import Scheme, tflite_recipe
from pnas_export.runtimes.checked_file import write_runnable
from pnas_export.runtimes.tflite_runtimes import AiEdgeLitert
from pnas_ops import FilePath

MIN_CALIBRATION_IMAGES = 16
"""With fewer images, the ranges of activations are not known well; some hundreds are better."""


def quantize_tflite(
    source: FilePath,
    target: FilePath,
    scheme: Scheme,
    *,
    calibration: Tensor | None = None,
    keep_float: Sequence[str] = (),
    log: FilePath | None = None,
) -> None:
    """Writes a quantized TFLite file. Int8 weights have one scale per output channel.

    Args:
        source: a float32 file of `export_tflite`.
        target: where to write, atomically.
        scheme: what is quantized.
        calibration: images (N, C, H, W) from the training split, preprocessed as for the net, for the two schemes that
            quantize activations; uint8 for a `RawPixels`. The range of an activation is from its smallest to its
            largest value over all of them.
        keep_float: for the two schemes that quantize activations, names of layers that stay float32, as `layer_errors`
            gives them. The file converts between these and the others, which takes time; activations between two
            float32 layers are never rounded.
        log: a file that receives what the quantizer prints; dropped if None.

    Raises:
        ValueError: for calibration images that are missing, too few, of another shape or type or not needed, an unknown
            scheme, layers that the file does not have, and a file that is already quantized or was not written by
            `export_tflite`.
        ConversionError: naming the file, if it is damaged or the quantizer refuses it.
        ModelFileError: if no installed runtime runs the result; nothing is written.
    """
    if scheme not in get_args(Scheme):
        raise ValueError(f"unknown scheme {scheme!r}: use one of {', '.join(get_args(Scheme))}")
    static = scheme in ("int8", "int8-float-io")
    if not static and calibration is not None:
        raise ValueError(f"scheme {scheme!r} takes no calibration images: leave them out")
    if not static and keep_float:
        raise ValueError(f"scheme {scheme!r} keeps no layers in float32: use 'int8' or 'int8-float-io'")
    source = Path(source)
    what = f"{source.name} to {scheme} TFLite"
    with converting(what, log=log):
        content = source.read_bytes()
        interpreter = AiEdgeLitert().interpreter(content)
    entry = _check_float_tflite(source, interpreter)
    _, height, width, channels = entry["shape"].tolist()
    pixels = entry["dtype"].__name__ == "uint8"
    images = _check_calibration(calibration, (channels, height, width), scheme, pixels=pixels) if static else None
    layers = layers_of_tflite_tensors(content) if keep_float else {}
    check_layers(tuple(keep_float), layers, source.name)
    float_tensors = [tensor for tensor, layer in layers.items() if layer in keep_float]
    with converting(what, log=log):
        from ai_edge_quantizer.quantizer import Quantizer

        recipe = tflite_recipe(scheme, float_tensors)
        ranges = None
        if images is not None:
            samples = [{"args_0": image[None].numpy()} for image in images.permute(0, 2, 3, 1).contiguous()]
            ranges = _activation_ranges(content, {"serving_default": samples}, recipe)
        quantizer = Quantizer(content, recipe.get_quantization_recipe())
        quantized = bytes(quantizer.quantize(ranges, enable_progress_report=False).quantized_model)
    write_runnable(
        target, quantized, torch.zeros(1, channels, height, width, dtype=torch.uint8 if pixels else torch.float32)
    )


def quantize_signatures(model: bytes, *, log: FilePath | None = None) -> bytes:
    """A model of `convert_workloads` with every signature quantized as by scheme "int8", for timing.

    Ranges come from random inputs, so its outputs are rough.

    Args:
        model: float32.
        log: a file that receives what the quantizer prints; dropped if None.

    Raises:
        ConversionError: if the quantizer refuses it.
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
        recipe = tflite_recipe("int8")
        quantizer = Quantizer(model, recipe.get_quantization_recipe())
        ranges = _activation_ranges(model, samples, recipe)
        return bytes(quantizer.quantize(ranges, enable_progress_report=False).quantized_model)


def quantize_on_noise(path: Path, input_shapes: Sequence[tuple[int, ...]], *, log: FilePath | None = None) -> None:
    """Replaces a float32 TFLite file of one input by its "int8" file, for timing only: the ranges are those of noise.

    Raises:
        ValueError: for several inputs, and one that is not an image (1, C, H, W).
        ConversionError, ModelFileError: as `quantize_tflite`.
    """
    if [len(shape) for shape in input_shapes] != [4]:
        shapes = ", ".join("x".join(map(str, shape)) for shape in input_shapes)
        raise ValueError(f"int8 files are timed for nets of one image, and this one takes {shapes}: measure float32")
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(MIN_CALIBRATION_IMAGES, *input_shapes[0][1:], generator=generator)
    quantize_tflite(path, path, "int8", calibration=noise, log=log)


def quantize_onnx(
    source: FilePath,
    target: FilePath,
    *,
    calibration: Tensor,
    keep_float: Sequence[str] = (),
    log: FilePath | None = None,
) -> None:
    """Writes an int8 ONNX file (QDQ): weights int8 with one scale per output channel, activations uint8.

    Input and output stay float32. On x86 processors without VNNI, from before about 2019, onnxruntime's products of
    uint8 and int8 may saturate; `verify_files` on such a machine shows it. Activations in int8 would not saturate, but
    are 1.7 times slower with VNNI.

    Args:
        source: a float32 file of `export_onnx`.
        target: where to write, atomically.
        calibration: images (N, C, H, W) from the training split, preprocessed as for the net; uint8 for a `RawPixels`.
        keep_float: names of layers that stay float32, as `layer_errors` gives them.
        log: a file that receives what the quantizer prints; dropped if None.

    Raises:
        ValueError: for calibration images that are too few or of another shape or type, layers that the file does not
            have, and a file that is already quantized.
        ConversionError: naming the file, if it is damaged or the quantizer refuses it.
        ModelFileError: if onnxruntime does not run the result; nothing is written.
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
    layers = layers_of_onnx_tensors(model.graph)
    check_layers(tuple(keep_float), layers, source.name)
    with converting(what, log=log), scratch_folder() as folder:
        from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process

        prepared, quantized = Path(folder, "prepared.onnx"), Path(folder, "quantized.onnx")
        quant_pre_process(model, prepared)
        nodes = onnx.load(prepared).graph.node
        quantize_static(
            prepared,
            quantized,
            ImageFeeds(entry.name, images),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            nodes_to_exclude=[node.name for node in nodes if layers.get(node.output[0]) in keep_float],
        )
        content = quantized.read_bytes()
    write_runnable(target, content, images)


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


def _activation_ranges(content: bytes, samples: dict[str, list[dict[str, Any]]], recipe: Any) -> dict[str, Any]:
    from ai_edge_quantizer.calibrator import CalibrationMode, Calibrator
    from ai_edge_quantizer.utils.qsv_utils import min_max_update

    # `Quantizer.calibrate` averages the ranges of the images, so half of them saturate: 8 times the error.
    calibrator = Calibrator(
        content,
        num_threads=1,
        mode=CalibrationMode.CALIBRATION_PRESERVE_ALL_TENSORS,
        qsv_update_func=min_max_update,
    )
    calibrator.calibrate(samples, recipe)
    ranges: dict[str, Any] = calibrator.get_model_qsvs()
    return ranges
