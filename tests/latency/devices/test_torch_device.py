"""PyTorch as a device."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from pnas_latency import (
    MACS,
    ForeignTableError,
    LatencyTable,
    TorchDevice,
    TorchDeviceError,
    TorchDtype,
    TorchMode,
    measure_net_ms,
    measure_table,
    validation_nets,
)
from pnas_latency.devices.launching import Graphs, compiled
from pnas_latency.devices.torch_calls import TorchCalls
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


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_blocks_and_nets_get_a_batch_in_the_dtype(dtype: TorchDtype) -> None:
    seen: set[tuple[int, torch.dtype, torch.dtype]] = set()

    def record(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, Block):
            seen.update((len(x), x.dtype, next(module.parameters()).dtype) for x in (args[0], output))

    device = TorchDevice(samples=2, batch=3, dtype=dtype)
    handle = nn.modules.module.register_module_forward_hook(record)
    try:
        device.measure(_rows(), nets=[SPACE.architecture([0, 1])])
    finally:
        handle.remove()
    assert seen == {(3, getattr(torch, dtype), getattr(torch, dtype))}
    assert (device.info.batch, device.info.dtype) == (3, dtype)


def test_whole_nets_judge_a_table_of_batches(tmp_path: Path) -> None:
    nets = validation_nets(SPACE, cost=MACS, fit=2, held_out=4)
    table = measure_table(TorchDevice(samples=4, batch=3), SPACE, validation=nets).calibrated()
    table.save(tmp_path / "table.json")
    assert LatencyTable.load(tmp_path / "table.json") == table
    assert (table.device.batch, table.validate().nets) == (3, 4)
    with pytest.raises(ForeignTableError, match="measured with batch 3, not 1: measure one on"):
        table.check_fits(SPACE, TorchDevice().info)


def test_each_module_is_compiled_once_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    # Dynamo runs the ninth module of the same code eagerly, unless it is told apart from the others.
    compiled_now: list[GraphModule] = []

    def count(graph: GraphModule, inputs: Sequence[Tensor]) -> GraphModule:
        compiled_now.append(graph)
        return graph

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=count))
    x = torch.randn(2, 4)
    modules = [nn.Linear(4, 4) for _ in range(12)]
    launches = [compiled(module, [x]) for module in modules]
    assert len(compiled_now) == len(modules)
    for launch, module in zip(launches, modules, strict=True):
        torch.testing.assert_close(launch(), module(x))
    assert len(compiled_now) == len(modules)


@pytest.mark.slow
def test_measures_compiled_blocks() -> None:
    told: list[str] = []
    rows = [row[:1] for row in _rows()[:2]]
    found = dict(TorchDevice(mode="compile", samples=2).measure(rows, progress=lambda what, *_: told.append(what)))
    assert all(found[row[0]].latency_ms > 0 for row in rows)
    assert list(dict.fromkeys(told)) == ["compiling", "measuring"]
    assert told.count("compiling") == len(rows)


def test_a_graph_is_captured_after_warming_up_on_its_stream_and_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []

    class Stream:
        def __init__(self, name: object) -> None:
            self.name, self.device = ("side" if isinstance(name, torch.device) else name), torch.device("cpu")

        def wait_stream(self, other: "Stream") -> None:
            log.append(f"{self.name} waits for {other.name}")

    class Graph:
        def replay(self) -> None:
            log.append("replay")

    @contextmanager
    def working_on(stream: Stream) -> Iterator[None]:
        log.append(f"on {stream.name}")
        try:
            yield
        finally:
            log.append("off")

    @contextmanager
    def capturing(graph: Graph, *, pool: object, stream: Stream) -> Iterator[None]:
        log.append(f"capture into {pool} on {stream.name}")
        yield
        log.append("captured")

    for name, stand_in in (
        ("graph_pool_handle", lambda: "the pool"),
        ("Stream", Stream),
        ("current_stream", lambda device: Stream("main")),
        ("stream", working_on),
        ("CUDAGraph", Graph),
        ("graph", capturing),
    ):
        monkeypatch.setattr(torch.cuda, name, stand_in)

    module = nn.Identity()
    module.register_forward_hook(lambda *_: log.append("run"))
    graphs = Graphs(torch.device("cpu"))
    launch = graphs(module, [torch.zeros(1)])
    warming_up = ["side waits for main", "on side", "run", "run", "run"]
    assert log == [*warming_up, "capture into the pool on side", "run", "captured", "off", "main waits for side"]
    log.clear()
    launch()
    assert log == ["replay"]
    module.register_forward_hook(lambda *_: 1 // ("capture into the pool on side" not in log))
    with pytest.raises(ZeroDivisionError):
        graphs(module, [torch.zeros(1)])
    assert log[-3:] == ["capture into the pool on side", "run", "off"]


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_graph_hides_no_launches_on_a_gpu(dtype: TorchDtype) -> None:
    net, modes = SPACE.architecture([0, 0]), tuple[TorchMode, ...](("eager", "graph"))
    eager_ms, graph_ms = (measure_net_ms(TorchDevice("cuda", mode=mode, batch=8, dtype=dtype), net) for mode in modes)
    assert graph_ms < eager_ms
    table = measure_table(TorchDevice("cuda", mode="graph", batch=8, dtype=dtype, samples=20), SPACE)
    assert table.missing(workloads(SPACE)) == ()
    assert table.overhead_ms > 0


@pytest.mark.gpu
def test_measures_a_space_on_a_gpu() -> None:
    table = measure_table(TorchDevice("cuda", samples=5), SPACE)
    assert table.missing(workloads(SPACE)) == ()
    assert table.overhead_ms > 0


def test_tells_where_it_measures() -> None:
    info = TorchDevice(threads=3).info
    assert (info.runtime, info.runtime_version, info.threads) == ("torch", str(torch.__version__), 3)
    assert (info.dtype, info.batch) == ("float32", 1)
    assert info.device
    assert TorchDevice(mode="compile").info.runtime == "torch (compile)"


def test_refuses_what_it_cannot_measure_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ValueError, match="PyTorch sees 0 CUDA devices, not 'cuda': measure on 'cpu'"):
        TorchDevice("cuda")
    with pytest.raises(ValueError, match="on cpu or cuda, not on 'meta'"):
        TorchDevice("meta")
    with pytest.raises(ValueError, match="on cpu or cuda, not on 'gpu'"):
        TorchDevice("gpu")
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        TorchDevice(threads=0)
    with pytest.raises(ValueError, match="'batch' must be a whole number from 1 to 65,536, got 0"):
        TorchDevice(batch=0)
    with pytest.raises(TorchDeviceError, match="no CUDA graphs on a CPU: measure there with mode eager or compile"):
        TorchDevice(mode="graph")
    with pytest.raises(TorchDeviceError, match="mode 'fast' is none of PyTorch: it is one of eager, graph, compile"):
        TorchDevice(mode="fast")  # type: ignore[arg-type]
    with pytest.raises(TorchDeviceError, match="dtype 'int8' is none of PyTorch: it is one of float32, float16, bf"):
        TorchDevice(dtype="int8")  # type: ignore[arg-type]


def test_refuses_what_a_gpu_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Old Card")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    assert TorchDevice("cuda", mode="graph", dtype="float16", batch=8).info.device == "Old Card"
    with pytest.raises(TorchDeviceError, match=r"^Old Card has no bfloat16: measure in float16 or float32$"):
        TorchDevice("cuda", dtype="bfloat16")

    def fail(device: torch.device) -> str:
        raise RuntimeError("CUDA driver initialization failed,\n you might not have a CUDA gpu.")

    monkeypatch.setattr(torch.cuda, "get_device_name", fail)
    with pytest.raises(TorchDeviceError, match=r"^PyTorch cannot use cuda: CUDA driver init.*gpu.: measure on 'cpu'$"):
        TorchDevice("cuda")


def test_memory_that_does_not_suffice_is_one_line(monkeypatch: pytest.MonkeyPatch, two_threads: None) -> None:
    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")

    monkeypatch.setattr(TorchCalls, "call", fail)
    with pytest.raises(
        TorchDeviceError, match="does not suffice for blocks and nets of 8 images: take a smaller batch"
    ):
        TorchDevice(batch=8, mode="compile").measure(_rows())
    assert torch.get_num_threads() == 2


def test_a_block_that_cannot_be_compiled_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no C++ compiler\nfound")

    monkeypatch.setattr(TorchCalls, "call", fail)
    first = _rows()[0][0].name
    with pytest.raises(
        TorchDeviceError, match=rf"^{first} does not run in float32 .* compile: no C\+\+ compiler found: try"
    ):
        TorchDevice(mode="compile").measure(_rows())


def test_autotuning_is_off_while_measuring_and_on_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    seen: set[bool] = set()
    TorchDevice(samples=2).measure(_rows(), progress=lambda *_: seen.add(torch.backends.cudnn.benchmark))
    assert seen == {False}
    assert torch.backends.cudnn.benchmark


def _rows() -> list[list[Workload]]:
    return [[w for w in row if not w.block.computes_nothing] for row in workloads(SPACE)]
