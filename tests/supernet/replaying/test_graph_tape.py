"""How CUDA graphs are captured, and what is left where that fails: with stand-ins for CUDA, on a CPU."""

import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch

from pnas_supernet.replaying import tapes
from pnas_supernet.replaying.tapes import GraphTape, NotRecordableError

CPU = torch.device("cpu")


class Cuda:
    """What the calls into CUDA are, and what they meet with.

    Attributes:
        log: the calls.
        mode: what is done about waits.
        end_fails: what the end of a capture fails with, if anything.
    """

    def __init__(self) -> None:
        self.log: list[str] = []
        self.mode = 0
        self.end_fails: Exception | None = None

    def wait(self) -> None:
        if self.mode == 2:
            raise RuntimeError("called a synchronizing CUDA operation")


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Cuda:
    cuda = Cuda()

    class Stream:
        def __init__(self, name: object) -> None:
            self.name = "side" if isinstance(name, torch.device) else name

        def wait_stream(self, other: "Stream") -> None:
            cuda.log.append(f"{self.name} waits for {other.name}")

    class Graph:
        def capture_begin(self, *, pool: object, capture_error_mode: str) -> None:
            cuda.log.append(f"capture into {pool}, {capture_error_mode}")

        def capture_end(self) -> None:
            cuda.log.append("captured")
            if cuda.end_fails is not None:
                raise cuda.end_fails

        def replay(self) -> None:
            cuda.log.append("replay")

    @contextmanager
    def working_on(stream: Stream) -> Iterator[None]:
        cuda.log.append(f"on {stream.name}")
        try:
            yield
        finally:
            cuda.log.append("off")

    def set_mode(mode: int | str) -> None:
        cuda.mode = 2 if mode == "error" else int(mode)

    for name, stand_in in (
        ("graph_pool_handle", lambda: "its pool"),
        ("Stream", Stream),
        ("current_stream", lambda device: Stream("main")),
        ("stream", working_on),
        ("synchronize", lambda device: None),
        ("CUDAGraph", Graph),
        ("get_sync_debug_mode", lambda: cuda.mode),
        ("set_sync_debug_mode", set_mode),
    ):
        monkeypatch.setattr(torch.cuda, name, stand_in)
    monkeypatch.setattr(tapes, "BROKEN", [])
    return cuda


def test_a_graph_is_captured_on_the_stream_of_its_rehearsals_and_replayed(cuda: Cuda) -> None:
    tape = GraphTape(CPU)
    pool = tape.pool()
    cuda.log.clear()
    tape.rehearse(lambda: cuda.log.append("work"))
    again = tape.record(lambda: cuda.log.append("work"), pool)
    rehearsed = ["side waits for main", "on side", "work", "work", "off", "main waits for side"]
    assert cuda.log == [*rehearsed, "on side", "capture into its pool, thread_local", "work", "captured", "off"]
    cuda.log.clear()
    again()
    assert cuda.log == ["replay"]
    assert tapes.BROKEN == []


def test_what_waits_for_the_gpu_every_time_is_refused_before_it_could_break_a_capture(cuda: Cuda) -> None:
    cuda.mode = 1
    with pytest.raises(RuntimeError, match="synchronizing"):
        GraphTape(CPU).rehearse(cuda.wait)
    assert cuda.mode == 1
    assert cuda.log[-2:] == ["off", "main waits for side"]


def test_what_waits_the_first_time_alone_can_be_recorded(cuda: Cuda) -> None:
    waits = iter([cuda.wait])
    GraphTape(CPU).rehearse(lambda: next(waits, lambda: None)())
    assert cuda.mode == 0


@pytest.mark.parametrize("work_fails", [True, False])
def test_a_graph_whose_capture_broke_is_kept(cuda: Cuda, work_fails: bool) -> None:
    tape = GraphTape(CPU)
    pool = tape.pool()
    cuda.end_fails = RuntimeError("capture was invalidated")

    def work() -> None:
        if work_fails:
            raise RuntimeError("not permitted")

    with pytest.raises(NotRecordableError, match="not permitted" if work_fails else "was invalidated"):
        tape.record(work, pool)
    assert len(tapes.BROKEN) == 1
    assert cuda.log[-2:] == ["captured", "off"]


@pytest.mark.parametrize("error", [RuntimeError, ValueError, torch.OutOfMemoryError, KeyboardInterrupt])
def test_a_graph_whose_capture_could_be_ended_gives_its_memory_back(
    cuda: Cuda, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    tape, made = GraphTape(CPU), list[weakref.ref[object]]()
    pool = tape.pool()
    plain = torch.cuda.CUDAGraph

    def make() -> object:
        graph = plain()
        made.append(weakref.ref(graph))
        return graph

    monkeypatch.setattr(torch.cuda, "CUDAGraph", make)

    def work() -> None:
        raise error

    with pytest.raises(NotRecordableError if error is RuntimeError else error):
        tape.record(work, pool)
    gc.collect()
    assert cuda.log[-2:] == ["captured", "off"]
    assert [graph() for graph in made] == [None]
