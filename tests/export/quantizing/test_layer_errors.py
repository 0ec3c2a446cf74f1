"""Errors of layers in int8: the last layer's against the outputs of both files, single ones against known errors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from digits_net import Digits
from pnas_export import AiEdgeLitert, OnnxRuntime, Scheme, layer_errors, single_layer_errors
from pnas_export.quantizing import float_layers as float_layers_module
from pnas_export.quantizing.float_layers import float_layers
from pnas_export.quantizing.layer_errors import relative_error
from pnas_export.quantizing.layers_in_files import layers_in_file

LAYERS = ("1.op.1.1", "3.op.3", "0.op.0")


def test_a_relative_error_is_a_ratio_of_norms() -> None:
    assert relative_error(np.array([[3.0, 0.0], [0.0, 8.0]]), np.array([[0.0, 0.0], [0.0, 4.0]])) == 5 / 4
    assert relative_error(np.ones(3), np.zeros(3)) == 0.0


@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
def test_the_error_of_the_last_layer_is_that_of_the_outputs(
    suffix: str, digits: Digits, quantized: dict[Scheme, Path], quantized_onnx: Path
) -> None:
    of_tflite = suffix == ".tflite"
    exact, rough = (digits.tflite, quantized["int8-float-io"]) if of_tflite else (digits.onnx, quantized_onnx)
    images = digits.images[:5]
    runtime = AiEdgeLitert() if of_tflite else OnnxRuntime()
    found, wanted = (runtime.load(path)(images) for path in (rough, exact))
    of_outputs = float(((found - wanted).norm(dim=1) / wanted.norm(dim=1)).mean())

    errors = layer_errors(exact, rough, images)
    by_layer = {one.layer: one.relative_error for one in errors}
    # The tool computes TFLite files without XNNPACK, which rounds in another way.
    assert by_layer["3.op.3"] == pytest.approx(of_outputs, rel=0.02 if of_tflite else 1e-4)
    assert sorted(by_layer) == sorted(layers_in_file(exact))
    assert [one.relative_error for one in errors] == sorted(by_layer.values(), reverse=True)
    assert min(by_layer.values()) > 0


@pytest.mark.parametrize("suffix", [".tflite", ".onnx"])
def test_layers_have_the_names_of_the_modules_that_compute_them(suffix: str, digits: Digits) -> None:
    layers = layers_in_file(digits.tflite.with_suffix(suffix))
    modules = dict(digits.net.named_modules())
    # BatchNorm and activations are part of the operator of their convolution; a sum of two blocks is nobody's.
    weighted = [name for name, part in modules.items() if isinstance(part, (nn.Conv2d, nn.Linear))]
    parents = [layer.rpartition(".")[0] for layer in layers if layer in modules]
    assert [name.rpartition(".")[0] for name in weighted if name.rpartition(".")[0] not in parents] == []
    assert len(layers) - len(parents) <= 1
    assert layers[-1] == "3.op.3"


@pytest.fixture
def known_errors(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """Files whose outputs are off by a known share for each layer in int8; how many images each is calibrated with."""
    off = dict(zip(LAYERS, (0.125, 0.5, 0.25), strict=True))
    written: list[tuple[int, str]] = []

    class File:
        def __init__(self, path: Path) -> None:
            kept = path.read_text().split() if path.exists() else LAYERS
            self.factor = 1 + sum(share for layer, share in off.items() if layer not in kept)

        def outputs(self, images: Tensor) -> tuple[Tensor, ...]:
            return images * self.factor, torch.ones(len(images), 2)

    def write(exact: Path, path: Path, format_: str, *, calibration: Tensor, keep_float: Any, log: Any) -> None:
        written.append((len(calibration), format_))
        path.write_text(" ".join(keep_float))

    monkeypatch.setattr(float_layers_module, "_load", File)
    monkeypatch.setattr(float_layers_module, "write_int8_file", write)
    monkeypatch.setattr(float_layers_module, "layers_in_file", lambda _: LAYERS)
    return written


@pytest.mark.parametrize(("name", "format_"), [("net.tflite", "tflite-int8-float-io"), ("net.onnx", "onnx-int8")])
def test_single_errors_are_each_layers_own_and_the_mean_over_outputs(
    name: str, format_: str, known_errors: list[tuple[int, str]]
) -> None:
    told: list[tuple[str, int, int]] = []
    found = single_layer_errors(name, torch.rand(40, 2) + 1, progress=lambda *step: told.append(step))
    # The second output has no error.
    wanted = [("3.op.3", 0.25), ("0.op.0", 0.125), ("1.op.1.1", 0.0625)]
    assert [(one.layer, pytest.approx(one.relative_error, rel=1e-5)) for one in found] == wanted
    assert known_errors == [(32, format_)] * 3
    assert told == [("trying layers in int8", done, 3) for done in range(4)]


@pytest.mark.usefixtures("known_errors")
def test_layers_are_kept_by_name_by_number_or_as_few_as_are_enough() -> None:
    def kept(keep_float: Any) -> tuple[str, ...]:
        images = torch.full((20, 1), 2.0)
        return float_layers(
            keep_float,
            "net.onnx",
            "onnx-int8",
            calibration=images,
            test=[(images, images)],
            score=lambda outputs, targets: -float((outputs[0] - targets).abs().mean()),
        )

    worst = ("3.op.3", "0.op.0", "1.op.1.1")
    assert [kept(count) for count in range(4)] == [worst[:count] for count in range(4)]
    assert kept(("1.op.1.1",)) == ("1.op.1.1",)
    for count in (-1, 4):
        with pytest.raises(ValueError, match=rf"^the net has 3 layers: {count} of them cannot stay in float32$"):
            kept(count)
    # The layers cost 1, 0.5 and 0.25 of the score.
    assert kept("auto") == worst
