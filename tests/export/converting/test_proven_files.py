"""What export compares before it writes, and nets of several outputs."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch
from torch import Tensor, nn

from pnas_export import AiEdgeLitert, OnnxRuntime, ParityError, Runtime, export_onnx, export_tflite, verify_files

EXPORTS = [export_onnx, export_tflite]
RUNTIMES: dict[str, Runtime] = {".onnx": OnnxRuntime(), ".tflite": AiEdgeLitert()}


class Features(nn.Module):
    """An image, classes, and nothing, by a view that takes no channel-last strides."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 4, 3), nn.Linear(64, 5)

    def forward(self, images: Tensor) -> tuple[Tensor, None, dict[str, Tensor] | Tensor]:
        features = self.stem(images).relu()
        return self.head(features.view(features.size(0), -1)), None, features


@pytest.mark.parametrize("export", EXPORTS)
def test_every_output_is_exported_and_compared(export: Callable[..., None], tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, images = Features(), torch.randn(3, 3, 6, 6)
    path = tmp_path / ("net.onnx" if export is export_onnx else "net.tflite")
    export(nn.DataParallel(net), (1, 3, 6, 6), path)
    logits, _, features = net(images)
    found = RUNTIMES[path.suffix].load(path).outputs(images)
    torch.testing.assert_close(found, (logits, features), rtol=1e-4, atol=1e-5)
    assert all(proof.max_relative_difference < 1e-5 for proof in verify_files(net, [path], images))
    if path.suffix == ".onnx":
        assert [output.name for output in onnx.load(path).graph.output] == ["output_0", "output_2"]
    net.stem.weight.data[0] *= 1.5
    net.head.weight.data[:, :16] /= 1.5
    with pytest.raises(ParityError, match=r"^output 'output_2' of net\.\w+ on .* differs from PyTorch by"):
        verify_files(net, [path], images, tolerance=0.01)


class OtherInAFile(nn.Module):
    """What a converter gets wrong."""

    def forward(self, x: Tensor) -> Tensor:
        return 1.05 * x if torch.compiler.is_exporting() else x


def test_a_file_that_computes_something_else_is_not_written_and_its_layer_is_named(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Sequential(OtherInAFile()), nn.Flatten())
    line = r"differs from PyTorch by 0\.05 of .*; the converter gets layer '0\.0' \(OtherInAFile\) wrong: write it with"
    with pytest.raises(ParityError, match=line) as caught:
        export_onnx(net, (1, 1, 4, 4), tmp_path / "net", cache=tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "net").exists()
    export_onnx(net, (1, 1, 4, 4), tmp_path / "net", tolerance=0.1, cache=tmp_path / "cache")
    assert (tmp_path / "net").exists()


@pytest.mark.parametrize("export", EXPORTS)
def test_a_tolerance_of_no_output_is_refused_before_the_conversion(
    export: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{export.__module__}._convert", None)
    with pytest.raises(ValueError, match=r"^the tolerance names 'out', no output of the net: name some of output_0$"):
        export(nn.Flatten(), (1, 1, 4, 4), tmp_path / "net", tolerance={"out": 0.1})


def test_the_layer_that_a_converter_gets_wrong_is_named_where_outputs_have_tolerances(tmp_path: Path) -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wrong = OtherInAFile()

        def forward(self, images: Tensor) -> dict[str, Tensor]:
            return {"mean": images.mean((2, 3)), "out": self.wrong(images)}

    with pytest.raises(ParityError, match=r"^output 'out' of net\.onnx on .*, more than 0\.01; .* layer 'wrong'"):
        export_onnx(Named(), (1, 1, 4, 4), tmp_path / "net", tolerance={"out": 0.01})


def test_a_tflite_file_that_computes_something_else_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ParityError, match=r"net\.tflite on ai-edge-litert .* differs from PyTorch by 0\.05 of"):
        export_tflite(OtherInAFile(), (1, 1, 4, 4), tmp_path / "net")
    assert not list(tmp_path.iterdir())
