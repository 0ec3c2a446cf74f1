"""PyTorch as a device."""

from collections.abc import Iterator

import pytest
import torch

from pnas_latency import TorchDevice, measure_table
from pnas_ops import (
    Block,
    BlockSpec,
    ClassifierSpec,
    ConvSpec,
    IdentitySpec,
    MBConvSpec,
    SearchSpace,
    Stage,
    Workload,
    ZeroSpec,
    workloads,
)

SPACE = SearchSpace(
    name="tiny",
    resolution=8,
    stem=(BlockSpec(op=ConvSpec(kernel_size=3), in_channels=3, out_channels=4),),
    stages=(Stage(width=4, depth=2, stride=2),),
    candidates=(MBConvSpec(kernel_size=3, expansion=2), ConvSpec(kernel_size=3), ZeroSpec(), IdentitySpec()),
    head=BlockSpec(op=ClassifierSpec(hidden_channels=8), in_channels=4, out_channels=2),
)


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_measures_a_space_on_the_cpu() -> None:
    calls: list[tuple[int, int]] = []

    table = measure_table(TorchDevice(samples=5), SPACE, progress=lambda _, done, total: calls.append((done, total)))

    assert table.missing(workloads(SPACE)) == ()
    assert all(m.count >= 5 and m.p25_ms <= m.median_ms <= m.p75_ms for m in table.measurements.values())
    assert calls[-1] == (len(calls), len(calls))
    assert table.predict_ms(SPACE.architecture([0, 0])) > table.predict_ms(SPACE.architecture([0, 2])) > 0


def test_measures_with_its_own_threads_and_restores_the_others(two_threads: None) -> None:
    seen: set[int] = set()
    list(TorchDevice(threads=1, samples=2).measure(_rows(), progress=lambda *_: seen.add(torch.get_num_threads())))
    assert seen == {1}
    assert torch.get_num_threads() == 2


def test_restores_the_threads_after_an_error(two_threads: None) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TorchDevice(threads=1, samples=2).measure(_rows(), progress=interrupt)
    assert torch.get_num_threads() == 2
    assert not torch.is_inference_mode_enabled()


def test_leaves_the_random_numbers_alone() -> None:
    before = torch.get_rng_state()
    TorchDevice(samples=2).measure(_rows())
    assert torch.equal(torch.get_rng_state(), before)


def test_runs_blocks_as_they_are_deployed() -> None:
    seen: list[tuple[bool, bool, bool]] = []

    def record(module: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        if isinstance(module, Block):
            channels_last = args[0].is_contiguous(memory_format=torch.channels_last)
            seen.append((module.training, torch.is_inference_mode_enabled(), channels_last))

    handle = torch.nn.modules.module.register_module_forward_pre_hook(record)
    try:
        TorchDevice(samples=2).measure(_rows())
    finally:
        handle.remove()
    assert set(seen) == {(False, True, True)}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU here")
def test_measures_a_space_on_a_gpu() -> None:
    table = measure_table(TorchDevice("cuda", samples=5), SPACE)
    assert table.missing(workloads(SPACE)) == ()
    assert table.overhead_ms > 0


def test_tells_where_it_measures() -> None:
    info = TorchDevice(threads=3).info
    assert (info.runtime, info.runtime_version, info.threads) == ("torch", str(torch.__version__), 3)
    assert info.dtype == "float32"
    assert info.device


def test_refuses_what_it_cannot_measure_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ValueError, match="PyTorch sees 0 CUDA devices, not 'cuda': measure on 'cpu'"):
        TorchDevice("cuda")
    with pytest.raises(ValueError, match="on cpu or cuda, not on 'meta'"):
        TorchDevice("meta")
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        TorchDevice(threads=0)


def _rows() -> list[list[Workload]]:
    return [[w for w in row if not w.block.computes_nothing] for row in workloads(SPACE)]
