"""A search's last choice by judged nets, alone, as one of several processes, or killed in the middle of judging."""

import io
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

import torch
from attrs import evolve
from rich.console import Console

from pnas_apps.ground.processes import Processes, joined_processes
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.image_set import ImageSet
from pnas_apps.run.run import Run
from pnas_apps.steps.land import land_run
from pnas_apps.steps.saving import Saves
from pnas_apps.steps.table import Tabled
from pnas_latency import Budget, Device, Landing
from pnas_ops import Judgement, save_json
from pnas_supernet import InheritedWeights, SuperNet
from small_runs import ALONE, small_preset, small_run, small_space, small_table

NETS = 9
"""That are judged: two processes share them unequally."""


def images() -> ImageSet:
    """90 grey images of 3 classes, of which the class is hidden in noise, so that nets differ."""
    labels = torch.arange(90) % 3
    noise = torch.randint(120, (90, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    return ImageSet(images=(noise + 40 * labels.view(-1, 1, 1, 1)).to(torch.uint8), labels=labels, classes=tuple("abc"))


def made_run(folder: Path, processes: Processes = ALONE) -> Run:
    folder.mkdir(exist_ok=True)
    reporter = processes.reporter(Reporter(Console(file=io.StringIO(), width=100)))
    preset = evolve(small_preset(), judged_nets=NETS)
    run = small_run(folder, images(), reporter, preset=preset, processes=processes)
    return evolve(run, budget=Budget(latency_ms=40.0))


def landed(run: Run, *, seed: str = "supernet") -> Landing:
    """The landing of a run whose supernet has weights that are drawn."""
    table = small_table(small_space())
    elsewhere = cast(Device, SimpleNamespace(info=evolve(table.device, device="elsewhere")))
    supernet = SuperNet(run.task.space, generator=run.generator(seed))
    return land_run(run, Tabled(device=elsewhere, table=table), supernet)


def kill_when_judged(count: int) -> None:
    """Lets this process end by SIGKILL as soon as it begins to judge another net than so many; all are kept at once."""
    mock.patch.object(Saves, "is_worth_it", new=True).start()
    left, judge = iter(range(count)), InheritedWeights.judge

    def killing(self: InheritedWeights[Any], net: Any, generator: torch.Generator) -> Judgement:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)
        return judge(self, net, generator)

    mock.patch.object(InheritedWeights, "judge", new=killing).start()


def main() -> None:
    folder, *counts = sys.argv[1:]
    for count in counts:
        kill_when_judged(int(count))
    with joined_processes(torch.device("cpu")) as processes:
        found = landed(made_run(Path(folder) / "run", processes))
        save_json(found, Path(folder) / f"{processes.rank}.json")


if __name__ == "__main__":
    main()
