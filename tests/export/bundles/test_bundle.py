"""What travels inside a file, and the folder that holds everything."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from pnas_export.bundles.bundle import Bundle, BundleError
from pnas_export.bundles.metadata import Metadata, read_metadata, write_metadata
from pnas_export.converting.onnx_file import export_onnx
from pnas_export.converting.tflite_file import export_tflite
from pnas_export.devices.tflite_device import TFLiteDevice
from pnas_export.ground.raw_pixels import RawPixels
from pnas_export.runtimes.tflite_runtimes import AiEdgeLitert
from pnas_ops import Architecture, Preprocessing, build_network, digits_mbconv_space

PREPROCESSING = Preprocessing(height=16, width=16, channels="grey", mean=(0.4,), std=(0.25,))
METADATA = Metadata(labels=tuple(map(str, range(10))), preprocessing=PREPROCESSING)


@pytest.fixture(scope="module")
def architecture() -> Architecture:
    return digits_mbconv_space().architecture([0, 1, 6, 3, 6, 4], name="found")


@pytest.fixture(scope="module")
def network(architecture: Architecture) -> nn.Module:
    return build_network(architecture, generator=torch.Generator().manual_seed(0)).eval()


@pytest.fixture(scope="module")
def pixels() -> Tensor:
    return torch.randint(0, 256, (5, 1, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def files(network: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """ONNX and TFLite files that take raw pixels."""
    folder = tmp_path_factory.mktemp("files")
    raw = RawPixels(network, PREPROCESSING)
    export_onnx(raw, PREPROCESSING.input_shape, folder / "model.onnx")
    export_tflite(raw, PREPROCESSING.input_shape, folder / "model.tflite")
    return [folder / "model.onnx", folder / "model.tflite"]


def test_files_take_raw_pixels_where_they_are_asked_to(files: list[Path], network: nn.Module, pixels: Tensor) -> None:
    with torch.no_grad():
        expected = network((pixels.float() / 255 - 0.4) / 0.25)
    session = onnxruntime.InferenceSession(files[0], providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {session.get_inputs()[0].name: pixels.numpy()})
    interpreter = AiEdgeLitert().interpreter(files[1], threads=1)
    (source,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert source["dtype"] is np.uint8
    rows = []
    for image in pixels:
        interpreter.set_tensor(source["index"], image.permute(1, 2, 0).unsqueeze(0).numpy())
        interpreter.invoke()
        rows.append(torch.from_numpy(interpreter.get_tensor(result["index"])).clone())
    for found in (torch.from_numpy(logits), torch.cat(rows)):
        assert float((found - expected).abs().max() / expected.abs().max()) < 1e-5


def test_files_that_take_integers_are_timed(files: list[Path]) -> None:
    measured = TFLiteDevice(sessions=1).measure_files([files[1]])
    assert measured[files[1]].latency_ms > 0


def test_metadata_travels_inside_the_file_and_changes_nothing_else(
    files: list[Path], pixels: Tensor, tmp_path: Path
) -> None:
    for file in files:
        copied = tmp_path / file.name
        copied.write_bytes(file.read_bytes())
        with pytest.raises(ValueError, match=f"{file.name} holds no metadata of PNAS"):
            read_metadata(copied)
        for metadata in (METADATA, Metadata(labels=("a", "ü"), preprocessing=PREPROCESSING, raw_pixels=True)):
            write_metadata(copied, metadata)
            assert read_metadata(copied) == metadata
    before, after = (AiEdgeLitert().interpreter(path, threads=1) for path in (files[1], tmp_path / "model.tflite"))
    for interpreter in (before, after):
        interpreter.set_tensor(
            interpreter.get_input_details()[0]["index"], pixels[:1].permute(0, 2, 3, 1).contiguous().numpy()
        )
        interpreter.invoke()
    first, second = (i.get_tensor(i.get_output_details()[0]["index"]) for i in (before, after))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("name", ["model.onnx", "model.tflite"])
def test_metadata_of_a_file_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\xff not a model")
    with pytest.raises(ValueError, match=rf"{name} is no (ONNX|TFLite) file, or damaged"):
        read_metadata(tmp_path / name)


@pytest.fixture
def bundle(tmp_path: Path, network: nn.Module, architecture: Architecture, files: list[Path]) -> Bundle:
    return Bundle.save(tmp_path / "bundle", network, METADATA, files, architecture=architecture)


def test_a_bundle_gives_back_what_was_put_in(
    bundle: Bundle, network: nn.Module, architecture: Architecture, files: list[Path], pixels: Tensor
) -> None:
    loaded = Bundle.load(bundle.path)
    assert loaded.architecture == architecture
    assert loaded.metadata == METADATA
    assert [file.read_bytes() for file in loaded.files] == [file.read_bytes() for file in files]
    images = PREPROCESSING(pixels)
    with torch.no_grad():
        assert torch.equal(loaded.network()(images), network(images))


def test_a_bundle_can_be_read_by_hand(bundle: Bundle) -> None:
    names = {"architecture.json", "bundle.json", "labels.txt", "metadata.json", "weights.safetensors"}
    assert {path.name for path in bundle.path.iterdir()} == names | {"model.onnx", "model.tflite"}
    assert (bundle.path / "labels.txt").read_text().split() == list(METADATA.labels)
    assert json.loads((bundle.path / "metadata.json").read_text())["preprocessing"]["mean"] == [0.4]


def test_a_changed_or_missing_file_is_named(bundle: Bundle) -> None:
    model = bundle.path / "model.tflite"
    model.write_bytes(model.read_bytes()[:-1] + b"?")
    (bundle.path / "labels.txt").unlink()
    with pytest.raises(BundleError, match=r"bundle: labels\.txt is missing, model\.tflite has changed: export the net"):
        Bundle.load(bundle.path)


def test_a_folder_without_a_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="holds no bundle, or one that was never finished"):
        Bundle.load(tmp_path)


def test_weights_of_another_architecture_and_files_of_one_name_are_refused(
    tmp_path: Path, network: nn.Module, architecture: Architecture, files: list[Path]
) -> None:
    other = digits_mbconv_space().architecture([0] * 6)
    with pytest.raises(ValueError, match="the weights are not those of the architecture"):
        Bundle.save(tmp_path / "bundle", network, METADATA, files, architecture=other)
    with pytest.raises(ValueError, match="two files of one name"):
        Bundle.save(tmp_path / "bundle", network, METADATA, [files[0], files[0]])
    assert not (tmp_path / "bundle").exists()
