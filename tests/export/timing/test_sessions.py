"""Measuring in several processes, and what an interruption leaves."""

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve

from pnas_export import AiEdgeLitert, Runtime, installed_runtimes
from pnas_export.ground.children import started
from pnas_export.timing import sessions, walk_session
from pnas_export.timing.sessions import Plan, measure_in_sessions
from pnas_ops import PROBE, TimedCall, WalkSamples, Workload, build_probe
from pnas_ops.timing import walk

KEY = "block"


@pytest.fixture
def folder(tmp_path: Path, blocks_model: bytes, onnx_path: Path, tflite_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "blocks.tflite").write_bytes(blocks_model)
    for path in (onnx_path, tflite_path):
        (folder / f"net{path.suffix}").write_bytes(path.read_bytes())
    return folder


@pytest.fixture
def plan(blocks: list[Workload]) -> Plan:
    return Plan(
        module="ai_edge_litert.interpreter",
        threads=1,
        rows=tuple(((block.name, "blocks.tflite", block.name),) for block in blocks),
        idle=(("blocks.tflite", "idle"),),
        nets=(("net", "net.tflite", None),),
        samples=10,
        whole_samples=6,
        sessions=2,
    )


def fake_session(latencies: list[float]) -> Callable[..., object]:
    """A session that finds the latency of its number."""

    def session(plan: Plan, folder: Path, number: int, *rest: object) -> WalkSamples[str]:
        return WalkSamples({KEY: [latencies[number]] * 2}, [], [])

    return session


def test_blocks_and_nets_are_timed_in_every_session(plan: Plan, folder: Path, blocks: list[Workload]) -> None:
    told: list[tuple[str, int, int]] = []
    found = measure_in_sessions(plan, folder, progress=lambda *step: told.append(step))
    assert list(found) == [*(block.name for block in blocks), "net"]
    assert all(found[block.name].count >= 10 for block in blocks)
    assert found["net"].count >= 6
    # What was asked of the last session: a share of the samples.
    asked = json.loads((folder / "plan.json").read_text())
    assert (asked["samples"], asked["whole_samples"], asked["threads"]) == (5, 3, 1)
    assert asked["seed"] in (1, 2, 3)  # up to two more sessions where they do not agree
    assert found["net"].latency_ms > max(found[block.name].latency_ms for block in blocks)
    what, done, total = told[-1]
    assert (what, done) == ("measuring", total)
    assert [step for _, step, _ in told] == sorted(step for _, step, _ in told)


def test_rounds_that_are_gone_through_again_are_told_and_nothing_goes_back(
    monkeypatch: pytest.MonkeyPatch, plan: Plan, folder: Path
) -> None:
    def session(plan: Plan, folder: Path, number: int, tell: Callable[[int, int], None]) -> WalkSamples[str]:
        tell(10, 10)
        if number == 0:
            tell(12, 15)
            tell(15, 15)
        return WalkSamples({KEY: [1.0, 1.0]}, [], [])

    monkeypatch.setattr(sessions, "_session", session)
    told: list[tuple[str, int, int]] = []
    measure_in_sessions(evolve(plan, sessions=2), folder, progress=lambda *step: told.append(step))
    assert [(done, total) for _, done, total in told] == [(1000, 2000), (1200, 2500), (1500, 2500), (2500, 2500)]


def test_nets_of_several_threads_are_timed_ten_times_in_a_row(plan: Plan, folder: Path) -> None:
    found = measure_in_sessions(evolve(plan, threads=2, least_s=0.0, sessions=1, extra_sessions=0), folder)
    assert found.keys() == {*(row[0][0] for row in plan.rows), "net"}
    assert found["net"].count % 10 == 0
    assert all(one.latency_ms > 0 for one in found.values())


@pytest.mark.parametrize("threads", [1, 2])
def test_onnx_files_are_timed_alike(threads: int, folder: Path) -> None:
    net = ("net", "net.onnx", None)
    plan = Plan(module="onnxruntime", threads=threads, rows=((net,), (net,)), samples=4, sessions=1)
    assert measure_in_sessions(plan, folder)["net"].latency_ms > 0


def test_onnxruntime_that_falls_back_to_the_cpu_measures_nothing(folder: Path) -> None:
    plan = Plan(module="onnxruntime", threads=1, rows=(), nets=(("net", "net.onnx", None),), provider="NoSuchProvider")
    with pytest.raises(ValueError, match=r"onnxruntime does not compute on NoSuchProvider here$"):
        measure_in_sessions(plan, folder)


def test_sessions_that_disagree_are_followed_by_two_more(
    plan: Plan, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for latencies, count, expected in (([1.0, 1.01, 9.0], 2, 1.005), ([1.0, 2.0, 1.0, 1.0, 9.0], 4, 1.0)):
        monkeypatch.setattr(sessions, "_session", fake_session(latencies))
        found = measure_in_sessions(plan, folder)[KEY]
        assert (found.count, found.latency_ms) == (2 * count, expected)
    assert found.noisy
    assert measure_in_sessions(evolve(plan, extra_sessions=0), folder)[KEY].count == 2 * plan.sessions


def test_an_interruption_loses_one_session_at_most(
    plan: Plan, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[int] = []

    def session(interrupted_at: int | None) -> Callable[..., object]:
        def run(plan: Plan, folder: Path, number: int, *rest: object) -> object:
            if number == interrupted_at:
                raise KeyboardInterrupt
            ran.append(number)
            return fake_session([1.0, 1.01, 1.02])(plan, folder, number)

        return run

    kept, three = tmp_path / "kept", evolve(plan, sessions=3)
    monkeypatch.setattr(sessions, "_session", session(2))
    with pytest.raises(KeyboardInterrupt):
        measure_in_sessions(three, folder, kept=kept)
    assert (ran, len(list(kept.iterdir()))) == ([0, 1], 2)
    monkeypatch.setattr(sessions, "_session", session(None))
    found = measure_in_sessions(three, folder, kept=kept)[KEY]
    assert ran[:3] == [0, 1, 2]
    assert found.latency_ms == 1.01
    assert not list(kept.iterdir())


def test_what_other_files_gave_is_not_taken(
    plan: Plan, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(plan: Plan, folder: Path, number: int, *rest: object) -> object:
        if number == 1:
            raise KeyboardInterrupt
        return fake_session([1.0])(plan, folder, number)

    kept = tmp_path / "kept"
    monkeypatch.setattr(sessions, "_session", failing)
    with pytest.raises(KeyboardInterrupt):
        measure_in_sessions(plan, folder, kept=kept)
    (folder / "net.tflite").write_bytes(b"another")
    monkeypatch.setattr(sessions, "_session", fake_session([5.0, 5.0]))
    assert measure_in_sessions(plan, folder, kept=kept)[KEY].latency_ms == 5.0


def test_a_file_that_does_not_run_is_one_line(plan: Plan, folder: Path) -> None:
    (folder / "net.tflite").write_bytes(b"not a model")
    with pytest.raises(
        ValueError, match=r"^ai_edge_litert\.interpreter cannot run what is to be timed: ValueError: [^\n]+$"
    ):
        measure_in_sessions(plan, folder)


def test_a_session_loads_the_runtime_and_nothing_of_ours(
    plan: Plan, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch alone takes longer to import than a short session, and leaves memory in pieces."""
    commands: list[list[str]] = []

    def recording(command: list[str], **options: Any) -> AbstractContextManager[subprocess.Popen[str]]:
        commands.append([command[0], "-X", "importtime", *command[1:]])
        return started(commands[-1], **options | {"stderr": errors})

    monkeypatch.setattr(sessions, "started", recording)
    with (folder / "errors.txt").open("w") as errors:
        measure_in_sessions(evolve(plan, sessions=1), folder)
    imported = {line.rpartition("|")[2].strip() for line in (folder / "errors.txt").read_text().splitlines()}
    assert any(name.startswith("ai_edge_litert") for name in imported)
    assert not {"torch", "attrs", "pnas_ops", "pnas_export"} & imported


def test_a_session_takes_nothing_from_the_working_directory(plan: Plan, folder: Path) -> None:
    (folder / "json.py").write_text("raise RuntimeError")
    assert measure_in_sessions(evolve(plan, sessions=1), folder)


@pytest.mark.parametrize(("nets", "size_mb", "copies"), [(1, 1, 20), (1, 16, 5), (5, 1, 4), (25, 1, 1), (1, 200, 1)])
def test_few_nets_in_turns_stand_in_several_copies(
    nets: int, size_mb: int, copies: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a net alone would find its weights in the cache, and be faster than the sum of its blocks."""
    for number in range(nets):
        with (tmp_path / f"{number}.tflite").open("wb") as file:
            file.truncate(size_mb * 2**20)
    paths = [str(path) for path in tmp_path.iterdir()]
    files = walk_session.Files(walk, import_module("ai_edge_litert.interpreter"), 1, paths)
    runs: list[int] = []
    numbers = itertools.count()

    def block(file: str, signature: str | None) -> TimedCall:
        number = next(numbers)
        return TimedCall(lambda: runs.append(number))

    monkeypatch.setattr(files, "block", block)
    call = files.net(paths[0])
    assert sorted(runs) == sorted([*range(copies)] * 2)  # warm-up
    runs.clear()
    for turn in range(1, 2 * copies + 1):
        call.prepare()
        call.run()
        assert (files._other_work == turn).all()
    assert runs == [*range(copies)] * 2


def test_nets_of_one_thread_stand_between_two_runs_of_a_net_of_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads that wait for work keep a processor from those of whoever is next."""
    paths = [str(tmp_path / f"{name}.tflite") for name in ("small", "large")]
    for path, size_mb in zip(paths, (1, 16), strict=True):
        with Path(path).open("wb") as file:
            file.truncate(size_mb * 2**20)
    files = walk_session.Files(walk, import_module("ai_edge_litert.interpreter"), 2, paths)
    made: list[tuple[str, int]] = []
    runs: list[int] = []

    def interpreter(file: str, threads: int) -> int:
        made.append((file, threads))
        return len(made) - 1

    monkeypatch.setattr(files, "_interpreter", interpreter)
    monkeypatch.setattr(files, "_tflite_call", lambda number: TimedCall(lambda: runs.append(number)))
    calls = [files.net(path) for path in paths]
    between = [*range(2, 10)]  # 4 times 5 and 20 MiB are 100
    for _ in range(2):
        for number, call in enumerate(calls):
            call.prepare()
            runs.clear()
            call.prepare()
            assert runs == between
            call.run()
            assert runs[-1] == number
    assert made == [(paths[0], 2), (paths[1], 2), *[(paths[0], 1), (paths[1], 1)] * 4]


def test_a_net_begins_when_the_threads_of_others_rest(
    plan: Plan, folder: Path, blocks: list[Workload], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(folder / "net.tflite")
    files = walk_session.Files(walk, import_module("ai_edge_litert.interpreter"), 2, [file])
    net = files.net(file)
    first, second = (files.block(str(folder / "blocks.tflite"), block.name) for block in blocks[:2])
    asked: list[float] = []

    def clock() -> float:
        asked.append(len(asked) * 0.02)
        return asked[-1]

    monkeypatch.setattr(walk_session, "perf_counter", clock)
    for call, rests in ((net, True), (net, False), (first, True), (second, False), (net, True), (first, True)):
        call.prepare()
        assert bool(asked) == rests
        assert not rests or asked[-1] - asked[0] >= 0.05
        asked.clear()


def test_sessions_of_onnxruntime_share_their_threads(folder: Path) -> None:
    if not Path("/proc/self/task").exists():
        pytest.skip("the threads of a process are counted in /proc")
    program = """
import os, sys

sys.path[:0] = sys.argv[2:]
import onnxruntime, walk, walk_session

files = walk_session.Files(walk, onnxruntime, 3, [])
for call in [files.block("net.onnx", None) for _ in range(int(sys.argv[1]))]:
    call.run()
print(len(os.listdir("/proc/self/task")))
"""
    folders = [str(Path(str(module.__file__)).parent) for module in (walk, walk_session)]
    alone, many = (
        subprocess.check_output([sys.executable, "-c", program, count, *folders], cwd=folder, text=True)
        for count in "18"
    )
    assert alone == many


@pytest.mark.parametrize("runtime", installed_runtimes(), ids=lambda one: one.name)
def test_the_file_of_the_probe_computes_the_probe(runtime: Runtime) -> None:
    path = Path(sessions.__file__).with_name(f"probe{runtime.suffix}")
    images = torch.rand(1, 3, PROBE.resolution, PROBE.resolution, generator=torch.Generator().manual_seed(0))
    found = runtime.load(path)(images)
    with torch.inference_mode():
        torch.testing.assert_close(found, build_probe()(images), rtol=1e-4, atol=1e-5)


def test_the_int8_file_of_the_probe_is_the_probe_coarsely() -> None:
    images = torch.randn(1, 3, PROBE.resolution, PROBE.resolution, generator=torch.Generator().manual_seed(0))
    found = AiEdgeLitert().load(sessions.probe_file("int8"))(images)
    with torch.inference_mode():
        expected = build_probe()(images)
    assert (found - expected).norm() < 0.1 * expected.norm()


@pytest.mark.parametrize(("module", "suffix"), [("ai_edge_litert.interpreter", "tflite"), ("onnxruntime", "onnx")])
def test_every_session_times_the_probe(module: str, suffix: str, folder: Path) -> None:
    plan = Plan(module=module, threads=1, rows=(), nets=(("net", f"net.{suffix}", None),), whole_samples=8, sessions=2)
    (found,) = measure_in_sessions(plan, folder).values()
    assert found.probe_ms is not None
    # A small net on any machine that runs these tests.
    assert 0.01 < found.probe_ms < 50


def test_weights_beside_a_file_count_as_what_its_run_goes_through(tmp_path: Path) -> None:
    net = tmp_path / "model.onnx"
    net.write_bytes(bytes(10))
    alone = walk_session.turn_bytes(str(net))
    for name, size, more in (("model.onnx.data", 100, 100), ("model.onnx_data", 1000, 1100), ("other.onnx", 7, 1100)):
        (tmp_path / name).write_bytes(bytes(size))
        assert walk_session.turn_bytes(str(net)) - alone == more
