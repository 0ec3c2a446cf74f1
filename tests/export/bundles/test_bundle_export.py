"""A net to proven files in one call: all of them, or none."""

import json
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from PIL import Image
from torch import Tensor, nn

from pnas_export import (
    FORMATS,
    Adjustment,
    AiEdgeLitert,
    Bundle,
    Format,
    Metadata,
    ParityError,
    TFLiteRuntime,
    export_bundle,
    format_of,
    installed_runtimes,
    read_metadata,
)
from pnas_export.ground.raw_pixels import RawPixels
from pnas_export.proving import answers, basis
from pnas_export.proving.basis import basis_of
from pnas_export.proving.proof import FileProof, Proof, Timing
from pnas_export.proving.prove import _at_speed_of, prove
from pnas_export.quantizing.formats import base_format, file_name
from pnas_export.runtimes.comparison import FLOAT_TOLERANCE, Parity
from pnas_export.runtimes.runtime import LoadedFile, Runtime
from pnas_ops import Architecture, FilePath, Measurement, Preprocessing
from rough_timing import timed_once

METADATA = Metadata(
    labels=("a", "b", "c", "d", "e"),
    preprocessing=Preprocessing(height=8, width=8, channels="RGB", mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4)),
)
PIXELS = torch.randint(0, 256, (40, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def expected_classes(net: nn.Module) -> Tensor:
    with torch.no_grad():
        return net.eval()(METADATA.preprocessing(PIXELS)).argmax(1)


def batches(labels: Tensor) -> list[tuple[Tensor, Tensor]]:
    return list(zip(PIXELS.split(16), labels.split(16), strict=True))


@pytest.fixture(autouse=True)
def nothing_is_timed(bundle: Bundle, unmeasured_proofs: None) -> None:
    """But the files of the bundle that the tests share, which is there before."""


@pytest.fixture(scope="module")
def labels(net: nn.Module) -> Tensor:
    """Three quarters of them are the classes that the net says."""
    labels = expected_classes(net).clone()
    labels[:10] = (labels[:10] + 1) % 5
    return labels


@pytest.fixture(scope="module")
def told() -> list[tuple[str, int, int]]:
    """What is told of the progress of `bundle`."""
    return []


@pytest.fixture(scope="module")
def bundle(
    net: nn.Module,
    architecture: Architecture,
    labels: Tensor,
    told: list[tuple[str, int, int]],
    conversions: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Bundle:
    """Every format, of raw pixels, timed as seldom as can be."""
    with timed_once():
        return export_bundle(
            net,
            tmp_path_factory.mktemp("bundles") / "bundle",
            FORMATS,
            metadata=evolve(METADATA, raw_pixels=True),
            test=batches(labels),
            calibration=PIXELS,
            architecture=architecture,
            cache=conversions,
            progress=lambda *step: told.append(step),
        )


def test_a_bundle_holds_every_format_and_says_what_it_holds(bundle: Bundle) -> None:
    assert sorted(map(format_of, bundle.files)) == sorted(FORMATS)
    for file in bundle.files:
        assert read_metadata(file) == bundle.metadata
        assert bundle.metadata.raw_pixels
    standing = {"architecture.json", "bundle.json", "labels.txt", "metadata.json", "parity.json", "weights.safetensors"}
    standing |= {"README.md", "sample.json", "sample.png"}
    assert {path.name for path in bundle.path.iterdir()} == standing | {file.name for file in bundle.files}
    assert [path.name for path in bundle.path.parent.iterdir()] == ["bundle"]
    bundle.check()


def test_the_proof_covers_every_file_on_every_runtime_that_runs_it(bundle: Bundle) -> None:
    found = {(one.parity.file, one.parity.runtime) for one in bundle.proof.files}
    expected = {
        (file.name, runtime.name) for file in bundle.files for runtime in installed_runtimes() if runtime.supports(file)
    }
    assert found == expected
    assert json.loads((bundle.path / "parity.json").read_text())["images"] == len(PIXELS)


def test_the_readme_of_files_that_take_raw_pixels_runs_them_and_says_what_they_did(
    bundle: Bundle, net: nn.Module, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(bundle.path)
    text = Path("README.md").read_text(encoding="utf-8")
    first, *others = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    pixels = torch.from_numpy(np.array(Image.open("sample.png"))).permute(2, 0, 1)[None]
    with torch.no_grad():
        expected = METADATA.labels[int(net.eval()(METADATA.preprocessing(pixels)).argmax())]
    assert json.loads(Path("sample.json").read_text())["label"] == expected
    # Files of floats, and int8 ones, which take bytes as well and give int8; ONNX files take and give alike.
    assert len(others) == 3
    for code in others:
        exec(compile(first + code, "README.md", "exec"), {})
        assert capsys.readouterr().out.startswith(f"{expected}: ")
    assert "do **not** divide by 255" in text
    for one in bundle.proof.files:
        if one.parity.runtime != "tflite-runtime":
            row = f"| {one.parity.file} | {one.accuracy:.2%} |"
            assert row in text


def test_the_proof_says_what_each_file_does(bundle: Bundle, labels: Tensor) -> None:
    assert bundle.proof.net_accuracy == 0.75
    for one in bundle.proof.files:
        file = bundle.path / one.parity.file
        (runtime,) = (runtime for runtime in installed_runtimes() if runtime.name == one.parity.runtime)
        classes = runtime.load(file)(PIXELS).argmax(1)
        assert one.accuracy == float((classes == labels).double().mean())
        assert one.size_bytes == file.stat().st_size
        assert [timing.threads for timing in one.timings] == [1, 2]
        assert all(timing.measurement.latency_ms > 0 for timing in one.timings)
        assert one.peak_memory_bytes > 0
        assert one.parity.images == len(PIXELS)
        if format_of(file) == base_format(format_of(file)):
            assert one.parity.max_relative_difference <= 1e-4
        else:
            assert one.parity.max_relative_difference > 1e-6


def test_a_kept_net_is_not_converted_again(
    net: nn.Module, bundle: Bundle, labels: Tensor, conversions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*arguments: object, **options: object) -> None:
        raise AssertionError("converted again")

    monkeypatch.setattr("pnas_export.converting.tflite_file._convert", forbidden)
    monkeypatch.setattr("pnas_export.converting.onnx_file._convert", forbidden)
    again = export_bundle(
        net, tmp_path / "again", ["onnx", "tflite"], metadata=bundle.metadata, test=batches(labels), cache=conversions
    )
    for file in again.files:
        assert file.read_bytes() == (bundle.path / file.name).read_bytes()


class WrongRuntime(AiEdgeLitert):
    """Loads a file that answers something else."""

    def load(self, path: FilePath, *, threads: int = 1) -> Any:
        right = super().load(path, threads=threads)
        return SimpleNamespace(outputs=lambda images: (right(images) * (1 + 2e-4),))


def test_a_float_file_that_is_another_net_keeps_nothing(
    net: nn.Module, labels: Tensor, conversions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "note.txt").write_text("mine")
    monkeypatch.setattr("pnas_export.runtimes.parity.installed_runtimes", lambda: (WrongRuntime(),))
    with pytest.raises(
        ParityError, match=r"^model\.tflite on ai-edge-litert .* than 0\.0001; the converter gets layer "
    ):
        export_bundle(net, tmp_path / "bundle", ["tflite"], metadata=METADATA, test=batches(labels), cache=conversions)
    assert [path.name for path in tmp_path.rglob("*")] == ["bundle", "note.txt"]


class UnwillingRuntime(TFLiteRuntime):
    """Refuses every file that it supports."""

    def load(self, path: FilePath, *, threads: int = 1) -> Any:
        raise ValueError(f"unwilling cannot load {Path(path).name}")


def test_a_runtime_that_refuses_a_file_is_reported_unless_it_is_the_only_one(
    net: nn.Module, labels: Tensor, conversions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def export() -> Bundle:
        return export_bundle(
            net, tmp_path / "bundle", ["tflite"], metadata=METADATA, test=batches(labels), cache=conversions
        )

    monkeypatch.setattr("pnas_export.runtimes.parity.installed_runtimes", lambda: (UnwillingRuntime(), AiEdgeLitert()))
    (refusal,) = export().proof.refused
    assert (refusal.file, refusal.runtime, refusal.reason) == (
        "model.tflite",
        "tflite-runtime",
        "unwilling cannot load model.tflite",
    )
    monkeypatch.setattr("pnas_export.runtimes.parity.installed_runtimes", lambda: (UnwillingRuntime(),))
    with pytest.raises(ValueError, match=r"^unwilling cannot load model\.tflite$"):
        export()


def test_a_bundle_made_anew_holds_nothing_of_the_old_one(
    net: nn.Module, architecture: Architecture, labels: Tensor, conversions: Path, tmp_path: Path
) -> None:
    both: list[list[Format]] = [["onnx", "onnx-int8"], ["onnx"]]
    for formats in both:
        bundle = export_bundle(
            net,
            tmp_path / "bundle",
            formats,
            metadata=METADATA,
            test=batches(labels),
            calibration=PIXELS,
            architecture=architecture,
            cache=conversions,
        )
        assert sorted(map(format_of, bundle.files)) == formats
    assert not (tmp_path / "bundle" / "model-int8.onnx").exists()


def test_one_more_format_is_all_that_is_proven(
    net: nn.Module,
    architecture: Architecture,
    labels: Tensor,
    bundle: Bundle,
    conversions: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[list[str]] = []

    def compared(module: nn.Module, loaded: dict[tuple[Path, Runtime], LoadedFile], *given: Any, **options: Any) -> Any:
        asked.append(sorted({path.name for path, _ in loaded}))
        return answers.compared(module, loaded, *given, **options)

    monkeypatch.setattr("pnas_export.proving.prove.compared", compared)

    def export(*formats: Format) -> Proof:
        made = export_bundle(
            net,
            tmp_path / "bundle",
            formats,
            metadata=evolve(METADATA, raw_pixels=True),
            test=batches(labels),
            architecture=architecture,
            cache=conversions,
        )
        return made.proof

    export("onnx")
    added = export("onnx", "tflite")
    assert added == export("onnx", "tflite")
    assert asked == [["model.onnx"], ["model.tflite"]]
    at_once = [one for one in bundle.proof.files if one.parity.file in ("model.onnx", "model.tflite")]
    assert [(one.parity, one.accuracy) for one in added.files] == [(one.parity, one.accuracy) for one in at_once]
    assert (added.images, added.net_accuracy) == (bundle.proof.images, bundle.proof.net_accuracy)


def test_only_what_is_the_same_is_taken_over_from_an_earlier_proof(
    net: nn.Module, labels: Tensor, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove_anew = partial(
        prove, RawPixels(net, METADATA.preprocessing), {"onnx": bundle.path / "model.onnx"}, batches(labels)
    )
    known = prove_anew()
    assert prove_anew(known=evolve(known, basis_sha256=None)) == known
    (one,) = known.files
    # What no proof could find shows what was taken over.
    marked = evolve(known, files=(evolve(one, accuracy=0.125),))
    assert prove_anew(known=marked) == marked
    newer = evolve(one, accuracy=0.125, parity=evolve(one.parity, runtime_version="0"))
    assert prove_anew(known=evolve(known, files=(newer,))) == known
    assert prove_anew(known=marked, tolerance=1e-3).files == known.files
    assert prove_anew(known=marked, score=lambda outputs, targets: 0.5).files != marked.files
    monkeypatch.setattr(basis, "processor_name", lambda: "another one")
    assert prove_anew(known=marked).files == known.files


def test_a_proof_rests_on_every_image_and_target(labels: Tensor) -> None:
    test = batches(labels)
    pixels, targets = test[-1]
    others = [
        test[:-1],
        [*test[:-1], (255 - pixels, targets)],
        [*test[:-1], (pixels, (targets + 1) % 5)],
        [*test[:-1], (pixels, targets.float())],
        test[::-1],
    ]
    found = [basis_of(one, "auto", FLOAT_TOLERANCE) for one in (test, *others)]
    assert len(set(found)) == len(found)
    assert basis_of(batches(labels.clone()), "auto", FLOAT_TOLERANCE) == found[0]
    column = torch.stack([labels, labels], dim=1)[:, 0]
    assert basis_of(batches(column), "auto", FLOAT_TOLERANCE) == found[0]
    assert basis_of(test, None, {"a": 0.1, "b": 0.2}) == basis_of(test, None, {"b": 0.2, "a": 0.1})
    assert basis_of(test, lambda outputs, targets: 0.5, FLOAT_TOLERANCE) is None


def test_milliseconds_that_are_taken_over_are_told_at_todays_speed() -> None:
    def proof_of(file: str, latency_ms: float, probe_ms: float) -> FileProof:
        measured = Measurement(latency_ms=latency_ms, p25_ms=1, median_ms=1, p75_ms=1, count=2, probe_ms=probe_ms)
        parity = Parity(
            file=file,
            runtime="r",
            runtime_version="1",
            images=1,
            max_abs_difference=0.0,
            max_relative_difference=0.0,
            top1_agreement=None,
        )
        timing = Timing(threads=1, measurement=measured)
        return FileProof(parity=parity, accuracy=None, size_bytes=1, timings=(timing,), peak_memory_bytes=1)

    today, before = proof_of("new", 5.0, 0.2), proof_of("old", 3.0, 0.1)
    (told,) = _at_speed_of([today], before).timings
    assert told.measurement.latency_ms == pytest.approx(6.0)
    assert _at_speed_of([], before) == before


class TwoScales(nn.Module):
    """A net whose second layer int8 cannot hold: one of its inputs is 10,000 times the others."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.second = nn.Conv2d(8, 8, 1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.last = nn.Linear(8, 5)
        generator = torch.Generator().manual_seed(3)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.normal_(generator=generator)
            self.second.weight[0] *= 1e4
            self.last.weight[:, 0] *= 1e-4

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.pool(self.second(self.first(x).relu()).relu()).flatten(1))


@pytest.mark.parametrize("name", ["tflite-int8", "onnx-int8"])
def test_a_file_that_int8_ruins_names_its_layers(name: Format, conversions: Path, tmp_path: Path) -> None:
    net = TwoScales()
    bundle = export_bundle(
        net,
        tmp_path / "bundle",
        [name],
        metadata=METADATA,
        test=batches(expected_classes(net)),
        calibration=PIXELS,
        cache=conversions,
    )
    assert bundle.proof.net_accuracy == 1.0
    (lossy,) = bundle.proof.lossy
    assert lossy.file == file_name(name)
    errors = [layer.relative_error for layer in lossy.layers]
    assert errors == sorted(errors, reverse=True)
    # What comes out is nothing but error; the convolutions still hold their largest channel.
    assert {layer.layer for layer in lossy.layers} >= {"first", "second", "last"}
    assert (lossy.layers[0].layer, errors[0] > 0.5, max(errors[1:]) < 0.1) == ("last", True, True)
    with pytest.raises(ValueError, match="does not say what the net is"):
        bundle.network()
    # Its worst layers in float32 give back what was lost.
    bundle = export_bundle(
        net,
        tmp_path / "bundle",
        [name],
        metadata=METADATA,
        test=batches(expected_classes(net)),
        calibration=PIXELS,
        adjustments={name: Adjustment(keep_float="auto", network=net)},
        cache=conversions,
    )
    (adjusted,) = bundle.proof.adjusted
    assert (adjusted.file, adjusted.fine_tuned, bundle.proof.lossy) == (file_name(name), True, ())
    assert {"second", "last"} <= set(adjusted.float_layers)
    assert "first" not in adjusted.float_layers
    # The float32 file of the fine-tuned net is nobody's.
    assert {file.name for file in bundle.files} == {file_name(name), file_name(base_format(name))}


@pytest.mark.parametrize(
    ("formats", "calibration", "message"),
    [
        ([], None, r"^a bundle needs at least one format: use some of onnx, "),
        (["tflite", "int4"], None, r"^unknown format 'int4': use some of onnx, onnx-int8, tflite, "),
        (["onnx-int8"], None, r"^format 'onnx-int8' needs calibration images: pass some of the training split$"),
        (["onnx-int8"], PIXELS[:4], r"^4 calibration images are too few: pass at least 16$"),
        (["onnx"], PIXELS.float(), r"^images must be uint8 pixels \(N, C, H, W\), got torch\.float32$"),
    ],
)
def test_bad_input_is_named_and_leaves_nothing(
    formats: Sequence[Format],
    calibration: Tensor | None,
    message: str,
    net: nn.Module,
    labels: Tensor,
    conversions: Path,
    tmp_path: Path,
) -> None:
    with pytest.raises(ValueError, match=message):
        export_bundle(
            net,
            tmp_path / "bundle",
            formats,
            metadata=METADATA,
            test=batches(labels),
            calibration=calibration,
            cache=conversions,
        )
    assert not list(tmp_path.iterdir())


def test_no_test_images_prove_nothing(net: nn.Module, conversions: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a proof needs at least one test image"):
        export_bundle(net, tmp_path / "bundle", ["onnx"], metadata=METADATA, test=[], cache=conversions)


def test_names_and_formats_are_one_to_one() -> None:
    assert [format_of(Path("anywhere", file_name(name))) for name in FORMATS] == list(FORMATS)
    with pytest.raises(ValueError, match=r"net\.onnx has not the name of a bundle's file: model\.onnx, "):
        format_of(Path("net.onnx"))


def test_progress_reaches_its_end(bundle: Bundle, told: list[tuple[str, int, int]]) -> None:
    assert list(dict.fromkeys(what for what, _, _ in told)) == ["exporting", "proving", "measuring", "measuring memory"]
    last = {what: (done, total) for what, done, total in told}
    assert all(done == total for done, total in last.values())
