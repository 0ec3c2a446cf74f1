"""Quantized files: what is stored in them, and that they still recognize real digits."""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import onnx
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from attrs import frozen
from sklearn.datasets import load_digits
from torch import Tensor, nn

from pnas_export import (
    ConversionError,
    Preprocessing,
    RawPixels,
    Scheme,
    TFLite,
    TFLiteRuntime,
    export_onnx,
    export_tflite,
    installed_runtimes,
    quantize_onnx,
    quantize_tflite,
    verify,
)
from pnas_ops import Architecture, BlockSpec, ClassifierSpec, ConvSpec, MBConvSpec, build_network

SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
INT8: tuple[Scheme, ...] = ("int8", "int8-float-io")
TFLITE_RUNTIMES = [runtime for runtime in installed_runtimes() if isinstance(runtime, TFLite)]
TRAINING, CALIBRATION = slice(0, 1200), slice(0, 256)
# Inputs of an operator: what it computes on, then its weights. Dimension of the output channels of the weights.
WEIGHTED = {
    schema.BuiltinOperator.CONV_2D: 0,
    schema.BuiltinOperator.DEPTHWISE_CONV_2D: 3,
    schema.BuiltinOperator.FULLY_CONNECTED: 0,
}


@frozen
class Digits:
    """A net trained on the first 1200 digits, its float files, and the other digits."""

    net: nn.Module
    tflite: Path
    onnx: Path
    calibration: Tensor
    images: Tensor
    labels: Tensor


@frozen
class Weights:
    operator: int
    values: np.ndarray[Any, Any]
    quantization: Any


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    data = load_digits()
    images, labels = torch.tensor(data.images, dtype=torch.float32)[:, None] / 8 - 1, torch.tensor(data.target)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    images, labels = images[order], labels[order]
    blocks = (
        BlockSpec(op=ConvSpec(kernel_size=3), in_channels=1, out_channels=16),
        BlockSpec(op=MBConvSpec(kernel_size=3, expansion=3), in_channels=16, out_channels=24, stride=2),
        BlockSpec(op=MBConvSpec(kernel_size=5, expansion=3), in_channels=24, out_channels=24, residual=True),
        BlockSpec(op=ClassifierSpec(hidden_channels=64), in_channels=24, out_channels=10),
    )
    generator = torch.Generator().manual_seed(0)
    net = build_network(Architecture(name="digits", resolution=8, blocks=blocks), generator=generator)
    train(net, images[TRAINING], labels[TRAINING], generator)
    folder = tmp_path_factory.mktemp("digits")
    export_tflite(net, (1, 1, 8, 8), folder / "net.tflite")
    export_onnx(net, (1, 1, 8, 8), folder / "net.onnx")
    return Digits(net, folder / "net.tflite", folder / "net.onnx", images[CALIBRATION], images[1200:], labels[1200:])


def train(net: nn.Module, images: Tensor, labels: Tensor, generator: torch.Generator) -> None:
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    for _ in range(6):
        for batch in torch.randperm(len(images), generator=generator).split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
            optimizer.step()


@pytest.fixture(scope="module")
def quantized(digits: Digits, tmp_path_factory: pytest.TempPathFactory) -> dict[Scheme, Path]:
    folder = tmp_path_factory.mktemp("quantized")
    files: dict[Scheme, Path] = {scheme: folder / f"{scheme}.tflite" for scheme in SCHEMES}
    for scheme, file in files.items():
        quantize_tflite(digits.tflite, file, scheme, calibration=digits.calibration if scheme in INT8 else None)
    assert sorted(folder.iterdir()) == sorted(files.values())
    return files


@pytest.fixture(scope="module")
def quantized_onnx(digits: Digits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("onnx") / "int8.onnx"
    quantize_onnx(digits.onnx, path, calibration=digits.calibration)
    assert list(path.parent.iterdir()) == [path]
    return path


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


@pytest.mark.parametrize("scheme", SCHEMES)
def test_tflite_recognizes_what_the_net_does(scheme: Scheme, digits: Digits, quantized: dict[Scheme, Path]) -> None:
    with torch.no_grad():
        accuracy = fraction(digits.net.eval()(digits.images), digits.labels)
    assert accuracy > 0.95
    proofs = verify(digits.net, [quantized[scheme]], digits.images, tolerance=None)
    fit = {runtime.name for runtime in TFLITE_RUNTIMES} - ({"tflite-runtime"} if scheme == "dynamic-int8" else set())
    assert {proof.runtime for proof in proofs} == fit
    for proof in proofs:
        # Measured: 1.000 and 0.998 (dynamic range); differences 5e-4 (float16), 0.01 (dynamic range), 0.03 (int8).
        assert proof.top1_agreement >= 0.99
        assert 1e-5 < proof.max_relative_difference < (1e-3 if scheme == "float16" else 0.1)
    for runtime in TFLITE_RUNTIMES:
        if runtime.supports(quantized[scheme]):
            logits = runtime.load(quantized[scheme])(digits.images)
            assert logits.dtype == torch.float32
            assert fraction(logits, digits.labels) > accuracy - 0.01


@pytest.mark.parametrize("runtime", TFLITE_RUNTIMES, ids=lambda runtime: runtime.name)
def test_predict_quantizes_as_the_file_with_float_io_does(
    runtime: TFLite, digits: Digits, quantized: dict[Scheme, Path]
) -> None:
    outside, inside = (runtime.load(quantized[scheme])(digits.images) for scheme in INT8)
    torch.testing.assert_close(outside, inside, rtol=0.0, atol=1e-5)


def fraction(logits: Tensor, labels: Tensor) -> float:
    return float((logits.argmax(1) == labels).float().mean())


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


def test_onnx_recognizes_what_the_net_does(digits: Digits, quantized_onnx: Path) -> None:
    (proof,) = verify(digits.net, [quantized_onnx], digits.images, tolerance=None)
    assert proof.runtime == "onnxruntime"
    assert proof.top1_agreement >= 0.99  # measured: 1.000
    assert 1e-5 < proof.max_relative_difference < 0.1
    (images,), (logits,) = (list(entries) for entries in onnx_ends(quantized_onnx))
    assert images.type.tensor_type.elem_type == logits.type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_files_that_take_raw_pixels_are_quantized_too(digits: Digits, tmp_path: Path) -> None:
    grey = Preprocessing(height=8, width=8, channels="grey", mean=(0.5,), std=(0.5,))
    raw = RawPixels(digits.net, grey)
    pixels, calibration = (((images + 1) * 127.5).byte() for images in (digits.images, digits.calibration))
    files = [tmp_path / name for name in ("raw.tflite", "raw.onnx", "int8.tflite", "int8.onnx")]
    export_tflite(raw, (1, 1, 8, 8), files[0])
    export_onnx(raw, (1, 1, 8, 8), files[1])
    quantize_tflite(files[0], files[2], "int8", calibration=calibration)
    quantize_onnx(files[1], files[3], calibration=calibration)
    proofs = verify(raw, files[2:], pixels, tolerance=None)
    assert len(proofs) == len(installed_runtimes())
    assert all(proof.top1_agreement >= 0.99 for proof in proofs)
    verify(raw, files[:2], pixels)
    with pytest.raises(ValueError, match=r"^calibration images must be uint8 pixels, .*, got torch\.float32$"):
        quantize_tflite(files[0], files[2], "int8", calibration=digits.calibration)


def onnx_ends(path: Path) -> tuple[Any, Any]:
    graph = onnx.load(path).graph
    return graph.input, graph.output


needs_tflite_runtime = pytest.mark.skipif(not TFLiteRuntime().installed, reason="tflite-runtime is not installed")


@needs_tflite_runtime
def test_tflite_runtime_refuses_dynamic_range_and_nothing_else(digits: Digits, quantized: dict[Scheme, Path]) -> None:
    runtime = TFLiteRuntime()
    assert [scheme for scheme in SCHEMES if not runtime.supports(quantized[scheme])] == ["dynamic-int8"]
    assert runtime.supports(digits.tflite)
    with pytest.raises(
        ValueError, match=r"^tflite-runtime computes .* wrongly: run dynamic-int8.tflite on ai-edge-lit"
    ):
        runtime.load(quantized["dynamic-int8"])(digits.images)


@needs_tflite_runtime
def test_tflite_runtime_is_still_wrong_about_dynamic_range(digits: Digits, quantized: dict[Scheme, Path]) -> None:
    library = importlib.import_module("tflite_runtime.interpreter")
    interpreter = library.Interpreter(model_path=str(quantized["dynamic-int8"]))
    interpreter.allocate_tensors()
    (source,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    logits = []
    for image in digits.images.permute(0, 2, 3, 1).contiguous().numpy():
        interpreter.set_tensor(source["index"], image[None])
        interpreter.invoke()
        logits.append(torch.from_numpy(interpreter.get_tensor(result["index"])))
    assert fraction(torch.cat(logits), digits.labels) < 0.5


def test_nothing_is_printed(digits: Digits, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for scheme in SCHEMES:
        calibration = digits.calibration if scheme in INT8 else None
        quantize_tflite(digits.tflite, tmp_path / "net.tflite", scheme, calibration=calibration)
    quantize_onnx(digits.onnx, tmp_path / "net.onnx", calibration=digits.calibration)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("choose", "message"),
    [
        (lambda images: None, r"^scheme 'int8' needs calibration images \(N, 1, 8, 8\): pass at least 16$"),
        (lambda images: images[:15], r"^15 calibration images are too few: pass at least 16$"),
        (lambda images: images[:, :, 1:], r"^calibration images must be \(N, 1, 8, 8\), got \(256, 1, 7, 8\)$"),
        (lambda images: images[:, 0], r"^calibration images must be \(N, 1, 8, 8\), got \(256, 8, 8\)$"),
        (lambda images: images.byte(), r"^calibration images must be preprocessed floats, .*, got torch\.uint8$"),
        (lambda images: images.log(), r"^calibration images hold NaN or infinite values$"),
    ],
)
def test_unfit_calibration_images_are_refused(
    choose: Callable[[Tensor], Tensor | None], message: str, digits: Digits, tmp_path: Path
) -> None:
    calibration = choose(digits.calibration)
    with pytest.raises(ValueError, match=message):
        quantize_tflite(digits.tflite, tmp_path / "net.tflite", "int8", calibration=calibration)
    if calibration is not None:
        with pytest.raises(ValueError, match=message):
            quantize_onnx(digits.onnx, tmp_path / "net.onnx", calibration=calibration)
    assert not list(tmp_path.iterdir())


def test_calibration_images_that_serve_nothing_are_refused(digits: Digits, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^scheme 'float16' takes no calibration images: leave them out$"):
        quantize_tflite(digits.tflite, tmp_path / "net.tflite", "float16", calibration=digits.calibration)


def test_an_unknown_scheme_is_refused(digits: Digits, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"^unknown scheme 'int4': use one of float16, dynamic-int8, int8, int8-float-io$"
    ):
        quantize_tflite(digits.tflite, tmp_path / "net.tflite", "int4")  # type: ignore[arg-type]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_is_quantized_already_is_refused(scheme: Scheme, quantized: dict[Scheme, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"{scheme}\.tflite is quantized already: start from the float32 file$"):
        quantize_tflite(quantized[scheme], tmp_path / "net.tflite", "float16")


def test_onnx_that_is_quantized_already_is_refused(digits: Digits, quantized_onnx: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"int8\.onnx is quantized already: start from the float32 file$"):
        quantize_onnx(quantized_onnx, tmp_path / "net.onnx", calibration=digits.calibration)


def test_a_tflite_file_of_another_kind_is_refused(blocks_model: bytes, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.tflite"
    foreign.write_bytes(blocks_model)
    with pytest.raises(
        ValueError, match=r"foreign\.tflite was not written by export_tflite: it has no single signature"
    ):
        quantize_tflite(foreign, tmp_path / "net.tflite", "float16")


@pytest.mark.parametrize("damage", [lambda content: content[: len(content) // 2], lambda content: content[::-1]])
def test_a_damaged_file_is_named_in_one_line(damage: Callable[[bytes], bytes], digits: Digits, tmp_path: Path) -> None:
    tflite, onnx_file, target = tmp_path / "bad.tflite", tmp_path / "bad.onnx", tmp_path / "target"
    tflite.write_bytes(damage(digits.tflite.read_bytes()))
    onnx_file.write_bytes(damage(digits.onnx.read_bytes()))
    target.write_text("kept")
    with pytest.raises(ConversionError, match=r"^cannot convert bad\.tflite to float16 TFLite: [^\n]*not a valid Flat"):
        quantize_tflite(tflite, target, "float16")
    with pytest.raises(ConversionError, match=r"^cannot convert bad\.onnx to int8 ONNX: DecodeError: [^\n]*$"):
        quantize_onnx(onnx_file, target, calibration=digits.calibration)
    for runtime in TFLITE_RUNTIMES:
        with pytest.raises(ValueError, match=r"^ai-edge-litert cannot load bad\.tflite: [^\n]+$"):
            runtime.load(tflite)(digits.images)
    assert target.read_text() == "kept"
