"""Bundles of nets that give no logits of images: maps, several outputs, values without classes."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from torch import Tensor, nn

from pnas_export import Adjustment, Bundle, LabelError, Metadata, NetOutput, export_bundle, read_metadata
from pnas_ops import Preprocessing

METADATA = Metadata(
    labels=("sky", "sea", "sand", "ship"),
    preprocessing=Preprocessing(height=8, width=8, channels="RGB", mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4)),
)
PIXELS = torch.randint(0, 256, (20, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
OUTPUTS = (
    NetOutput(name="out", shape=(4, 8, 8), dtype="float32"),
    NetOutput(name="height", shape=(1,), dtype="float32"),
)


class Segmenter(nn.Module):
    """Logits a pixel, and a number an image."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head, self.height = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 4, 1), nn.Linear(6, 1)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        features = self.stem(images).relu()
        return {"out": self.head(features), "height": self.height(features.mean((2, 3)))}


def pixel_accuracy(outputs: dict[str, Tensor], masks: Tensor) -> Tensor:
    return (outputs["out"].argmax(1) == masks).float().mean()


@pytest.fixture(scope="module")
def segmenter() -> nn.Module:
    torch.manual_seed(0)
    return Segmenter()


@pytest.fixture(scope="module")
def test(segmenter: nn.Module) -> list[tuple[Tensor, Tensor]]:
    with torch.no_grad():
        masks = segmenter(METADATA.preprocessing(PIXELS))["out"].argmax(1)
    masks[:5] = 0
    return [(PIXELS[:10], masks[:10]), (PIXELS[10:], masks[10:])]


@pytest.fixture
def bundle(
    segmenter: nn.Module,
    test: list[tuple[Tensor, Tensor]],
    unmeasured_proofs: None,
    conversions: Path,
    tmp_path: Path,
) -> Bundle:
    return export_bundle(
        segmenter,
        tmp_path / "bundle",
        ["onnx", "tflite-int8"],
        metadata=METADATA,
        test=test,
        score=pixel_accuracy,
        calibration=PIXELS,
        cache=conversions,
    )


def test_a_bundle_of_a_segmentation_net_says_what_it_gives_and_its_code_gives_it(
    bundle: Bundle,
    segmenter: nn.Module,
    test: list[tuple[Tensor, Tensor]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert bundle.metadata == evolve(METADATA, outputs=OUTPUTS)
    assert all(read_metadata(file) == bundle.metadata for file in bundle.files)
    with torch.no_grad():
        exact = segmenter(METADATA.preprocessing(PIXELS))
        score = float((exact["out"].argmax(1) == torch.cat([masks for _, masks in test])).float().mean())
    assert bundle.proof.net_score == pytest.approx(score)
    assert all(abs((one.score or 0) - score) < 0.02 for one in bundle.proof.files)
    monkeypatch.chdir(bundle.path)
    text, sample = Path("README.md").read_text(encoding="utf-8"), json.loads(Path("sample.json").read_text())
    assert "| `out` | float32, 4 x 8 x 8 | 8 x 8 x 4 |" in text
    assert "The channels of `out` are the classes" in text
    assert sample["label"] is None
    first, *others = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    loaded = [re.search(r'(?:Interpreter|InferenceSession)\("(.*)"\)', code)[1] for code in others]
    assert loaded == ["model.tflite", "model-int8.tflite", "model.onnx"]
    for name, code in zip(loaded, others, strict=True):
        names: dict[str, Any] = {}
        exec(compile(first + code, name, "exec"), names)
        shown = capsys.readouterr().out.splitlines()
        found = torch.from_numpy(names["outputs"]["out"])
        maps = found.permute(2, 0, 1) if name.endswith(".tflite") else found
        near = 0.05 if "int8" in name else 1e-4
        torch.testing.assert_close(maps, exact["out"][0], rtol=near, atol=near)
        torch.testing.assert_close(
            torch.from_numpy(names["outputs"]["height"]), exact["height"][0], rtol=near, atol=near
        )
        assert names["classes"].shape == (8, 8)
        for line, (output, values) in zip(shown, sample["files"][name]["outputs"].items(), strict=True):
            said, _, numbers = line.partition(": ")
            assert said.startswith(f"{output}, (")
            np.testing.assert_allclose([float(one) for one in numbers.split()], values, rtol=2 * near, atol=2 * near)


def _forbidden(*arguments: object, **options: object) -> None:
    raise AssertionError("converted")


def _once(test: list[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    yield from test


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"test": _once}, r"^test is a generator, which is empty after one pass: pass list\(test\), or a loader$"),
        (
            {"test": lambda test: [({"image": PIXELS}, test[0][1])]},
            r"^a test batch is images and .*, got dict, Tensor$",
        ),
        (
            {"score": lambda outputs, masks: outputs["out"]},
            r"^score must give a number for a batch, got Tensor of shape",
        ),
        (
            {"tolerance": {"depth": 0.1}},
            r"^the tolerance names 'depth', no output of the net: name some of out, height$",
        ),
        (
            {"adjustments": {"tflite-int8": Adjustment(keep_float="auto")}},
            r"^keep_float='auto' needs an accuracy ",
        ),
    ],
)
def test_what_cannot_be_proven_is_refused_before_anything_is_converted(
    options: dict[str, Any],
    line: str,
    segmenter: nn.Module,
    test: list[tuple[Tensor, Tensor]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pnas_export.bundles.bundle_export.export_file", _forbidden)
    given: dict[str, Any] = {"metadata": METADATA, "calibration": PIXELS} | options
    given["test"] = options["test"](test) if "test" in options else test
    with pytest.raises(ValueError, match=line):
        export_bundle(segmenter, tmp_path / "bundle", ["tflite-int8"], **given)
    assert not list(tmp_path.iterdir())


def test_names_for_another_number_of_channels_are_refused(
    segmenter: nn.Module, test: list[tuple[Tensor, Tensor]], tmp_path: Path
) -> None:
    line = (
        r"^output 'out' of the net has 4 channels, and the metadata 2 labels: give one name per channel, or no labels"
    )
    with pytest.raises(LabelError, match=line):
        export_bundle(segmenter, tmp_path / "bundle", ["onnx"], metadata=evolve(METADATA, labels=("a", "b")), test=test)


@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.usefixtures("unmeasured_proofs")
def test_values_without_classes_have_no_accuracy_and_no_labels(outputs: int, conversions: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, outputs))
    bundle = export_bundle(
        net,
        tmp_path / "bundle",
        ["onnx"],
        metadata=evolve(METADATA, labels=()),
        # Such as the person that is seen, for an embedding.
        test=[(PIXELS, torch.arange(20))],
        cache=conversions,
    )
    (one,) = bundle.proof.files
    assert (bundle.proof.net_accuracy, bundle.proof.net_score, one.accuracy, one.score) == (None,) * 4
    assert one.parity.max_relative_difference < 1e-5
    assert not (bundle.path / "labels.txt").exists()
    assert "labels.txt" not in (bundle.path / "README.md").read_text(encoding="utf-8")
