"""A small training as a program would run it, alone or as one of several processes; each writes what it ends with."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from attrs import frozen
from rich.console import Console
from torch import Tensor, nn

from pnas_apps.ground.errors import UserError
from pnas_apps.ground.processes import Processes, joined_processes
from pnas_apps.ground.progress import Reporter
from pnas_apps.training.config import TrainConfig
from pnas_apps.training.training import Training
from pnas_supernet import DesynchronizedError

EPOCHS = 2
CONFIG = TrainConfig(
    epochs=EPOCHS, warmup_epochs=1, lr=0.1, momentum=0.9, weight_decay=1e-3, label_smoothing=0.1, ema_decay=0.5
)


@frozen
class Batches:
    """A process's part of 5 random batches of 8."""

    processes: Processes
    epoch: int
    count: int = 5

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(self.epoch)
        for _ in range(self.count):
            images = torch.randn(8, 3, 6, 6, dtype=torch.float64, generator=generator)
            labels = torch.randint(4, (8,), generator=generator)
            size = 8 // self.processes.size
            part = slice(self.processes.rank * size, (self.processes.rank + 1) * size)
            yield images[part], labels[part]


def make_training(processes: Processes, *, norm: bool) -> Training:
    torch.manual_seed(0)
    first = [nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5)] if norm else [nn.Conv2d(3, 5, 3)]
    network = nn.Sequential(*first, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 4))
    return Training(network.double(), CONFIG, group=processes.group)


def train(processes: Processes, *, norm: bool) -> dict[str, Any]:
    training = make_training(processes, norm=norm)
    while training.epochs_left:
        training.run_epoch(Batches(processes, len(training.history)), on_step=lambda: None)
    return training.state_dict()


def refused(processes: Processes, *, weight: float = 0.0, count: int = 5) -> str:
    """What a process is told where process 1 has another weight, or another number of batches."""
    training = make_training(processes, norm=False)
    next(training.network.parameters()).detach()[0, 0, 0, 0] += weight * processes.rank
    try:
        training.run_epoch(Batches(processes, 0, count + processes.rank * (count - 5)), on_step=lambda: None)
    except DesynchronizedError as error:
        return str(error)
    return "nothing"


def told_by_first(processes: Processes) -> dict[str, Any]:
    """What `first` gives a process where it works, and how it ends where it fails."""

    def fail() -> None:
        raise UserError("no room")

    result: dict[str, Any] = {"rank": processes.first(lambda: processes.rank)}
    try:
        processes.first(fail)
    except (UserError, SystemExit) as error:
        result["failure"] = f"{type(error).__name__}: {error}"
    return result


def main() -> None:
    with joined_processes(torch.device("cpu")) as processes:
        processes.reporter(Reporter(Console())).console.print(f"{processes.size} processes")
        result: dict[str, object] = {
            "plain": train(processes, norm=False),
            "norm": train(processes, norm=True),
            "weight": refused(processes, weight=1e-9),
            "count": refused(processes, count=6),
            "first": told_by_first(processes),
            "sums": processes.sums([processes.rank, 0.5]),
        }
        alone = processes.parted()
        result["alone"] = None if alone is None else alone.first(lambda: alone.size)
        torch.save(result, Path(sys.argv[1]) / f"rank{processes.rank}.pt")


if __name__ == "__main__":
    main()
