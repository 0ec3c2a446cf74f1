"""Parts of some work that two processes share; each writes down which it did, and what it came to."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import torch

from pnas_apps.ground import processes as ground
from pnas_apps.ground.processes import Processes, joined_processes

PATIENCE_S, PART_S = 4.0, 0.5
"""How long one waits for the other, and what a part takes: all of them together take the first longer than that."""

Shared = Callable[[Sequence[int]], Iterator[int]]


def shared_squares(processes: Processes, shared: Shared) -> list[int]:
    """Squares asked for in two goes, the last of which has a part for one process alone."""
    return [*shared(range(18)), *shared([18])]


def outcome(processes: Processes, *, fails_at: tuple[int, ...], part_s: float = 0.0) -> tuple[str, list[int]]:
    """What came of it, or who said what, and the parts that this process did."""
    done: list[int] = []

    def square(number: int) -> int:
        time.sleep(part_s)
        if number in fails_at:
            raise ValueError(f"no square of {number}")
        done.append(number)
        return number**2

    try:
        return str(processes.first_sharing(lambda shared: shared_squares(processes, shared), square)), done
    except (ValueError, SystemExit) as error:
        return f"{type(error).__name__} {error}", done


def main() -> None:
    ground.TIMEOUT = timedelta(seconds=PATIENCE_S)
    folder = Path(sys.argv[1])
    with joined_processes(torch.device("cpu")) as processes:
        # The first fails at a part of its own; it can be asked again, as all is in step.
        found = [outcome(processes, fails_at=(), part_s=PART_S)]
        found += [outcome(processes, fails_at=fails_at) for fails_at in ((4,), ())]
        # Both fail, as where memory does not suffice; then they are out of step for good.
        found.append(outcome(processes, fails_at=(4, 5)))
        (folder / f"{processes.rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
