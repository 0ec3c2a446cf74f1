"""Where a quantized file goes wrong: its layers compared with those of the float file."""

from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from torch import Tensor

from pnas_export.ground.conversion import converting
from pnas_export.ground.scratch import scratch_folder
from pnas_export.quantizing.image_feeds import ImageFeeds
from pnas_export.quantizing.layers_in_files import layers_of_onnx_tensors, layers_of_tflite_tensors
from pnas_ops import FilePath

Array = np.ndarray[Any, Any]


@frozen(kw_only=True)
class LayerError:
    """The error of a layer in int8.

    Attributes:
        layer: its name in the net, such as "3.op.1".
        relative_error: of the outputs of the layer (`layer_errors`) or of the net (`single_layer_errors`): norm of the
            difference from the float file divided by the norm of the output, averaged over images.
    """

    layer: str
    relative_error: float


def layer_errors(
    exact: FilePath, quantized: FilePath, images: Tensor, *, log: FilePath | None = None
) -> tuple[LayerError, ...]:
    """The layers of a quantized file by the error of their outputs, the largest first.

    The error of a layer includes those of all layers before it. The comparison uses the quantizers' own tools:
    ai-edge-quantizer's for TFLite, onnxruntime's for ONNX.

    Args:
        exact: the float32 file.
        quantized: the file that `quantize_tflite` or `quantize_onnx` made from it.
        images: (N, C, H, W), as the files take them.
        log: a file that receives what the tools print; dropped if None.

    Raises:
        ConversionError: naming the file that cannot be compared.
    """
    exact, quantized = Path(exact), Path(quantized)
    compared = _tflite_errors if exact.suffix == ".tflite" else _onnx_errors
    with converting(f"{quantized.name} to a comparison with {exact.name}", log=log):
        errors = compared(exact, quantized, images)
    found = [LayerError(layer=layer, relative_error=error) for layer, error in errors.items()]
    return tuple(sorted(found, key=lambda error: -error.relative_error))


def _tflite_errors(exact: Path, quantized: Path, images: Tensor) -> dict[str, float]:
    from ai_edge_quantizer.model_validator import compare_model
    from ai_edge_quantizer.utils.validation_utils import ValidationErrorMetric

    samples = [{"args_0": image[None].numpy()} for image in images.permute(0, 2, 3, 1).contiguous()]
    # The metric's name is only the key under which the tool stores the numbers of `compare_fns`.
    metric = ValidationErrorMetric.MSE
    found = compare_model(
        exact.read_bytes(),
        quantized.read_bytes(),
        {"serving_default": samples},
        [metric],
        compare_fns=[relative_error],
        use_xnnpack=False,
        num_threads=1,
    ).get_signature_comparison_result()
    layers = layers_of_tflite_tensors(exact.read_bytes())
    errors: dict[str, float] = {}
    for tensors in (found.intermediate_tensors, found.output_tensors):
        for name, values in tensors.items():
            if name in layers:
                # The last tensor computed in a layer is the layer's output.
                errors[layers[name]] = values[metric.value]
    return errors


def _onnx_errors(exact: Path, quantized: Path, images: Tensor) -> dict[str, float]:
    import onnx
    from onnxruntime.quantization.qdq_loss_debug import (
        collect_activations,
        create_activation_matching,
        modify_model_output_intermediate_tensors,
    )

    graph = onnx.load(exact).graph
    name = graph.input[0].name
    activations = []
    with scratch_folder() as folder:
        for file in (quantized, exact):
            modify_model_output_intermediate_tensors(file, Path(folder, file.name))
            activations.append(collect_activations(str(Path(folder, file.name)), ImageFeeds(name, images)))
    layers = layers_of_onnx_tensors(graph)
    errors: dict[str, float] = {}
    for tensor, values in create_activation_matching(*activations).items():
        if "float" in values and tensor in layers:
            pairs = zip(values["post_qdq"], values["float"], strict=True)
            errors[layers[tensor]] = float(np.mean([relative_error(*pair) for pair in pairs]))
    return errors


def relative_error(found: Array, exact: Array) -> float:
    """Norm of the difference, divided by the norm of the exact values."""
    size = float(np.linalg.norm(exact))
    return float(np.linalg.norm(found - exact)) / size if size else 0.0
