"""Blocks and nets in ONNX Runtime: what is timed is what PyTorch computes."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
import torch
from attrs import evolve
from torch import Tensor, nn

from pnas_export import ConversionError, OnnxDevice, workload_blocks
from pnas_export.blocks import onnx_signatures, signatures
from pnas_export.blocks.onnx_signatures import chain_onnx, convert_onnx_workloads
from pnas_export.devices import runtime_device
from pnas_export.timing.sessions import Plan
from pnas_ops import Architecture, BlockSpec, ClassifierSpec, ConvSpec, Measurement, Workload, ZeroSpec, processor_name


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("cache")
    return path


@pytest.fixture(scope="module")
def models(blocks: list[Workload], cache: Path) -> dict[str, bytes]:
    return convert_onnx_workloads(blocks, cache=cache)


@pytest.fixture(scope="module")
def device_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the devices, so that they convert once."""
    path: Path = tmp_path_factory.mktemp("device")
    return path


def session(model: bytes) -> Any:
    return onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])


def run(model: bytes, x: Tensor) -> Tensor:
    (result,) = session(model).run(["result"], {"images": x.numpy()})
    return torch.from_numpy(result)


def random_input(shape: Sequence[int]) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


def test_every_model_is_its_block(blocks: list[Workload], models: dict[str, bytes]) -> None:
    assert list(models) == [*(block.name for block in blocks), "idle"]
    for workload, block in zip(blocks, workload_blocks(blocks), strict=True):
        (source,), (result,) = session(models[workload.name]).get_inputs(), session(models[workload.name]).get_outputs()
        assert source.shape == list(workload.input_shape)
        x = random_input(workload.input_shape)
        with torch.no_grad():
            expected = block(x)
        assert result.shape == list(expected.shape)
        torch.testing.assert_close(run(models[workload.name], x), expected, rtol=1e-5, atol=1e-5)
    assert run(models["idle"], torch.tensor([[2.5]])).tolist() == [[3.5]]


def test_a_model_holds_the_weights_of_its_block_alone(blocks: list[Workload], models: dict[str, bytes]) -> None:
    for workload, block in zip(blocks, workload_blocks(blocks), strict=True):
        initializers = onnx.load_from_string(models[workload.name]).graph.initializer
        stored = sum(onnx.numpy_helper.to_array(entry).size for entry in initializers if len(entry.dims) > 1)
        layers = [part for part in block.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
        assert stored == sum(part.weight.numel() for part in layers)


def test_the_cache_spares_the_conversion(
    blocks: list[Workload], models: dict[str, bytes], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (kept,) = cache.iterdir()
    assert kept.suffix == ".onnx"

    def fail(module: nn.Module, examples: Sequence[Tensor]) -> bytes:
        raise RuntimeError("converted again")

    monkeypatch.setattr(onnx_signatures, "_convert", fail)
    assert convert_onnx_workloads(blocks, cache=cache) == models
    with pytest.raises(ConversionError, match="converted again"):
        convert_onnx_workloads(blocks[:1], cache=cache)


def test_a_chain_computes_what_its_blocks_do(blocks: list[Workload], models: dict[str, bytes]) -> None:
    chain = chain_onnx([models[workload.name] for workload in blocks])
    onnx.checker.check_model(onnx.load_from_string(chain))
    x = random_input(blocks[0].input_shape)
    one_by_one = x
    for workload in blocks:
        one_by_one = run(models[workload.name], one_by_one)
    with torch.no_grad():
        expected = nn.Sequential(*workload_blocks(blocks))(x)
    assert expected.std() > 0
    torch.testing.assert_close(run(chain, x), one_by_one, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(run(chain, x), expected, rtol=1e-5, atol=1e-5)


def test_a_block_that_stands_several_times_has_weights_of_its_own_each_time(
    blocks: list[Workload], models: dict[str, bytes]
) -> None:
    workload, block = blocks[1], workload_blocks(blocks)[1]
    once = models[workload.name]
    chain = chain_onnx([once, once, once])
    x = random_input(workload.input_shape)
    with torch.no_grad():
        expected = block(block(block(x)))
    torch.testing.assert_close(run(chain, x), expected, rtol=1e-5, atol=1e-5)
    names = [entry.name for entry in onnx.load_from_string(chain).graph.initializer]
    assert len(set(names)) == len(names) == 3 * len(onnx.load_from_string(once).graph.initializer)


def test_a_chain_of_one_is_that_one(blocks: list[Workload], models: dict[str, bytes]) -> None:
    x = random_input(blocks[0].input_shape)
    one = models[str(blocks[0])]
    assert torch.equal(run(chain_onnx([one]), x), run(one, x))


def test_no_model_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^no model to chain: pass at least one$"):
        chain_onnx([])


def test_measure_covers_exactly_the_workloads_and_the_nets(
    blocks: list[Workload], architecture: Architecture, device_cache: Path
) -> None:
    told: list[tuple[str, int, int]] = []
    rows = [blocks[:2], [], blocks[1:]]
    device = OnnxDevice(cache=device_cache, sessions=2)
    found = device.measure(rows, nets=[architecture], progress=lambda *step: told.append(step))
    pairs = list(found)
    assert [key for key, _ in pairs] == [*blocks, architecture]
    measured = dict(pairs)
    assert all(measured[block].count >= 200 for block in blocks)
    assert measured[architecture].count >= 100
    # A net takes longer than any of its blocks, whatever the machine does.
    assert measured[architecture].latency_ms > max(measured[block].latency_ms for block in blocks) > 0
    (overhead_ms,) = {one.overhead_ms for one in measured.values()}
    assert 0 < overhead_ms < 1
    assert told[:2] == [("converting", 0, 1), ("converting", 1, 1)]
    what, done, total = told[-1]
    assert (what, done) == ("measuring", total)


def test_a_net_is_measured_without_its_blocks(architecture: Architecture, device_cache: Path) -> None:
    ((key, measurement),) = OnnxDevice(cache=device_cache, sessions=1).measure([], nets=[architecture])
    assert key == architecture
    assert measurement.latency_ms > 0


def test_what_is_asked_of_the_device_reaches_the_sessions(
    blocks: list[Workload], device_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plans: list[Plan] = []

    def remember(plan: Plan, folder: Path, **options: object) -> dict[str, Measurement]:
        plans.append(plan)
        files = {name for row in plan.rows for name, *_ in row}
        return {name: Measurement(latency_ms=5.0, p25_ms=0, median_ms=0, p75_ms=0, count=1) for name in files}

    monkeypatch.setattr(runtime_device, "measure_in_sessions", remember)
    found = dict(OnnxDevice(threads=2, sessions=7, cache=device_cache).measure([[block] for block in blocks]))
    (plan,) = plans
    assert (plan.module, plan.threads, plan.sessions) == ("onnxruntime", 2, 7)
    # Each block, then the convolution of the shape that it hands on, once and twice; the classifier hands on nothing.
    assert [len(row) for row in plan.rows] == [3] * (len(blocks) - 1) + [1]
    # P and PP take 5 ms: r = 2 P - PP = 5 ms, of which half is deducted at each end that has a neighbour.
    assert [found[block].latency_ms for block in blocks] == [2.5] + [0.0] * (len(blocks) - 2) + [2.5]
    # As many empty calls in turns as the longest row has blocks.
    list(OnnxDevice(cache=device_cache).measure([blocks[:3], blocks[3:]]))
    assert [len(plan.idle) for plan in plans] == [1, 3]


def test_nothing_asked_nothing_done() -> None:
    assert list(OnnxDevice().measure([])) == []
    assert list(OnnxDevice().measure([[], []])) == []


def test_info_names_everything_that_matters() -> None:
    info = OnnxDevice(threads=2).info
    assert (info.runtime, info.runtime_version, info.threads) == ("onnxruntime", onnxruntime.__version__, 2)
    assert (info.device, info.dtype) == (processor_name(), "float32")
    assert evolve(info, threads=1) == OnnxDevice().info
    assert OnnxDevice().suffix == ".onnx"


def test_threads_are_positive() -> None:
    with pytest.raises(ValueError, match="'threads' must be a whole number from 1 to 1,024"):
        OnnxDevice(threads=0)


def test_files(onnx_path: Path, tmp_path: Path) -> None:
    copy, bad = tmp_path / "copy.onnx", tmp_path / "bad.onnx"
    copy.write_bytes(onnx_path.read_bytes())
    measured = OnnxDevice(sessions=1).measure_files([onnx_path, copy])
    assert list(measured) == [onnx_path, copy]
    assert all(one.latency_ms > 0 and one.overhead_ms == 0 and one.count >= 200 for one in measured.values())
    bad.write_bytes(b"not a model")
    with pytest.raises(ValueError, match=r"^onnxruntime cannot load bad\.onnx: [^\n]+$"):
        OnnxDevice().measure_files([onnx_path, bad])


def test_what_computes_nothing_is_refused_at_once(blocks: list[Workload]) -> None:
    skip = Workload(block=BlockSpec(op=ZeroSpec(), in_channels=4, out_channels=4, residual=True), height=8, width=8)
    with pytest.raises(ValueError, match=r"^skip 4->4 s1 \+x @8x8 computes nothing: its latency is 0, leave it out$"):
        OnnxDevice().measure([blocks, [skip]])


def test_a_workload_twice_is_refused(blocks: list[Workload]) -> None:
    with pytest.raises(ValueError, match=r"^conv3 3->8 s1 @8x8 occurs twice among the workloads: pass it once$"):
        convert_onnx_workloads([blocks[0], *blocks])


class Refused(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


def test_the_block_that_the_converter_refuses_is_named_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    stem, head = (
        Workload(block=BlockSpec(op=op, in_channels=1, out_channels=1), height=2, width=2)
        for op in (ConvSpec(kernel_size=1), ClassifierSpec(hidden_channels=1))
    )
    monkeypatch.setattr(signatures, "build_timed", lambda one, build: Refused() if one == head else nn.ReLU())
    with pytest.raises(ConversionError) as caught:
        convert_onnx_workloads([stem, head])
    assert re.fullmatch(r"cannot convert block classifier-1 1->1 s1 @2x2 to ONNX: [^\n]+", str(caught.value))
