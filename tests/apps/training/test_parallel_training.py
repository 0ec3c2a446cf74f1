"""Two processes train as one does on their joined batches."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

from apps.training.parallel_training import train
from bits import bits
from pnas_apps.ground.processes import Processes, joined_processes
from two_processes import run_in_two_processes

Result = dict[str, Any]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Result], list[str]]:
    """What two processes with gloo end with, and what they print."""
    folder = tmp_path_factory.mktemp("parallel")
    printed = run_in_two_processes(Path(__file__).with_name("parallel_training.py"), folder)
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(2)], printed


def assert_equal(first: Any, second: Any, *, tolerance: float) -> None:
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_equal(first[key], second[key], tolerance=tolerance)
    elif isinstance(first, list):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_equal(one, other, tolerance=tolerance)
    elif isinstance(first, torch.Tensor):
        torch.testing.assert_close(first, second, rtol=tolerance, atol=tolerance)
    elif isinstance(first, float):
        assert first == pytest.approx(second, rel=tolerance)
    else:
        assert first == second


def test_two_processes_end_as_one_with_the_joined_batches(both: tuple[list[Result], list[str]]) -> None:
    one = train(Processes(device=torch.device("cpu")), norm=False)
    # In float64; without BatchNorm, which sees a part of the batch in each process.
    assert_equal(both[0][0]["plain"], one, tolerance=1e-12)


@pytest.mark.parametrize("kind", ["plain", "norm"])
def test_all_processes_end_with_the_same_bits(both: tuple[list[Result], list[str]], kind: str) -> None:
    assert bits(both[0][0][kind]) == bits(both[0][1][kind])


def test_processes_that_differ_are_told_in_what(both: tuple[list[Result], list[str]]) -> None:
    for result in both[0]:
        assert result["weight"].startswith("process 1 differs from process 0 in 0.weight: start all with the same")
        assert result["count"].startswith("process 1 differs from process 0 in the number of batches")


def test_the_first_process_alone_tells_about_progress(both: tuple[list[Result], list[str]]) -> None:
    assert both[1] == ["2 processes\n", ""]


def test_what_the_first_does_all_get_and_what_fails_there_it_tells_alone(
    both: tuple[list[Result], list[str]],
) -> None:
    assert [result["first"]["rank"] for result in both[0]] == [0, 0]
    assert [result["first"]["failure"] for result in both[0]] == ["UserError: no room", "SystemExit: 1"]


def test_sums_are_those_of_all_and_the_first_goes_on_alone(both: tuple[list[Result], list[str]]) -> None:
    assert [result["sums"] for result in both[0]] == [[1.0, 1.0]] * 2
    assert [result["alone"] for result in both[0]] == [1, None]


def test_without_torchrun_one_process_has_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined_processes(torch.device("cpu")) as processes:
        assert (processes.group, processes.rank, processes.size, processes.is_first) == (None, 0, 1, True)
        assert not torch.distributed.is_initialized()


def test_no_attempt_of_torchrun_finds_what_another_has_left_in_their_store(monkeypatch: pytest.MonkeyPatch) -> None:
    store, stores = dist.HashStore(), []
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(dist, "rendezvous", lambda url, timeout: iter([(store, 0, 2)]))
    monkeypatch.setattr(dist, "init_process_group", lambda backend, *, store, **others: stores.append(store))
    monkeypatch.setattr(dist, "get_rank", lambda: 0)
    for attempt in (0, 1):
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", str(attempt))
        with joined_processes(torch.device("cpu")):
            stores[-1].set("address", str(attempt))
    assert [one.get("address") for one in stores] == [b"0", b"1"]
