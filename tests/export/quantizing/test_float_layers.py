"""Layers of an int8 file that stay float32."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema

from digits_net import Digits
from pnas_export import Format, LayerError, choose_float_layers, export_file, quantize_onnx, quantize_tflite
from pnas_export.quantizing.float_layers import _fewest

KEPT = {"1.op.1.1", "3.op.3"}


def float_weights(path: Path) -> set[str]:
    """Names of the weights of a TFLite file that are float32, and more than a bias."""
    (graph,) = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0)).subgraphs
    weights = {operator.inputs[1] for operator in graph.operators if len(operator.inputs) == 3}
    return {
        graph.tensors[index].name.decode()
        for index in weights
        if graph.tensors[index].type == schema.TensorType.FLOAT32
    }


def test_layers_of_a_tflite_file_stay_float(digits: Digits, tmp_path: Path) -> None:
    path = tmp_path / "int8.tflite"
    quantize_tflite(digits.tflite, path, "int8", calibration=digits.calibration[:16], keep_float=sorted(KEPT))
    assert len(float_weights(digits.tflite)) == 9
    names = float_weights(path)
    assert len(names) == len(KEPT)
    assert any("Linear_3" in name for name in names)


def test_layers_of_an_onnx_file_stay_float(digits: Digits, tmp_path: Path) -> None:
    path = tmp_path / "int8.onnx"
    quantize_onnx(digits.onnx, path, calibration=digits.calibration[:16], keep_float=["1.op.1.0", "3.op.3"])
    graph = onnx.load(path).graph
    made = {output: node for node in graph.node for output in node.output}
    weighted = [node for node in graph.node if node.op_type in ("Conv", "Gemm")]
    exact = [node for node in weighted if node.input[1] not in made]
    assert (len(weighted), len(exact)) == (9, 2)


@pytest.mark.parametrize("name", ["net.tflite", "net.onnx"])
def test_a_layer_that_is_not_there_is_named(name: str, digits: Digits, tmp_path: Path) -> None:
    quantize: Callable[..., None] = quantize_tflite if name == "net.tflite" else quantize_onnx
    scheme = ["int8"] if name == "net.tflite" else []
    with pytest.raises(ValueError, match=rf"^{name} has no layer '9': name some of 0\.op\."):
        quantize(
            digits.tflite.with_name(name), tmp_path / name, *scheme, calibration=digits.calibration, keep_float=["9"]
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format_", ["tflite", "tflite-float16", "onnx"])
def test_files_without_int8_activations_keep_nothing(format_: Format, digits: Digits, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"^format '{format_}' keeps no layers in float32: use one of onnx-int8, "):
        export_file(
            digits.net, (1, 1, 8, 8), tmp_path / f"net.{format_.partition('-')[0]}", format_, keep_float=["3.op.3"]
        )


def test_a_file_that_loses_little_keeps_nothing(digits: Digits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pnas_export.quantizing.float_layers.single_layer_errors", lambda *_, **__: ())
    test = [(digits.images, digits.labels)]
    assert choose_float_layers(digits.tflite, "tflite-int8", calibration=digits.calibration, test=test) == ()


@pytest.mark.parametrize(("accuracy", "kept"), [(0.06, ()), (0.059, ("3.op.3",))])
def test_a_file_that_loses_exactly_a_point_is_good_enough(
    accuracy: float, kept: tuple[str, ...], digits: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = "pnas_export.quantizing.float_layers"
    assert 0.06 < 0.07 - 0.01  # in binary
    accuracies = iter([0.07, accuracy])
    monkeypatch.setattr(f"{module}.mean_score", lambda *_: next(accuracies))
    monkeypatch.setattr(f"{module}.write_int8_file", lambda *_, **__: None)
    monkeypatch.setattr(f"{module}._load", lambda _: None)
    worst = (LayerError(layer="3.op.3", relative_error=0.5),)
    monkeypatch.setattr(f"{module}.single_layer_errors", lambda *_, **__: worst)
    test = [(digits.images, digits.labels)]
    assert choose_float_layers(digits.tflite, "tflite-int8", calibration=digits.calibration, test=test) == kept


def test_the_fewest_that_are_enough_are_found() -> None:
    for most in range(12):
        for needed in range(most + 1):
            tried: list[int] = []

            def is_enough(count: int, needed: int = needed, tried: list[int] = tried) -> bool:
                tried.append(count)
                return count >= needed

            assert _fewest(is_enough, most) == needed
            assert len(tried) <= 2 + 2 * np.log2(max(most, 1))
