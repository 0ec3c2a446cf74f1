"""Several processes search as one: equal to each other, to one process, and, under torchrun, to never having died."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

from supernet.forked import forking
from supernet.searching.parallel_search import Processes, run_search, work

TESTS = Path(__file__).resolve().parents[2]
PROGRAM = TESTS / "supernet" / "searching" / "parallel_search.py"
ENVIRONMENT = os.environ | {"PYTHONPATH": str(TESTS), "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}
# A store for each attempt: in one for all, gloo finds addresses of processes that have died.
ENVIRONMENT |= {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
TIMEOUT_S = 180
# In float64 what is seen is below 2e-15, and above 0.1 where BatchNorm is not synchronized.
ROUNDING = 1e-12
Result = dict[str, Any]
LOST = r"LostProcessError: another process is gone or does not answer \(.*\): start all of them again"
needs_two_gpus = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="nccl needs 2 GPUs")


def torchrun(folder: Path, backend: str, processes: int, *options: object) -> subprocess.CompletedProcess[str]:
    """Runs the program, and once more where one of its processes has died; a hang fails.

    Args:
        folder: of the checkpoint and the results.
        backend: of the exchange.
        processes: how many.
        options: of the program.
    """
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--monitor-interval", 0.1]
    # One machine or two: so that another could join, which is waited for half a minute unless it is told otherwise.
    command += ["--nnodes", "1:2", "--rdzv-conf", "last_call_timeout=1", "--max-restarts", 1]
    command += ["--nproc-per-node", processes, PROGRAM, folder, "--backend", backend, *options]
    return subprocess.run(
        list(map(str, command)), env=ENVIRONMENT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


def fork(folder: Path, backend: str, processes: int, *options: object) -> None:
    """Runs the program to its end in processes as torchrun sets them up, but without the seconds that all of it takes.

    Args:
        folder: of the checkpoint and the results.
        backend: of the exchange.
        processes: how many.
        options: of the program.
    """
    store = dist.TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    common = {
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(store.port),
        "WORLD_SIZE": str(processes),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
        "CUBLAS_WORKSPACE_CONFIG": ENVIRONMENT["CUBLAS_WORKSPACE_CONFIG"],
    }
    arguments = [str(folder), "--backend", backend, *map(str, options)]
    context, errors = forking(), [folder / f"errors{rank}.txt" for rank in range(processes)]
    started = [
        context.Process(
            target=work, args=(common | {"RANK": f"{rank}", "LOCAL_RANK": f"{rank}"}, file, arguments), daemon=True
        )
        for rank, file in enumerate(errors)
    ]
    for process in started:
        process.start()
    for process, file in zip(started, errors, strict=True):
        process.join(TIMEOUT_S)
        assert process.exitcode == 0, file.read_text()


def results(folder: Path, processes: int) -> list[Result]:
    """What each process ended with."""
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True, map_location="cpu") for rank in range(processes)]


@pytest.fixture(scope="module", params=["gloo", pytest.param("nccl", marks=[pytest.mark.gpu, needs_two_gpus])])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the synchronized search; its last checkpoint is of step 14 of 18."""
    return tmp_path_factory.mktemp("synchronized")


@pytest.fixture(scope="module")
def synchronized(folder: Path, backend: str) -> list[Result]:
    """Two processes, the exact gate, synchronized BatchNorm."""
    fork(folder, backend, 2, "--gate", "exact", "--synchronize")
    return results(folder, 2)


@pytest.fixture(scope="module")
def checks(tmp_path_factory: pytest.TempPathFactory, backend: str) -> list[Result]:
    """Two processes, two-path gates, BatchNorm in each by itself, and checks besides the search."""
    folder = tmp_path_factory.mktemp("two-path")
    fork(folder, backend, 2, "--gate", "two-path", "--checks")
    return results(folder, 2)


@pytest.fixture(scope="module")
def two_path(checks: list[Result]) -> list[Result]:
    """The search of them alone."""
    return [
        {key: check[key] for key in check.keys() - {"errors", "sweep", "own_loop", "normalize"}} for check in checks
    ]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, backend: str) -> dict[str, Result]:
    """One process on the joined batches, with PyTorch's own BatchNorm."""
    processes = Processes(device=torch.device("cpu" if backend == "gloo" else "cuda"))
    folder = tmp_path_factory.mktemp("alone")
    return {gate: run_search(processes, gate=gate, checkpoint=folder / gate) for gate in ("exact", "two-path")}


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The tensors and plain values of nested dicts, lists and tuples, with their places."""
    if isinstance(value, dict | list | tuple):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(child, f"{name}/{key}")
    else:
        yield name, value


def is_same(ours: Any, theirs: Any, tolerance: float) -> bool:
    if isinstance(ours, torch.Tensor) and not ours.is_floating_point():
        return torch.equal(ours, theirs)
    if isinstance(ours, torch.Tensor | float):
        ours, theirs = torch.as_tensor(ours), torch.as_tensor(theirs)
        return ours.dtype == theirs.dtype and torch.allclose(ours, theirs, rtol=tolerance, atol=tolerance)
    return bool(ours == theirs)


def differences(ours: Any, theirs: Any, *, tolerance: float = 0.0) -> list[str]:
    """Where two results differ; bit by bit, unless a tolerance, relative and absolute, is given."""
    our_leaves, their_leaves = dict(leaves(ours)), dict(leaves(theirs))
    different = our_leaves.keys() ^ their_leaves.keys()
    for name in our_leaves.keys() & their_leaves.keys():
        if not is_same(our_leaves[name], their_leaves[name], tolerance):
            different.add(name)
    return sorted(different)


def since(result: Result, resumed: Result) -> Result:
    """`result` with the paths alone that were sampled after the step at which `resumed` went on."""
    assert 0 < len(resumed["paths"]) < len(result["paths"])
    return result | {"paths": result["paths"][-len(resumed["paths"]) :]}


def test_all_processes_end_bit_identical(synchronized: list[Result], two_path: list[Result]) -> None:
    for first, second in (synchronized, two_path):
        assert len(first["history"]) == 3
        assert len(first["paths"]) == 18 + 6
        assert differences(first, second) == []


def test_synchronized_processes_equal_one_on_the_joined_batch(
    synchronized: list[Result], alone: dict[str, Result]
) -> None:
    assert differences(synchronized[0], alone["exact"], tolerance=ROUNDING) == []


def test_processes_that_are_not_synchronized_differ_from_one(two_path: list[Result], alone: dict[str, Result]) -> None:
    different = differences(two_path[0], alone["two-path"], tolerance=1e-3)
    assert {"/network/network.2.op.alpha", "/history/2/train_loss", "/history/2/probs/0/0"} <= set(different)


@pytest.mark.slow
def test_a_killed_process_ends_all_with_a_clear_error_and_torchrun_goes_on_from_the_checkpoint(
    tmp_path: Path, backend: str, two_path: list[Result]
) -> None:
    done = torchrun(tmp_path, backend, 2, "--gate", "two-path", "--kill", 1, 11)
    assert done.returncode == 0, done.stderr
    assert re.search(LOST, done.stderr), done.stderr
    for uninterrupted, resumed in zip(two_path, results(tmp_path, 2), strict=True):
        assert differences(since(uninterrupted, resumed), resumed) == []


def test_another_number_of_processes_goes_on_from_the_checkpoint(
    tmp_path: Path, folder: Path, backend: str, synchronized: list[Result], alone: dict[str, Result]
) -> None:
    shutil.copy(folder / "search.pt", tmp_path)
    fork(tmp_path, backend, 1, "--gate", "exact", "--synchronize")
    (resumed,) = results(tmp_path, 1)
    assert differences(since(alone["exact"], resumed), resumed, tolerance=ROUNDING) == []


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (
            "alpha",
            r"process 1 differs from process 0 in network/network\.4\.op\.alpha: start all with the same",
        ),
        ("weight", r"process 1 differs from process 0 in network/network\.0\.op\.0\.weight: "),
        ("generator", r"process 1 differs from process 0 in generator: "),
        ("batches", r"process 1 differs from process 0 in batches of the epoch: .* equally many batches"),
        (
            "sizes",
            r"this process has a batch of [56] samples, another one has not: give all of them batches of eq",
        ),
    ],
)
def test_a_process_that_differs_is_named_by_all(checks: list[Result], what: str, message: str) -> None:
    for check in checks:
        assert re.match(message, check["errors"][what])


def test_a_loss_that_is_not_finite_in_one_process_stops_all(checks: list[Result]) -> None:
    first, second = (check["errors"]["diverged"] for check in checks)
    assert first == second
    assert re.match(r"the loss is nan on the paths \d \d \d, epoch 0, weight step 0; no checkpoint", first)


def test_processes_that_sweep_hold_the_same_alphas_for_every_aim(checks: list[Result]) -> None:
    first, second = (check["sweep"] for check in checks)
    assert differences(first, second) == []
    assert differences(first["others"][0]["alphas"][0], first["network"]["network.2.op.alpha"], tolerance=1e-3)


def test_a_users_own_loop_with_pytorchs_data_parallel_gets_the_mean_gradients(checks: list[Result]) -> None:
    for first, second in zip(*(check["own_loop"] for check in checks), strict=True):
        assert differences(first["parallel"], second["parallel"]) == []
        means = {name: (gradient + second["alone"][name]) / 2 for name, gradient in first["alone"].items()}
        assert differences(first["parallel"], means, tolerance=ROUNDING) == []
        assert {name for name in means if "alpha" in name} == {f"network.{block}.op.alpha" for block in (2, 3, 4)}
        assert "/network.2.op.alpha" in differences(first["alone"], second["alone"], tolerance=1e-6)


def test_synchronized_batch_norm_equals_pytorchs_on_the_joined_batch(checks: list[Result]) -> None:
    for parts, whole in (case for check in checks for case in check["normalize"]):
        assert differences(parts, whole, tolerance=1e-10) == []
