"""Where a quantized file goes wrong: its layers beside those of the float file."""

import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from torch import Tensor

from pnas_export.ground.conversion import converting
from pnas_ops import FilePath

Array = np.ndarray[Any, Any]


@frozen(kw_only=True)
class LayerError:
    """How far the output of a layer is from that of the float file.

    Attributes:
        layer: its name in the net, such as "3.op.1".
        relative_error: norm of the difference divided by the norm of the output, averaged over images. It holds the
            errors of all layers before it too.
    """

    layer: str
    relative_error: float


def layer_errors(
    exact: FilePath, quantized: FilePath, images: Tensor, *, log: FilePath | None = None
) -> tuple[LayerError, ...]:
    """The layers of a quantized file, the largest error first.

    Compared by the quantizers' own tools: ai-edge-quantizer's for TFLite, onnxruntime's for ONNX.

    Args:
        exact: the float32 file.
        quantized: what `quantize_tflite` or `quantize_onnx` made of it.
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
    # The metric's name is only where the tool files the numbers of `compare_fns`.
    metric = ValidationErrorMetric.MSE
    found = compare_model(
        exact.read_bytes(),
        quantized.read_bytes(),
        {"serving_default": samples},
        [metric],
        compare_fns=[_relative_error],
        use_xnnpack=False,
        num_threads=1,
    ).get_signature_comparison_result()
    layers = _layers_of_tflite_tensors(exact.read_bytes())
    errors: dict[str, float] = {}
    for tensors in (found.intermediate_tensors, found.output_tensors):
        for name, values in tensors.items():
            if name in layers:
                # What is computed later under the same layer is what the layer hands on.
                errors[layers[name]] = values[metric.value]
    return errors


def _layers_of_tflite_tensors(content: bytes) -> dict[str, str]:
    """The layer that computes each tensor: that of the operator's weights, or else of its own name."""
    from ai_edge_litert import schema_py_generated as schema

    (graph,) = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0)).subgraphs
    names = [tensor.name.decode() for tensor in graph.tensors]
    layers: dict[str, str] = {}
    for operator in graph.operators:
        for output in operator.outputs:
            # Weights are an operator's second input.
            candidates = [names[index] for index in operator.inputs[1:2] if index >= 0]
            found = [layer for name in (*candidates, names[output]) if (layer := _layer_in_name(name))]
            layers[names[output]] = found[0] if found else names[output]
    return layers


def _layer_in_name(name: str) -> str:
    """The layer "8.3" of "…;…ChannelLastIOWrapper/….Sequential_wrapped/….Block_8/….Linear_3;1", "" without one."""
    places = [place.partition("_wrapped/")[2] for place in name.split(";")]
    parts = (re.fullmatch(r"[\w.]+?_(\w+)", part) for part in max(places, key=len).split("/"))
    return ".".join(part[1] for part in parts if part)


def _onnx_errors(exact: Path, quantized: Path, images: Tensor) -> dict[str, float]:
    import onnx
    from onnxruntime.quantization import CalibrationDataReader
    from onnxruntime.quantization.qdq_loss_debug import (
        collect_activations,
        create_activation_matching,
        modify_model_output_intermediate_tensors,
    )

    class Images(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._feeds = iter([{name: image[None].numpy()} for image in images])

        def get_next(self) -> dict[str, Any] | None:
            return next(self._feeds, None)

    graph = onnx.load(exact).graph
    name = graph.input[0].name
    activations = []
    with tempfile.TemporaryDirectory() as folder:
        for file in (quantized, exact):
            modify_model_output_intermediate_tensors(file, Path(folder, file.name))
            activations.append(collect_activations(str(Path(folder, file.name)), Images()))
    layers = _layers_of_onnx_tensors(graph)
    errors: dict[str, float] = {}
    for tensor, values in create_activation_matching(*activations).items():
        if "float" in values and tensor in layers:
            pairs = zip(values["post_qdq"], values["float"], strict=True)
            errors[layers[tensor]] = float(np.mean([_relative_error(*pair) for pair in pairs]))
    return errors


def _layers_of_onnx_tensors(graph: Any) -> dict[str, str]:
    """The layer that computes each tensor: that of the weights, or of what it is an activation of."""
    weights = {entry.name for entry in graph.initializer}
    layers: dict[str, str] = {}
    for node in graph.node:
        own = [name.rpartition(".")[0] for name in node.input if name in weights and "." in name]
        sources = [layers[name] for name in node.input if name in layers]
        for output in node.output:
            layers[output] = own[0] if own else sources[0] if len(sources) == 1 else output
    return layers


def _relative_error(found: Array, exact: Array) -> float:
    size = float(np.linalg.norm(exact))
    return float(np.linalg.norm(found - exact)) / size if size else 0.0
