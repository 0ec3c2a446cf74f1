"""A path is a `str` or a `pathlib.Path`, wherever the package takes one."""

import inspect
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import frozen
from torch import Tensor, nn

import pnas_export
from pnas_export import (
    AdbDevice,
    AiEdgeLitert,
    Bundle,
    CommandDevice,
    CommandMetric,
    Metadata,
    OnnxDevice,
    OnnxRuntime,
    TFLiteDevice,
    TFLiteRuntime,
    choose_float_layers,
    convert_workloads,
    export_bundle,
    export_file,
    export_onnx,
    export_tflite,
    format_of,
    layer_errors,
    measure_files,
    peak_memory_bytes,
    prove,
    quantize_onnx,
    quantize_tflite,
    read_metadata,
    single_layer_errors,
    tflite_sizes,
    verify_files,
    write_metadata,
)
from pnas_ops import FilePath, Preprocessing, Workload
from stand_ins import write_bench

SHAPE = (1, 3, 8, 8)
METADATA = Metadata(
    labels=("a", "b", "c", "d", "e"),
    preprocessing=Preprocessing(height=8, width=8, channels="RGB", mean=(0.5,) * 3, std=(0.25,) * 3),
)
PIXELS = torch.randint(0, 256, (16, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
NORMALIZED = METADATA.preprocessing(PIXELS)
TEST = [(PIXELS, torch.zeros(16, dtype=torch.long))]


@frozen
class Case:
    """What a call gets, its paths written in one way or the other.

    Attributes:
        write: a path as the call gets it.
        folder: an empty one.
        files: net.onnx, net.tflite, net-int8.tflite.
        cache: of conversions.
    """

    write: Callable[[Path], FilePath]
    folder: Path
    files: Path
    cache: Path
    net: nn.Module
    blocks: list[Workload]

    @property
    def images(self) -> Tensor:
        return METADATA.preprocessing(PIXELS)

    def of(self, name: str) -> FilePath:
        return self.write(self.files / name)

    def new(self, name: str) -> FilePath:
        return self.write(self.folder / name)

    def left(self) -> dict[str, bytes]:
        """What the call left, but for what converters print."""
        return {path.name: path.read_bytes() for path in self.folder.iterdir() if path.is_file() and path.name != "log"}


def files_are_written(function: Callable[..., object], name: str, *arguments: Any) -> Callable[[Case], object]:
    def call(case: Case) -> object:
        function(case.net, SHAPE, case.new(name), *arguments, cache=case.write(case.cache), log=case.new("log"))
        return case.left()

    return call


def quantized(case: Case) -> object:
    quantize_tflite(case.of("net.tflite"), case.new("net.tflite"), "int8", calibration=case.images, log=case.new("log"))
    return case.left()


def quantized_onnx(case: Case) -> object:
    quantize_onnx(case.of("net.onnx"), case.new("net.onnx"), calibration=case.images, log=case.new("log"))
    return case.left()


def made_of_an_exact_file(case: Case) -> object:
    export_file(case.net, SHAPE, case.new("net.tflite"), "tflite-float16", exact=case.of("net.tflite"))
    return case.left()


def bundled(case: Case) -> object:
    bundle = export_bundle(
        case.net,
        case.new("bundle"),
        ["tflite"],
        metadata=METADATA,
        test=TEST,
        cache=case.write(case.cache),
        log=case.new("log"),
    )
    return sorted(path.name for path in bundle.path.iterdir()), bundle.path.name


def saved_and_loaded(case: Case) -> object:
    saved = Bundle.save(case.new("bundle"), case.net, METADATA, [case.of("net.onnx")])
    loaded = Bundle.load(case.new("bundle"))
    assert loaded == saved == Bundle(case.new("bundle"))
    return [file.name for file in loaded.files], loaded.metadata


def metadata_is_read(case: Case) -> object:
    for name in ("net.onnx", "net.tflite"):
        shutil.copy(case.files / name, case.folder)
        write_metadata(case.new(name), METADATA)
        assert read_metadata(case.new(name)) == METADATA
    return case.left()


def runtimes_load(case: Case) -> object:
    runtimes = (AiEdgeLitert(), TFLiteRuntime(), OnnxRuntime())
    found = [
        (runtime.name, name, runtime.load(case.of(name))(case.images).tolist())
        for runtime in runtimes
        for name in ("net.onnx", "net.tflite", "net-int8.tflite")
        if runtime.installed and runtime.supports(case.of(name))
    ]
    shape = AiEdgeLitert().interpreter(case.of("net.tflite")).get_input_details()[0]["shape"].tolist()
    return found, shape, OnnxRuntime().session(case.of("net.onnx")).get_inputs()[0].name


def files_are_timed(case: Case) -> object:
    found = measure_files({"one": (AiEdgeLitert(), case.of("net.tflite"))}, samples=2, sessions=1)
    assert found["one"].latency_ms > 0
    return list(found)


def memory_is_measured(case: Case) -> object:
    assert peak_memory_bytes(case.of("net.tflite"), AiEdgeLitert()) > 0
    return None


def proven(case: Case) -> object:
    proof = prove(case.net, {"tflite": case.of("net.tflite")}, [(case.images, TEST[0][1])])
    return [(one.parity, one.accuracy, one.size_bytes) for one in proof.files]


def devices_measure(case: Case) -> object:
    command = f"{write_bench(case.folder, 'SIZE')} {{model}}"
    cache, log = case.new("cache"), case.new("log")
    devices: list[TFLiteDevice | OnnxDevice | CommandDevice | AdbDevice] = [
        TFLiteDevice(sessions=1, cache=cache, log=log),
        OnnxDevice(sessions=1, cache=cache, log=log),
        CommandDevice(template=command, cache=cache, log=log),
        AdbDevice(cache=cache, log=log),
    ]
    for device in devices:
        assert (device.cache, device.log) == (case.folder / "cache", case.folder / "log")
    for device in devices[:3]:
        # A measurement is found by its path as it was given, which is a text or a Path.
        path: Any = case.of(f"net{device.suffix}")
        assert device.measure_files([path])[path].latency_ms > 0
    return devices


def too_few_are_refused(case: Case) -> object:
    refused = []
    for call in (
        lambda: single_layer_errors(case.of("net.onnx"), NORMALIZED[:1], log=case.new("log")),
        lambda: choose_float_layers(
            case.of("net.onnx"),
            "onnx-int8",
            calibration=NORMALIZED[:1],
            test=[(NORMALIZED, TEST[0][1])],
            log=case.new("log"),
        ),
    ):
        with pytest.raises(ValueError, match="1 calibration images are too few") as error:
            call()
        refused.append(str(error.value))
    return refused


CALLS: dict[str, Callable[[Case], object]] = {
    "export_onnx": files_are_written(export_onnx, "net.onnx"),
    "export_tflite": files_are_written(export_tflite, "net.tflite"),
    "export_file": files_are_written(export_file, "net.tflite", "tflite"),
    "export_file of an exact one": made_of_an_exact_file,
    "quantize_tflite": quantized,
    "quantize_onnx": quantized_onnx,
    "export_bundle": bundled,
    "Bundle": saved_and_loaded,
    "write_metadata, read_metadata": metadata_is_read,
    "Runtime, AiEdgeLitert, TFLiteRuntime, TFLite, OnnxRuntime": runtimes_load,
    "measure_files": files_are_timed,
    "tflite_sizes": lambda case: tflite_sizes(case.of("net.tflite")),
    "peak_memory_bytes": memory_is_measured,
    "prove": proven,
    "TFLiteDevice, OnnxDevice, CommandDevice, AdbDevice, FileDevice": devices_measure,
    "CommandMetric": lambda case: (
        CommandMetric(name="size_b", template="stat -c %s {model}", cache=case.new("cache"), log=case.new("log")),
        CommandMetric(name="size_b", template="stat -c %s {model}").of_file(case.of("net.tflite")),
    ),
    "verify_files": lambda case: verify_files(case.net, [case.of("net.onnx"), case.of("net.tflite")], case.images),
    "layer_errors": lambda case: layer_errors(
        case.of("net.tflite"), case.of("net-int8.tflite"), case.images[:2], log=case.new("log")
    ),
    "single_layer_errors, choose_float_layers": too_few_are_refused,
    "convert_workloads": lambda case: convert_workloads(case.blocks, cache=case.write(case.cache), log=case.new("log")),
    "format_of": lambda case: format_of(case.write(Path("anywhere", "model-int8.onnx"))),
}


MEASURING = (devices_measure, files_are_timed)
"""These take ten seconds each."""


@pytest.fixture(scope="module")
def files(onnx_path: Path, tflite_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("files")
    shutil.copy(onnx_path, folder / "net.onnx")
    shutil.copy(tflite_path, folder / "net.tflite")
    images = METADATA.preprocessing(PIXELS)
    quantize_tflite(folder / "net.tflite", folder / "net-int8.tflite", "int8", calibration=images)
    return folder


@pytest.mark.usefixtures("unmeasured_proofs")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (CALLS[name] in MEASURING)) for name in CALLS]
)
def test_a_text_is_as_good_as_a_path(
    name: str,
    net: nn.Module,
    blocks: list[Workload],
    blocks_model: bytes,
    files: Path,
    conversions: Path,
    tmp_path: Path,
) -> None:
    results = []
    folder = tmp_path / "one"
    for write in (Path, str):
        folder.mkdir()
        results.append(CALLS[name](Case(write, folder, files, conversions, net, blocks)))
        shutil.rmtree(folder)
    assert results[0] == results[1]


def test_every_public_name_that_takes_a_path_is_called() -> None:
    called = {name for names in CALLS for name in names.replace(" of an exact one", "").split(", ")}
    assert {name for name in pnas_export.__all__ if takes_path(getattr(pnas_export, name))} <= called


def takes_path(public: object) -> bool:
    """Whether a function, or a constructor or method of a class, says that it takes a path."""
    functions = [public] if inspect.isfunction(public) else []
    if inspect.isclass(public) and not issubclass(public, Exception):
        members = inspect.getmembers(public, lambda member: inspect.isfunction(member) or inspect.ismethod(member))
        functions = [member for name, member in members if name == "__init__" or not name.startswith("_")]
    annotations = [
        repr(annotation) for function in functions for annotation in inspect.get_annotations(function).values()
    ]
    return any("Path" in annotation for annotation in annotations)
