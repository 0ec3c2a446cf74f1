"""What travels inside a file, and the folder that holds everything."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from attrs import evolve
from torch import Tensor, nn

from faults import full_disks, kills
from pnas_export.bundles.bundle import Bundle, BundleError
from pnas_export.bundles.metadata import Metadata, read_metadata, write_metadata
from pnas_export.converting.onnx_file import export_onnx
from pnas_export.converting.tflite_file import export_tflite
from pnas_export.devices.tflite_device import TFLiteDevice
from pnas_export.ground.raw_pixels import RawPixels
from pnas_export.runtimes.tflite_runtimes import AiEdgeLitert
from pnas_ops import Architecture, Preprocessing, build_network, clear_leftovers, digits_mbconv_space

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
        with pytest.raises(
            ValueError, match=f"{file.name} holds no metadata of PNAS: name a file that PNAS exported, or give"
        ):
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
    names = {"README.md", "architecture.json", "bundle.json", "labels.txt", "metadata.json", "weights.safetensors"}
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
    with pytest.raises(BundleError, match="holds no bundle, or an unfinished one"):
        Bundle.load(tmp_path)


def test_weights_of_another_architecture_and_files_of_one_name_are_refused(
    tmp_path: Path, network: nn.Module, architecture: Architecture, files: list[Path]
) -> None:
    other = digits_mbconv_space().architecture([0] * 6)
    with pytest.raises(ValueError, match="the weights are not those of the architecture"):
        Bundle.save(tmp_path / "bundle", network, METADATA, files, architecture=other)
    with pytest.raises(ValueError, match="two files of the same name"):
        Bundle.save(tmp_path / "bundle", network, METADATA, [files[0], files[0]])
    assert not (tmp_path / "bundle").exists()


@pytest.fixture
def made(files: list[Path], tmp_path: Path) -> list[Path]:
    """The files in a folder beside the bundle."""
    (tmp_path / "made").mkdir()
    return [Path(shutil.copy(file, tmp_path / "made")) for file in files]


SMALL = nn.Linear(2, 3)
OTHER_LABELS = evolve(METADATA, labels=("a", "b", "c"))


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_saving_again_keeps_what_others_have_put_there(tmp_path: Path, made: list[Path]) -> None:
    path = tmp_path / "bundle"
    Bundle.save(path, SMALL, METADATA, made)
    (path / "notes.txt").write_text("mine")
    bundle = Bundle.save(path, SMALL, OTHER_LABELS, [path / "model.onnx"])
    assert [file.name for file in bundle.files] == ["model.onnx"]
    assert contents(path).keys() == {
        "README.md",
        "bundle.json",
        "labels.txt",
        "metadata.json",
        "model.onnx",
        "notes.txt",
        "weights.safetensors",
    }
    Bundle.load(path)


def test_a_bundle_does_not_take_files_of_others_for_its_own(tmp_path: Path, made: list[Path]) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "labels.txt").write_text("mine")
    bundle = Bundle.save(tmp_path / "bundle", SMALL, METADATA, made)
    assert (bundle.path / "labels.txt.yours").read_text() == "mine"
    Bundle.load(bundle.path)


def test_a_folder_with_names_of_a_bundle_is_none(tmp_path: Path, made: list[Path]) -> None:
    mine = {"metadata.json": b'{"labels": ["cat"]}', "labels.txt": b"cat", "model.tflite": b"mine", "README.md": b"#"}
    (tmp_path / "bundle").mkdir()
    for name, content in mine.items():
        (tmp_path / "bundle" / name).write_bytes(content)
    bundle = Bundle.save(tmp_path / "bundle", SMALL, METADATA, made)
    assert {name: (bundle.path / f"{name}.yours").read_bytes() for name in mine} == mine
    # Of its own files none is anybody's, even where it is damaged.
    (bundle.path / "bundle.json").write_text("{")
    Bundle.save(bundle.path, SMALL, METADATA, made)
    assert sorted(path.name for path in bundle.path.glob("*.yours")) == sorted(f"{name}.yours" for name in mine)


def test_a_label_has_a_line(tmp_path: Path, made: list[Path]) -> None:
    labels = (*METADATA.labels[:9], "two\nlines")
    with pytest.raises(ValueError, match=r"label 'two\\nlines' cannot stand on a line of labels\.txt"):
        Bundle.save(tmp_path / "bundle", SMALL, evolve(METADATA, labels=labels), made)
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("failing", [full_disks, kills])
def test_the_old_bundle_is_whole_until_the_new_one_is(
    failing: Callable[[Callable[[], object]], Iterator[int]], tmp_path: Path, made: list[Path]
) -> None:
    path = tmp_path / "bundle"
    Bundle.save(path, SMALL, METADATA, made)
    (path / "notes.txt").write_text("mine")
    old, moments, was_old = contents(path), 0, 0
    for moments in failing(lambda: Bundle.save(path, SMALL, OTHER_LABELS, made[:1])):  # noqa: B007
        loaded = Bundle.load(path)
        assert (path / "notes.txt").read_text() == "mine"
        if contents(path) == old:
            was_old += 1
        else:
            assert failing is kills
            assert loaded.metadata == OTHER_LABELS
            assert [file.name for file in loaded.files] == ["model.onnx"]
            clear_leftovers(tmp_path)
            Bundle.save(path, SMALL, METADATA, made)
        clear_leftovers(tmp_path)
        assert {entry.name for entry in tmp_path.iterdir()} == {"bundle", "made"}
    assert was_old >= 15
    assert Bundle.load(path).metadata == OTHER_LABELS


def test_a_disk_that_is_full_within_a_file_leaves_the_old_bundle(
    tmp_path: Path, made: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bundle"
    Bundle.save(path, SMALL, METADATA, made)
    old = contents(path)

    def copy_half(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", copy_half)
    with pytest.raises(OSError, match="No space left"):
        Bundle.save(path, SMALL, OTHER_LABELS, made)
    assert contents(path) == old
    assert {entry.name for entry in tmp_path.iterdir()} == {"bundle", "made"}


def test_any_changed_byte_of_a_file_in_a_bundle_is_told(tmp_path: Path, made: list[Path]) -> None:
    bundle = Bundle.save(tmp_path / "bundle", SMALL, METADATA, made)
    file = bundle.path / "model.onnx"
    raw = file.read_bytes()
    Bundle.check_file(str(file))
    for index in range(0, len(raw), len(raw) // 40):
        file.write_bytes(raw[:index] + bytes([raw[index] ^ 1]) + raw[index + 1 :])
        with pytest.raises(BundleError, match=r"model\.onnx has changed since it was exported: export the net again"):
            Bundle.check_file(file)
    (bundle.path / "mine.onnx").write_bytes(b"anything")
    Bundle.check_file(bundle.path / "mine.onnx")  # of someone else
    Bundle.check_file(made[0])  # in no bundle
    (bundle.path / "bundle.json").write_text("{")
    with pytest.raises(BundleError, match=r"bundle\.json: not JSON: .*: export the net again"):
        Bundle.check_file(bundle.path / "mine.onnx")


def test_a_bundle_knows_files_of_its_own_folder_only(tmp_path: Path, made: list[Path]) -> None:
    bundle = Bundle.save(tmp_path / "bundle", SMALL, METADATA, made)
    document = json.loads((bundle.path / "bundle.json").read_text())
    document["sha256"]["../made/model.onnx"] = "0" * 64
    (bundle.path / "bundle.json").write_text(json.dumps(document))
    with pytest.raises(BundleError, match=r"files are in its folder, '\.\./made/model\.onnx' is not"):
        Bundle.load(bundle.path)
    Bundle.save(bundle.path, SMALL, METADATA, made)
    assert made[0].exists()


def test_weights_that_are_no_more_are_named(
    tmp_path: Path, network: nn.Module, architecture: Architecture, made: list[Path]
) -> None:
    bundle = Bundle.save(tmp_path / "bundle", network, METADATA, made, architecture=architecture)
    bundle.network()
    (bundle.path / "weights.safetensors").write_bytes(b"junk")
    with pytest.raises(ValueError, match=r"weights\.safetensors: not weights in safetensors"):
        bundle.network()
