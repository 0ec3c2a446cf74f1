"""What is stored in quantized files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from attrs import frozen

from digits_net import INT8, SCHEMES, Digits
from pnas_export import Scheme, quantize_tflite

# Inputs of an operator: what it computes on, then its weights. Dimension of the output channels of the weights.
WEIGHTED = {
    schema.BuiltinOperator.CONV_2D: 0,
    schema.BuiltinOperator.DEPTHWISE_CONV_2D: 3,
    schema.BuiltinOperator.FULLY_CONNECTED: 0,
}


@frozen
class Weights:
    operator: int
    values: np.ndarray[Any, Any]
    quantization: Any


def read(path: Path) -> tuple[Any, Any]:
    tree = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    (graph,) = tree.subgraphs
    return tree, graph


def weights(path: Path) -> Iterator[Weights]:
    """The weights of a TFLite file, in the order of the net; for float16 those under the DEQUANTIZE."""
    tree, graph = read(path)
    types = {schema.TensorType.FLOAT32: "<f4", schema.TensorType.FLOAT16: "<f2", schema.TensorType.INT8: "i1"}
    source: dict[int, int] = {}
    for operator in graph.operators:
        code = tree.operatorCodes[operator.opcodeIndex].builtinCode
        if code == schema.BuiltinOperator.DEQUANTIZE:
            source[operator.outputs[0]] = operator.inputs[0]
        if code in WEIGHTED:
            tensor = graph.tensors[source.get(operator.inputs[1], operator.inputs[1])]
            content = bytes(tree.buffers[tensor.buffer].data)
            yield Weights(code, np.frombuffer(content, types[tensor.type]).reshape(tensor.shape), tensor.quantization)


def stored_types(path: Path) -> list[str]:
    return [found.values.dtype.name for found in weights(path)]


def assert_within_half_a_step(found: Weights, exact: np.ndarray[Any, Any]) -> None:
    """Symmetric int8 with one scale an output channel, its largest weight at 127."""
    dimension = WEIGHTED[found.operator]
    scales = found.quantization.scale
    assert found.quantization.quantizedDimension == dimension
    assert len(scales) == found.values.shape[dimension] > 1
    assert not found.quantization.zeroPoint.any()
    by_channel = np.moveaxis(found.values, dimension, 0).reshape(len(scales), -1)
    exact_by_channel = np.moveaxis(exact, dimension, 0).reshape(len(scales), -1)
    np.testing.assert_allclose(scales, np.abs(exact_by_channel).max(1) / 127, rtol=1e-5)
    steps = exact_by_channel / scales[:, None]
    assert np.abs(by_channel - steps).max() <= 0.5 + 1e-3


def test_float16_weights_are_the_float_ones_rounded(digits: Digits, quantized: dict[Scheme, Path]) -> None:
    for found, exact in zip(weights(quantized["float16"]), weights(digits.tflite), strict=True):
        assert found.values.dtype == np.float16
        assert (found.values == exact.values.astype(np.float16)).all()


@pytest.mark.parametrize("scheme", INT8)
def test_int8_weights_have_one_scale_a_channel(scheme: Scheme, digits: Digits, quantized: dict[Scheme, Path]) -> None:
    assert stored_types(quantized[scheme]) == ["int8"] * 9
    for found, exact in zip(weights(quantized[scheme]), weights(digits.tflite), strict=True):
        assert_within_half_a_step(found, exact.values)


def test_dynamic_range_keeps_depthwise_convolutions_in_float16(digits: Digits, quantized: dict[Scheme, Path]) -> None:
    for found, exact in zip(weights(quantized["dynamic-int8"]), weights(digits.tflite), strict=True):
        if found.operator == schema.BuiltinOperator.DEPTHWISE_CONV_2D:
            assert found.values.dtype == np.float16
        else:
            assert_within_half_a_step(found, exact.values)


def test_files_shrink_by_what_their_weights_do(digits: Digits, quantized: dict[Scheme, Path]) -> None:
    count = sum(found.values.size for found in weights(digits.tflite))
    saved = {scheme: digits.tflite.stat().st_size - path.stat().st_size for scheme, path in quantized.items()}
    # Scales and the names of further tensors take some space, which is much of a net as small as this one.
    assert 0.7 * 2 * count < saved["float16"] <= 2 * count
    assert all(saved["float16"] < saved[scheme] <= 3 * count for scheme in SCHEMES if scheme != "float16")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_input_and_output_are_what_the_scheme_says(scheme: Scheme, quantized: dict[Scheme, Path]) -> None:
    _, graph = read(quantized[scheme])
    expected = schema.TensorType.INT8 if scheme == "int8" else schema.TensorType.FLOAT32
    assert [graph.tensors[index].type for index in (*graph.inputs, *graph.outputs)] == [expected] * 2


def test_int8_computes_nothing_in_float(quantized: dict[Scheme, Path]) -> None:
    _, graph = read(quantized["int8"])
    assert {tensor.type for tensor in graph.tensors} == {schema.TensorType.INT8, schema.TensorType.INT32}


def test_ranges_hold_every_calibration_image(digits: Digits, tmp_path: Path) -> None:
    images = digits.calibration.clamp(-0.5, 0.5)
    images[0, 0, 0, 0], images[1, 0, 0, 0] = -4.0, 2.0
    quantize_tflite(digits.tflite, tmp_path / "wide.tflite", "int8", calibration=images)
    _, graph = read(tmp_path / "wide.tflite")
    quantization = graph.tensors[graph.inputs[0]].quantization
    ends = (np.array([-128, 127]) - quantization.zeroPoint) * quantization.scale
    np.testing.assert_allclose(ends, [-4.0, 2.0], atol=quantization.scale.item())


def test_onnx_weights_have_one_scale_a_channel(digits: Digits, quantized_onnx: Path) -> None:
    exact = {entry.name: onnx.numpy_helper.to_array(entry) for entry in onnx.load(digits.onnx).graph.initializer}
    graph = onnx.load(quantized_onnx).graph
    stored = {entry.name: onnx.numpy_helper.to_array(entry) for entry in graph.initializer}
    names = [name.removesuffix("_quantized") for name in stored if name.endswith("weight_quantized")]
    assert len(names) == 9
    for name in names:
        values, scales = stored[f"{name}_quantized"], stored[f"{name}_scale"]
        assert values.dtype == np.int8
        assert scales.shape == values.shape[:1]
        steps = exact[name].reshape(len(scales), -1) / scales[:, None]
        assert np.abs(values.reshape(len(scales), -1) - steps).max() <= 0.5 + 1e-3
    assert quantized_onnx.stat().st_size < 0.7 * digits.onnx.stat().st_size
