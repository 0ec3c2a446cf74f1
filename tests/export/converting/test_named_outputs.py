"""Files of nets that give more than logits: outputs by their names, in their order, in the layout that is promised."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from pnas_export import AiEdgeLitert, NetError, OnnxRuntime, export_onnx, export_tflite, quantize_tflite, verify_files

SHAPE = (1, 3, 6, 6)


class Maps(nn.Module):
    """All that a file may give, under names that exporters use for values of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1)

    def forward(self, images: Tensor) -> dict[str, object]:
        features = self.stem(images).relu()
        maps = self.head(features)
        return {
            "relu": maps,
            "conv2d": {"0": features, "add": features + 1},
            "again": maps,
            "cls": maps.argmax(1),
            "a": maps.mean((2, 3)),
            "stem.weight": maps.mean((1, 2, 3)),
        }


NAMES = ["relu", "conv2d.0", "conv2d.add", "again", "cls", "a", "stem.weight"]


@pytest.fixture(scope="module")
def maps() -> nn.Module:
    torch.manual_seed(0)
    return Maps().eval()


def expected(net: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """What the net gives, its dict made flat by hand."""
    with torch.no_grad():
        given = net(images)
    inner = given.pop("conv2d")
    return {name: given[name] if name in given else inner[name.removeprefix("conv2d.")] for name in NAMES}


def test_a_tflite_file_gives_them_by_name_and_channel_last(maps: nn.Module, conversions: Path, tmp_path: Path) -> None:
    path, images = tmp_path / "net.tflite", torch.randn(20, 3, 6, 6)
    export_tflite(maps, SHAPE, path, cache=conversions)
    exact = expected(maps, images)
    # By name, by a reader of signatures that knows nothing of this package.
    found = AiEdgeLitert().interpreter(path).get_signature_runner()(args_0=images[:1].permute(0, 2, 3, 1).numpy())
    assert sorted(found) == sorted(NAMES)
    for name, values in exact.items():
        alike = values[:1].permute(0, 2, 3, 1) if values.ndim == 4 else values[:1]
        np.testing.assert_allclose(found[name], alike.numpy(), rtol=1e-4, atol=1e-5)
    for values, right in zip(AiEdgeLitert().load(path).outputs(images), exact.values(), strict=True):
        # Integers of 64 bits are 32 in a TFLite file.
        torch.testing.assert_close(values, right, rtol=1e-4, atol=1e-5, check_dtype=False)
    # The quantizer leaves names and order alone.
    quantize_tflite(path, tmp_path / "int8.tflite", "int8", calibration=images)
    (signature,) = AiEdgeLitert().interpreter(tmp_path / "int8.tflite").get_signature_list().values()
    assert sorted(signature["outputs"]) == sorted(NAMES)
    for parity in verify_files(maps, [tmp_path / "int8.tflite"], images, tolerance=None):
        errors = {one.output: one.rms_relative_difference for one in parity.outputs}
        assert list(errors) == NAMES
        assert all(1e-5 < errors[name] < 0.1 for name in NAMES if name != "cls")


def test_an_onnx_file_gives_them_by_name_as_the_net_does(maps: nn.Module, conversions: Path, tmp_path: Path) -> None:
    path, images = tmp_path / "net.onnx", torch.randn(3, 3, 6, 6)
    export_onnx(maps, SHAPE, path, cache=conversions)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [output.name for output in model.graph.output] == NAMES
    found = OnnxRuntime().session(path).run(NAMES, {"images": images.numpy()})
    for values, exact in zip(found, expected(maps, images).values(), strict=True):
        np.testing.assert_allclose(values, exact.numpy(), rtol=1e-4, atol=1e-5)


def test_an_output_of_the_inputs_name_is_refused(tmp_path: Path) -> None:
    class Echo(nn.Module):
        def forward(self, images: Tensor) -> dict[str, Tensor]:
            return {"images": images + 1}

    with pytest.raises(NetError, match=r"^an output of the net is called 'images', as the file's input is: give it"):
        export_onnx(Echo(), SHAPE, tmp_path / "net.onnx")


def test_several_inputs_are_refused_in_one_line(tmp_path: Path) -> None:
    net = nn.Bilinear(6, 6, 2)
    with pytest.raises(NetError, match=r"required positional argument.*: export a module whose forward takes images"):
        export_onnx(net, SHAPE, tmp_path / "net.onnx")
    with pytest.raises(ValueError, match=r"^input_shape must be \(N, C, H, W\), got \(\(1, 6\), "):
        export_onnx(net, ((1, 6),) * 4, tmp_path / "net.onnx")  # type: ignore[arg-type]
