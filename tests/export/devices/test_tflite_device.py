"""Measuring: exactly what was asked, on the runtime that was asked."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from attrs import evolve
from torch import Tensor

from pnas_export import AiEdgeLitert, TFLite, TFLiteDevice, convert_workloads, installed_runtimes, workload_blocks
from pnas_export.devices import runtime_device, tflite_device
from pnas_export.devices.file_device import FileDtype
from pnas_export.quantizing.quantization import quantize_signatures
from pnas_ops import Architecture, BlockSpec, ConvSpec, Measurement, Workload, ZeroSpec, processor_name


class Missing(TFLite):
    name = "missing-runtime"
    module = "missing_runtime"


@pytest.fixture
def converted(monkeypatch: pytest.MonkeyPatch, blocks: list[Workload], blocks_model: bytes) -> None:
    def convert_workloads(workloads: Sequence[Workload], **options: object) -> bytes:
        assert list(workloads) == blocks
        return blocks_model

    monkeypatch.setattr(tflite_device, "convert_workloads", convert_workloads)


# Those of the tiny net take so little that the overhead of a call may be all of it.
CONVOLUTIONS = [
    Workload(block=BlockSpec(op=ConvSpec(kernel_size=3), in_channels=8, out_channels=width), height=32, width=32)
    for width in (8, 16, 24)
]


@pytest.mark.parametrize(
    "runtime", [one for one in installed_runtimes() if isinstance(one, TFLite)], ids=lambda runtime: runtime.name
)
def test_measure_covers_exactly_the_workloads(
    runtime: TFLite, conversions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = convert_workloads(CONVOLUTIONS, cache=conversions)

    def converted(workloads: Sequence[Workload], **options: object) -> bytes:
        assert list(workloads) == CONVOLUTIONS
        return model

    monkeypatch.setattr(tflite_device, "convert_workloads", converted)
    told: list[tuple[str, int, int]] = []
    rows = [CONVOLUTIONS[:2], [], CONVOLUTIONS[1:]]
    pairs = list(TFLiteDevice(runtime=runtime, sessions=1).measure(rows, progress=lambda *step: told.append(step)))
    assert [workload for workload, _ in pairs] == CONVOLUTIONS
    assert all(measurement.count >= 200 and measurement.latency_ms > 0 for _, measurement in pairs)
    assert len({measurement.overhead_ms for _, measurement in pairs}) == 1
    assert 0 < pairs[0][1].overhead_ms < 1
    assert told[:2] == [("converting", 0, 1), ("converting", 1, 1)]
    what, done, total = told[-1]
    assert (what, done) == ("measuring", total)


@pytest.mark.usefixtures("converted")
@pytest.mark.parametrize("dtype", [pytest.param("float32", marks=pytest.mark.slow), "int8"])
def test_whole_nets_are_timed_among_the_blocks(
    dtype: FileDtype, blocks: list[Workload], architecture: Architecture
) -> None:
    pairs = dict(TFLiteDevice(dtype=dtype, sessions=2).measure([[block] for block in blocks], nets=[architecture]))
    assert list(pairs) == [*blocks, architecture]
    assert pairs[architecture].count >= 100
    # A net takes longer than any of its blocks, whatever the machine does.
    assert pairs[architecture].latency_ms > max(pairs[block].latency_ms for block in blocks)
    assert {one.overhead_ms for one in pairs.values()} == {pairs[architecture].overhead_ms}


def channel_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).contiguous() if x.ndim == 4 else x


def test_int8_blocks_compute_in_int8(blocks: list[Workload], blocks_model: bytes) -> None:
    interpreter = AiEdgeLitert().interpreter(quantize_signatures(blocks_model))
    for block in blocks:
        runner = interpreter.get_signature_runner(block.name)
        (source,), (result,) = runner.get_input_details().values(), runner.get_output_details().values()
        assert source["dtype"].__name__ == result["dtype"].__name__ == "int8"
        assert source["shape"].tolist() == [1, block.height, block.width, block.block.in_channels]


def test_int8_blocks_compute_about_what_the_blocks_do(blocks: list[Workload], blocks_model: bytes) -> None:
    interpreter = AiEdgeLitert().interpreter(quantize_signatures(blocks_model))
    for workload, block in zip(blocks, workload_blocks(blocks), strict=True):
        x = torch.randn(workload.input_shape, generator=torch.Generator().manual_seed(7))
        with torch.no_grad():
            expected = block(x)
        runner = interpreter.get_signature_runner(workload.name)
        (source,), (result,) = runner.get_input_details().values(), runner.get_output_details().values()
        scale, zero_point = source["quantization"]
        steps = ((x / scale).round() + zero_point).clamp(-128, 127).to(torch.int8)
        found = torch.from_numpy(runner(args_0=channel_last(steps).numpy())["output_0"]).float()
        scale, zero_point = result["quantization"]
        error = (found - zero_point) * scale - channel_last(expected)
        # Measured: 0.02 to 0.13, since two random inputs show the ranges. What is unrelated is off by more than 1.
        assert error.norm() < 0.2 * expected.norm()


def test_nothing_asked_nothing_done() -> None:
    assert list(TFLiteDevice().measure([])) == []
    assert list(TFLiteDevice().measure([[], []])) == []


def test_what_computes_nothing_is_refused_at_once(blocks: list[Workload]) -> None:
    skip = Workload(block=BlockSpec(op=ZeroSpec(), in_channels=4, out_channels=4, residual=True), height=8, width=8)
    with pytest.raises(ValueError, match=r"^skip .* computes nothing"):
        TFLiteDevice().measure([blocks, [skip]])


def test_whole_nets(tflite_path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.tflite"
    copy.write_bytes(tflite_path.read_bytes())
    measured = TFLiteDevice(sessions=1).measure_files([tflite_path, copy])
    assert list(measured) == [tflite_path, copy]
    assert all(one.latency_ms > 0 and one.overhead_ms == 0 and one.count >= 200 for one in measured.values())


def test_info_names_everything_that_matters() -> None:
    info = TFLiteDevice(threads=2).info
    assert (info.runtime, info.threads, info.dtype) == ("ai-edge-litert", 2, "float32")
    assert info.runtime_version == AiEdgeLitert().version
    assert info.device == processor_name() != ""
    assert evolve(info, threads=1) == TFLiteDevice().info


def test_a_missing_runtime_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^runtime missing-runtime is not installed here$"):
        TFLiteDevice(runtime=Missing())


def test_threads_are_positive() -> None:
    with pytest.raises(ValueError, match="'threads' must be a whole number from 1 to 1,024"):
        TFLiteDevice(threads=0)


def test_what_is_asked_of_the_device_reaches_the_timing_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, dict[str, object]]] = []

    def measure_files(files: object, **options: object) -> dict[str, Measurement]:
        asked.append((files, options))
        return {}

    monkeypatch.setattr(runtime_device, "measure_files", measure_files)
    TFLiteDevice(threads=3, sessions=7).measure_files(["net.tflite"])
    files = {"net.tflite": (AiEdgeLitert(), "net.tflite")}
    assert asked == [(files, {"threads": 3, "sessions": 7, "progress": None})]
