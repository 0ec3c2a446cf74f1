"""A search that is killed again and again ends as one that never was."""

import random
import signal
import time
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch

from bits import bits
from supernet.forked import forking
from supernet.running import killed_search

KILLS_AT_ANY_TIME, KILLS_AT_A_WRITE, KILLS_AFTER_ITS_BEGINNING = 12, 6, 6


def begin(folder: Path, space: str, gate: str, *, saves: bool = True) -> tuple[BaseProcess, Connection]:
    """A process that searches in `folder`, and the end of the pipe at which it tells of its steps."""
    context = forking()
    receiver, sender = context.Pipe(duplex=False)
    folder.mkdir(exist_ok=True)
    process = context.Process(
        target=killed_search.run, args=(folder, space, gate, sender), kwargs={"saves": saves}, daemon=True
    )
    process.start()
    sender.close()
    return process, receiver


def finish(process: BaseProcess, receiver: Connection) -> list[int]:
    """The steps that the process takes until its end."""
    steps = []
    try:
        while True:
            steps.append(receiver.recv())
    except EOFError:
        process.join()
    assert process.exitcode == 0
    return steps


def temporary_files(process: BaseProcess, folder: Path) -> list[Path]:
    return list(folder.glob(f".*.{process.pid}.tmp"))


def await_write(process: BaseProcess, folder: Path) -> None:
    """Returns as soon as the process has opened the file of a new checkpoint."""
    while process.is_alive() and not temporary_files(process, folder):
        pass


def kill(process: BaseProcess) -> None:
    assert process.is_alive(), "the search was over before all kills: give it more steps"
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.parametrize(
    ("space", "gate"), [("blocks", "two-path"), ("blocks", "exact"), ("cells", "exact"), ("networks", "exact")]
)
def test_a_search_killed_at_random_moments_ends_bit_for_bit_as_one_that_never_was(
    tmp_path: Path, space: str, gate: str
) -> None:
    rng = random.Random(gate)
    plan = [(False, rng.uniform(0, 0.02)) for _ in range(KILLS_AT_ANY_TIME)]
    plan += [(True, 0.0)] * KILLS_AT_A_WRITE
    plan += [(True, rng.uniform(0, 0.04)) for _ in range(KILLS_AFTER_ITS_BEGINNING)]
    rng.shuffle(plan)
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    whole, whole_receiver = begin(undisturbed, space, gate, saves=False)
    taken_up = left_in_a_write = last = 0
    for at_a_write, pause_s in plan:
        process, receiver = begin(killed, space, gate)
        taken_up += receiver.recv()
        steps = [receiver.recv() for _ in range(rng.randint(1, 7))]
        assert steps[0] > last - killed_search.SAVED_EVERY, "a kill took more than the steps since the last checkpoint"
        last = steps[-1]
        if at_a_write:
            await_write(process, killed)
        time.sleep(pause_s)
        kill(process)
        left_in_a_write += bool(temporary_files(process, killed))
    assert taken_up >= 20
    assert left_in_a_write >= KILLS_AT_A_WRITE // 2
    assert last > 2 * killed_search.STEPS, "no kill hit the epochs in which the architecture learns"

    survivor, receiver = begin(killed, space, gate)
    assert receiver.recv()
    finish(survivor, receiver)
    assert not whole_receiver.recv()
    assert finish(whole, whole_receiver) == list(range(1, killed_search.EPOCHS * killed_search.STEPS + 1))
    expected, got = (torch.load(folder / "final.pt", weights_only=True) for folder in (undisturbed, killed))
    assert got["architecture"] == expected["architecture"]
    assert got["search"]["history"] == expected["search"]["history"]
    for part in expected["search"]:
        assert bits(got["search"][part]) == bits(expected["search"][part]), part
