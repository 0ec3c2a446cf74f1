"""A bundle is enough for whoever uses its files: the code in its README runs, and says what the net says."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from attrs import evolve
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional

from digits_net import Digits
from pnas_export import Bundle, Metadata, Sample, Scheme
from pnas_export.bundles.sample import choose_sample
from pnas_ops import Preprocessing

METADATA = Metadata(
    labels=tuple(f"digit {digit}" for digit in range(10)),
    preprocessing=Preprocessing(height=8, width=8, channels="grey", mean=(0.5,), std=(0.5,), shorter_side=9),
)


def blocks(bundle: Bundle, language: str) -> list[str]:
    """The code in the README."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", (bundle.path / "README.md").read_text(encoding="utf-8"), re.M | re.S
    )


@pytest.fixture(scope="module")
def test_batch(digits: Digits) -> tuple[Tensor, Tensor]:
    """Digits as pixels, 0 to 255, of which the net was shown (pixels / 255 - 0.5) / 0.5."""
    return ((digits.images + 1) / 2 * 255).round().to(torch.uint8), digits.labels


@pytest.fixture(scope="module")
def bundle(
    digits: Digits,
    quantized: dict[Scheme, Path],
    quantized_onnx: Path,
    test_batch: tuple[Tensor, Tensor],
    tmp_path_factory: pytest.TempPathFactory,
) -> Bundle:
    """Files of a net that has learned its digits, in every format, under the names that they have in bundles."""
    folder = tmp_path_factory.mktemp("files")
    sources = {"model.tflite": digits.tflite, "model.onnx": digits.onnx, "model-int8.onnx": quantized_onnx}
    sources |= {f"model-{scheme}.tflite": file for scheme, file in quantized.items()}
    for name, source in sources.items():
        (folder / name).write_bytes(source.read_bytes())
    sample = choose_sample(digits.net, METADATA, [test_batch])
    return Bundle.save(folder / "bundle", digits.net, METADATA, [folder / name for name in sources], sample=sample)


def test_the_python_of_the_readme_runs_every_file_and_says_the_class_of_the_sample(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(bundle.path)
    first, *others = blocks(bundle, "python")
    loaded = [re.search(r'(?:Interpreter|InferenceSession)\("(.*)"\)', code)[1] for code in others]
    # Those that take and give floats are run by the same lines.
    assert loaded == ["model.tflite", "model-int8.tflite", "model.onnx"]
    alike = {"model.tflite": ["model-float16.tflite", "model-dynamic-int8.tflite", "model-int8-float-io.tflite"]}
    outputs = json.loads(Path("sample.json").read_text())
    int8_step = outputs["files"]["model-int8.tflite"]["interface"]["result"]["scale"]
    for name, code in zip(loaded, others, strict=True):
        for file in [name, *alike.get(name, [])]:
            names: dict[str, np.ndarray] = {}
            exec(compile(first + code.replace(name, file), file, "exec"), names)
            expected = outputs["files"][file]
            told = f"{outputs['label']}: {expected['probability']:.1%}"
            assert capsys.readouterr().out.strip() == told
            tolerance = 2 * int8_step if "int8" in file else 1e-4
            np.testing.assert_allclose(names["logits"].reshape(-1), expected["logits"], atol=tolerance)


def test_the_sample_is_an_image_that_the_net_knows(
    bundle: Bundle, digits: Digits, test_batch: tuple[Tensor, Tensor]
) -> None:
    pixels, labels = test_batch
    shown = torch.from_numpy(np.array(Image.open(bundle.path / "sample.png")))
    (index,) = [index for index, one in enumerate(pixels) if torch.equal(one[0], shown)]
    outputs = json.loads((bundle.path / "sample.json").read_text())
    with torch.no_grad():
        logits = digits.net.eval()((pixels[index : index + 1] / 255 - 0.5) / 0.5)[0]
    assert outputs["label"] == f"digit {int(labels[index])}" == f"digit {int(logits.argmax())}"
    exact = outputs["files"]["model.onnx"]["logits"]
    torch.testing.assert_close(torch.tensor(exact), logits, rtol=1e-4, atol=1e-4)
    assert {one["label"] for one in outputs["files"].values()} == {outputs["label"]}


def test_a_net_that_knows_nothing_has_a_sample_too(digits: Digits, test_batch: tuple[Tensor, Tensor]) -> None:
    pixels, _ = test_batch
    wrong = (digits.net.eval()(METADATA.preprocessing(pixels)).argmax(1) + 1) % 10
    sample = choose_sample(digits.net, METADATA, [(pixels, wrong)])
    assert torch.equal(sample.pixels, pixels[0])
    assert sample.label == int(wrong[0])


@pytest.mark.parametrize("size", [(40, 30), (30, 41), (9, 9), (8, 8), (5, 7), (200, 90)])
def test_the_python_looks_at_a_photo_as_evaluation_does(
    size: tuple[int, int], bundle: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(bundle.path)
    names: dict[str, Callable[[Path], np.ndarray]] = {}
    exec(blocks(bundle, "python")[0], names)
    pixels = torch.randint(256, (1, size[1], size[0]), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    Image.fromarray(pixels[0].numpy()).save(tmp_path / "photo.png")
    expected = functional.center_crop(functional.resize(pixels, [9], antialias=True), [8])
    found = names["look_at"](tmp_path / "photo.png")
    # Pillow rounds between its two passes as torchvision does, but for a grey level here and there.
    assert np.abs(found[:, :, 0].astype(int) - expected[0].numpy()).max() <= 1


def test_the_readme_gives_the_numbers_of_each_file(bundle: Bundle) -> None:
    text = (bundle.path / "README.md").read_text(encoding="utf-8")
    outputs = json.loads((bundle.path / "sample.json").read_text())["files"]
    assert len(outputs) == 7
    for name, one in outputs.items():
        assert re.search(rf"^\| {name} \| [\d.]+ MB \| \w.* \|$", text, re.M)  # when to take it
        interface = one["interface"]
        for port in (interface["source"], interface["result"], *interface["others"]):
            numbers = f"{port['scale']} | {port['zero_point']}" if port["dtype"] == "int8" else " | "
            assert (
                f"| {name} | `{port['name']}` | {port['dtype']} | {' x '.join(map(str, port['shape']))} | {numbers}"
                in text
            )
    assert "shorter side to 9 pixels" in text
    assert "8 x 8 pixels" in text
    assert "`mean` 0.5 and `std` 0.5" in text


def test_what_nobody_has_said_of_the_photos_is_not_made_up(digits: Digits, tmp_path: Path) -> None:
    unsaid = evolve(METADATA, preprocessing=evolve(METADATA.preprocessing, shorter_side=None))
    bundle = Bundle.save(tmp_path / "bundle", digits.net, unsaid, [digits.onnx])
    text = (bundle.path / "README.md").read_text(encoding="utf-8")
    assert "these files do not say how" in text
    assert "needs a TFLite file, and there is none here: export one" in text
    assert not (bundle.path / "sample.png").exists()
    assert "sample" not in text


def test_a_file_that_no_runtime_loads_leaves_the_bundle_as_it_was(
    bundle: Bundle, tmp_path: Path, digits: Digits
) -> None:
    (tmp_path / "model.tflite").write_bytes(b"????TFL3")
    with pytest.raises(ValueError, match=r"cannot load model\.tflite"):
        Bundle.save(bundle.path, digits.net, METADATA, [tmp_path / "model.tflite"])
    bundle.check()


def test_a_colour_sample_is_kept_to_the_pixel(tmp_path: Path, digits: Digits) -> None:
    pixels = torch.randint(256, (3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    from pnas_export.bundles.sample import as_png

    (tmp_path / "sample.png").write_bytes(as_png(Sample(pixels=pixels, label=0).pixels))
    assert np.array_equal(np.array(Image.open(tmp_path / "sample.png")), pixels.permute(1, 2, 0).numpy())
