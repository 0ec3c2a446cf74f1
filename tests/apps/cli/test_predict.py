"""What a shipped file says of photos, by its bundle alone."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import onnx
import pytest
import torch
from attrs import evolve
from click.testing import CliRunner
from onnx import TensorProto, helper
from PIL import ExifTags, Image
from torch import Tensor, nn
from torchvision.transforms.v2 import functional

from command_line import assert_refused
from pnas_apps.devices.target import format_for
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.folders import read_image_folder
from pnas_apps.images.image_set import ImageSet, measure_preprocessing
from pnas_apps.images.loading import Loading, UnreadablePhotos
from pnas_apps.photos.judged_view import JudgedView
from pnas_apps.photos.photo_set import find_photos
from pnas_apps.photos.photo_source import PhotoSource
from pnas_apps.photos.views import PhotoAugmentation, photo_preprocessing
from pnas_apps.run.device_settings import DeviceSettings, Dtype
from pnas_cifar10.cli import main as cifar10
from pnas_cifar10.datasets import read_digits
from pnas_export import Bundle, Metadata, OnnxRuntime
from pnas_imagenet.cli import main as imagenet
from pnas_ops import Preprocessing
from pnas_own.cli import main as own

RUN = Path(__file__).parents[2] / "samples" / "finished-run"
RESOLUTION = 16


def said_by(capfd: pytest.CaptureFixture[str], program: click.Command, *arguments: object) -> list[dict[str, Any]]:
    """What `predict --json` prints."""
    capfd.readouterr()
    result = CliRunner().invoke(program, ["predict", *map(str, arguments), "--json"])
    assert result.exit_code == 0, result.output
    said: list[dict[str, Any]] = json.loads(capfd.readouterr().out)
    return said


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], Tensor, Tensor]:
    """Digits that the sample's net was judged on: their files, pixels and labels."""
    test = read_digits(16)[1].subset(torch.arange(0, 360, 6))
    folder = tmp_path_factory.mktemp("digits")
    paths = [folder / f"{index}.png" for index in range(len(test))]
    for path, pixels in zip(paths, test.images, strict=True):
        Image.fromarray(pixels[0].numpy()).save(path)
    return paths, test.images, test.labels


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of photos, some of which are decoded at a half or a quarter of their size."""
    folder = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    for name in ("ants", "bees"):
        (folder / name).mkdir()
        for width, height in ((160, 120), (300, 90), (17, 40), (18, 18), (16, 16), (75, 76)):
            pixels = Image.fromarray(generator.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), dtype=np.uint8))
            pixels.resize((width, height)).save(folder / name / f"{width}.jpg")
    return folder


@pytest.fixture
def colours(tmp_path: Path) -> Bundle:
    """A net that says which colour there is most of, as `pnas-imagenet` would ship it."""
    shape: list[str | int | None] = ["batch", 3, RESOLUTION, RESOLUTION]
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["images"], ["means"]),
            helper.make_node("Flatten", ["means"], ["logits"]),
        ],
        "colours",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "model.onnx"
    )
    metadata = Metadata(labels=("red", "green", "blue"), preprocessing=photo_preprocessing(RESOLUTION))
    net = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return Bundle.save(tmp_path / "bundle", net, metadata, [tmp_path / "model.onnx"])


def test_predictions_are_right_as_often_as_the_file_is(
    digits: tuple[list[Path], Tensor, Tensor], capfd: pytest.CaptureFixture[str]
) -> None:
    paths, pixels, labels = digits
    bundle = Bundle.load(RUN / "bundle")
    logits = OnnxRuntime().load(bundle.path / "model.onnx")(bundle.metadata.preprocessing(pixels))
    said = said_by(capfd, cifar10, RUN / "bundle", *paths, "--file", "model.onnx")
    assert [one["photo"] for one in said] == list(map(str, paths))
    assert torch.allclose(torch.tensor([one["logits"] for one in said]), logits, atol=1e-6)
    found = [int(one["top"][0]["label"]) for one in said]
    assert found == logits.argmax(1).tolist()
    assert 0.5 < float((torch.tensor(found) == labels).double().mean()) < 1
    shares = logits[0].exp() / logits[0].exp().sum()
    top = said[0]["top"]
    assert [share["probability"] for share in top] == pytest.approx(shares.sort(descending=True).values[:5].tolist())


def test_a_run_gives_the_file_that_its_device_takes(
    digits: tuple[list[Path], Tensor, Tensor], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (one,) = said_by(capfd, cifar10, RUN, digits[0][0])
    assert (one["file"], one["runtime"].split()[0]) == ("model.tflite", "ai-edge-litert")
    run = tmp_path / "run"
    shutil.copytree(RUN, run)
    settings = json.loads((run / "settings.json").read_text())
    settings["device"] = {"name": "adb:NOT-HERE", "threads": 1, "dtype": "int8"}
    (run / "settings.json").write_text(json.dumps(settings))
    (one,) = said_by(capfd, cifar10, run, digits[0][0])
    assert one["file"] == "model-int8.tflite"


def test_a_doubt_in_a_net_is_told_to_people_beside_what_it_says(
    digits: tuple[list[Path], Tensor, Tensor], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run, photo, doubt = tmp_path / "run", digits[0][0], "The net is [no] better than always naming one class"
    shutil.copytree(RUN, run)
    shutil.copytree(run / "bundle", run / "bundle-other")
    results = json.loads((run / "results.json").read_text())
    (run / "results.json").write_text(json.dumps({**results, "doubt": doubt}))

    def printed(*arguments: object) -> str:
        capfd.readouterr()
        assert CliRunner().invoke(cifar10, ["predict", *map(str, arguments)]).exit_code == 0
        return capfd.readouterr().out

    for where in (run, run / "bundle"):
        assert printed(where, photo).splitlines()[-1] == doubt
        assert "better" not in printed(where, photo, "--json")
    assert doubt not in printed(run, photo, "--net", "other")  # the doubt is of the searched one
    (run / "results.json").write_text("{")
    assert "better" not in printed(run, photo)


@pytest.mark.parametrize(
    ("name", "dtype", "expected"),
    [
        ("tflite", "float32", "tflite"),
        ("onnxruntime", "float32", "onnx"),
        ("adb,cpus=4-7:XYZ", "int8", "tflite-int8"),
        ("cmd:onnxruntime {model}", "float32", "tflite"),
        ("torch-cuda,mode=graph,batch=8", "bfloat16", "onnx"),
    ],
)
def test_the_format_of_a_device_that_is_not_here_is_known(name: str, dtype: Dtype, expected: str) -> None:
    assert format_for(DeviceSettings(name=name, dtype=dtype)) == expected


def views(preprocessing: Preprocessing, folder: Path, *, of_photos: bool) -> Tensor:
    view = JudgedView(preprocessing=preprocessing, of_photos=of_photos)
    return torch.stack([view(path) for path in sorted(folder.glob("*/*"))])


def test_what_is_seen_of_a_photo_is_what_it_was_judged_on(photos: Path, tmp_path: Path, reporter: Reporter) -> None:
    shutil.copytree(photos, tmp_path, dirs_exist_ok=True)
    lying = Image.open(photos / "ants" / "160.jpg")
    exif = lying.getexif()
    exif[ExifTags.Base.Orientation] = 6
    lying.save(tmp_path / "ants" / "160.jpg", exif=exif)
    photos = tmp_path
    source = PhotoSource(
        photos=find_photos(photos, reporter=reporter), resolution=RESOLUTION, augmentation=PhotoAugmentation()
    )
    loading = Loading(unreadable=UnreadablePhotos(12, tell=print))
    (batch,) = source.pixel_batches(batch_size=12, loading=loading)
    assert torch.equal(views(source.preprocessing, photos, of_photos=True), batch[0])
    # Bundles that were written before this was said.
    unsaid = evolve(source.preprocessing, shorter_side=None)
    assert torch.equal(views(unsaid, photos, of_photos=True), batch[0])


def test_what_is_seen_of_a_small_image_is_what_it_was_judged_on(photos: Path, reporter: Reporter) -> None:
    images, _ = read_image_folder(photos, resolution=RESOLUTION, reporter=reporter)
    preprocessing = measure_preprocessing(images)
    assert preprocessing.shorter_side == RESOLUTION
    assert torch.equal(views(preprocessing, photos, of_photos=False), images.images)
    unsaid = evolve(preprocessing, shorter_side=None)
    assert torch.equal(views(unsaid, photos, of_photos=False), images.images)


@pytest.mark.parametrize("of_photos", [True, False])
def test_a_bundle_says_what_is_cut_out(of_photos: bool, photos: Path, tmp_path: Path) -> None:
    pixels = torch.randint(256, (3, 50, 30), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    Image.fromarray(pixels.permute(1, 2, 0).numpy()).save(tmp_path / "photo.png")
    preprocessing = Preprocessing(height=12, width=20, channels="RGB", mean=(0.0,) * 3, std=(1.0,) * 3, shorter_side=24)
    found = JudgedView(preprocessing=preprocessing, of_photos=of_photos)(tmp_path / "photo.png")
    scaled = functional.resize(pixels, [40, 24], antialias=True)
    assert torch.equal(found, scaled[:, 14:26, 2:22])


def test_a_colour_photo_is_grey_for_a_net_of_grey_images(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), (10, 200, 60)).save(tmp_path / "photo.png")
    grey = measure_preprocessing(
        ImageSet(images=torch.zeros(2, 1, 4, 4, dtype=torch.uint8), labels=torch.arange(2), classes=("a", "b"))
    )
    found = JudgedView(preprocessing=grey, of_photos=False)(tmp_path / "photo.png")
    assert torch.equal(found, torch.full((1, 4, 4), round(0.299 * 10 + 0.587 * 200 + 0.114 * 60), dtype=torch.uint8))


def test_the_middle_of_a_photo_counts_and_can_be_looked_at(
    colours: Bundle, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    photo = Image.new("RGB", (300, 90), (0, 0, 255))
    photo.paste((255, 0, 0), (105, 0, 195, 90))  # as wide as the photo is high
    photo.save(tmp_path / "photo.png")
    picture = tmp_path / "new" / "seen.png"
    (one,) = said_by(capfd, imagenet, colours.path, tmp_path / "photo.png", "--save-input", picture)
    assert one["top"][0]["label"] == "red"
    seen = np.array(Image.open(picture))
    assert seen.shape == (RESOLUTION, RESOLUTION, 3)
    assert (seen[:, 1:-1] == (255, 0, 0)).all()
    preprocessing = colours.metadata.preprocessing
    values = (seen / 255 - preprocessing.mean) / preprocessing.std
    assert one["logits"] == pytest.approx(values.mean((0, 1)).tolist(), abs=1e-4)
    (again,) = said_by(capfd, imagenet, colours.path, picture, "--as-is")
    assert again["logits"] == one["logits"]


def test_what_can_be_read_is_said_before_what_cannot(
    colours: Bundle, photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"not a photo")
    os.mkfifo(tmp_path / "pipe.jpg")
    given = [tmp_path / "bad.jpg", photos / "ants" / "18.jpg", tmp_path / "pipe.jpg", tmp_path]
    result = CliRunner().invoke(imagenet, ["predict", *map(str, [colours.path, *given])])
    assert_refused(
        result, r"not readable as images: .*bad\.jpg \(.*\), .*pipe\.jpg \(it is not a file\), .* \(it is not a fi"
    )
    printed = capfd.readouterr().out
    assert str(given[1]) in printed.replace("\n", "")
    assert printed.count("%") == 3  # classes of one photo


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["RUN/networks", "PHOTO"], r"networks holds neither a run nor a bundle: name the folder of one$"),
        (["RUN/bundle", "PHOTO", "--net", "fastest"], "bundle is a bundle of one net: leave out --net"),
        (
            ["RUN", "PHOTO", "--net", "fastest"],
            "holds no bundle of the net 'fastest': make one with export --net fastest",
        ),
        (
            ["RUN", "PHOTO", "--file", "a.onnx"],
            r"no file 'a\.onnx': name one of model-int8\.tflite, model\.onnx, model\.tf",
        ),
        (
            ["RUN", "PHOTO", "--runtime", "tensorrt"],
            r"tensorrt does not run .*model\.tflite: installed are ai-edge-litert",
        ),
        (
            ["RUN", "PHOTO", "--runtime", "onnxruntime"],
            r"onnxruntime does not run .*model\.tflite: installed are ai-edge",
        ),
        (["RUN", "nowhere.png"], r"not readable as images: nowhere\.png \(it is not a file\): name other files"),
        (["RUN", "LARGE", "--as-is"], r"\(it has 30 x 40 pixels, and the net's input 16 x 16\)"),
        (["RUN", "PHOTO", "PHOTO", "--save-input", "a.png"], r"a\.png can hold one picture only: name one photo"),
        (["RUN", "PHOTO", "--save-input", "a.jpg"], r"a\.jpg is not a PNG file, which is lossless"),
        (["RUN", "PHOTO", "--save-input", "PHOTO"], r"is the photo itself: give --save-input another name"),
    ],
)
def test_bad_input_is_named(
    arguments: Sequence[str], message: str, digits: tuple[list[Path], Tensor, Tensor], tmp_path: Path
) -> None:
    Image.new("L", (40, 30)).save(tmp_path / "large.png")
    places = {"RUN": RUN, "PHOTO": digits[0][0], "LARGE": tmp_path / "large.png"}
    given = list(arguments)
    for name, place in places.items():
        given = [part.replace(name, str(place)) for part in given]
    assert_refused(CliRunner().invoke(cifar10, ["predict", *given]), message)


def test_outputs_without_labels_are_refused(colours: Bundle, photos: Path, tmp_path: Path) -> None:
    metadata = evolve(colours.metadata, labels=("red", "green"))
    bundle = Bundle.save(tmp_path / "two", nn.Sequential(nn.Flatten()), metadata, colours.files)
    result = CliRunner().invoke(imagenet, ["predict", str(bundle.path), str(photos / "ants" / "18.jpg")])
    assert_refused(result, r"model\.onnx gives an output of shape \(3,\) for 2 labels: export the net again")


def test_a_net_without_classes_has_none_to_name(colours: Bundle, photos: Path, tmp_path: Path) -> None:
    bundle = Bundle.save(
        tmp_path / "masks", nn.Sequential(nn.Flatten()), evolve(colours.metadata, labels=()), colours.files
    )
    result = CliRunner().invoke(own, ["predict", str(bundle.path), str(photos / "ants" / "18.jpg")])
    assert_refused(result, r"masks holds a net without classes, .* run model\.onnx as its README\.md shows")


def test_a_changed_file_is_not_asked(digits: tuple[list[Path], Tensor, Tensor], tmp_path: Path) -> None:
    shutil.copytree(RUN / "bundle", tmp_path / "bundle")
    model = tmp_path / "bundle" / "model.tflite"
    model.write_bytes(model.read_bytes()[:-1] + b"?")
    result = CliRunner().invoke(cifar10, ["predict", str(model.parent), str(digits[0][0])])
    assert_refused(result, r"model\.tflite has changed: export the net again")
