"""A comparison of nets as a program would make it, alone or as one of several processes; each writes its verdict."""

import io
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import torch
from attrs import evolve
from rich.console import Console
from torch import nn

import pnas_apps.steps.compare
from pnas_apps.ground.processes import Processes, joined_processes
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.image_set import ImageSet
from pnas_apps.run.compare_config import CompareConfig
from pnas_apps.run.verdict import Verdict
from pnas_apps.steps.compare import find_verdict
from pnas_apps.steps.table import Tabled
from pnas_latency import Device
from pnas_ops import Architecture, build_network, digits_mbconv_space, save_json
from small_runs import small_preset, small_run
from tables import uniform_table

SPACE = digits_mbconv_space(0.25, blocks_per_stage=1, classes=3, resolution=8)
CONFIG = CompareConfig(nets=2, epochs=3, seeds=2)


def images() -> ImageSet:
    """61 grey images of 3 classes, which two processes share unequally."""
    labels = torch.arange(61) % 3
    noise = torch.randint(150, (61, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    return ImageSet(images=(noise + 30 * labels.view(-1, 1, 1, 1)).to(torch.uint8), labels=labels, classes=tuple("abc"))


def normed_by_itself(net: Architecture, *, generator: torch.Generator) -> nn.Module:
    """A net that normalizes each image by itself, since BatchNorm sees a part of the batch in each process."""
    network = build_network(net, generator=generator)
    for module in [*network.modules()]:
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, nn.GroupNorm(1, child.num_features))
    return network


def compared(folder: Path, processes: Processes, *, batch_norm: bool) -> Verdict:
    """The verdict, which is gone on with after it was made of one net and one seed."""
    pnas_apps.steps.compare.build_network = build_network if batch_norm else normed_by_itself  # type: ignore[assignment]
    table = uniform_table(SPACE)
    elsewhere = cast(Device, SimpleNamespace(info=evolve(table.device, device="elsewhere")))
    folder.mkdir(exist_ok=True)
    run = small_run(
        folder,
        images(),
        processes.reporter(Reporter(Console(file=io.StringIO()))),
        preset=evolve(small_preset(), batch_size=20),
        space=SPACE,
        processes=processes,
    )
    verdict = partial(
        find_verdict, run, Tabled(device=elsewhere, table=table), SPACE.architecture([0, 1], name="searched")
    )
    verdict(evolve(CONFIG, nets=1, seeds=1))
    return verdict(CONFIG)


def main() -> None:
    folder = Path(sys.argv[1])
    with joined_processes(torch.device("cpu")) as processes:
        for batch_norm in (True, False):
            found = compared(folder / f"{batch_norm}", processes, batch_norm=batch_norm)
            save_json(found, folder / f"{batch_norm}-{processes.rank}.json")


if __name__ == "__main__":
    main()
