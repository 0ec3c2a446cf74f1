"""Runs on a few small images, that take seconds."""

import io
from pathlib import Path

import torch
from attrs import evolve

from pnas_apps.cli.presets import read_preset
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.processes import Processes
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.image_set import ImageSet, measure_preprocessing
from pnas_apps.images.memory_source import MemorySource
from pnas_apps.run.preset import ImagePreset, structure_preset
from pnas_apps.run.run import Run
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.task import Task
from pnas_cifar10.cli import PRESETS
from pnas_latency import LatencyTable, TableEntry
from pnas_ops import DeviceInfo, Measurement, SearchSpace, Space, digits_mbconv_space, workloads

ALONE = Processes(device=torch.device("cpu"))
"""One process, on a CPU."""


def small_space() -> SearchSpace:
    """324 nets for 8 x 8 pixels and three classes."""
    return evolve(digits_mbconv_space(0.5, classes=3, resolution=8), candidates=digits_mbconv_space().candidates[::3])


def small_preset() -> ImagePreset:
    """A search of three epochs, batches of 8."""
    preset = structure_preset(read_preset("digits", PRESETS), "digits", ImagePreset)
    return evolve(
        preset,
        resolution=8,
        batch_size=8,
        search=evolve(preset.search, warmup_epochs=1, epochs=2),
        train=evolve(preset.train, epochs=4, warmup_epochs=1),
    )


def small_table(space: SearchSpace) -> LatencyTable:
    """Latencies that are the number of the entry."""
    info = DeviceInfo(device="d", runtime="r", runtime_version="1", threads=1, dtype="float32")
    wanted = dict.fromkeys(w for row in workloads(space) for w in row if not w.block.computes_nothing)
    entries = tuple(
        TableEntry(
            workload=workload,
            measurement=Measurement(latency_ms=float(index), p25_ms=0.0, median_ms=0.0, p75_ms=0.0, count=2),
        )
        for index, workload in enumerate(wanted, start=1)
    )
    return LatencyTable(device=info, measured_on="2026-01-01", entries=entries)


def printed_by_run(run: Run) -> str:
    """All that a run has printed, of one whose console writes into a text in memory."""
    assert isinstance(run.reporter.console.file, io.StringIO)
    return run.reporter.console.file.getvalue()


def small_run(
    folder: Path,
    image_set: ImageSet,
    reporter: Reporter,
    *,
    preset: ImagePreset,
    space: Space | None = None,
    processes: Processes = ALONE,
) -> Run:
    """A run on these images, which are the test images, too; of `small_space` by default."""
    images = MemorySource(
        images=image_set, augmentation=preset.augmentation, preprocessing=measure_preprocessing(image_set)
    )
    return Run(
        task=Task(name="test", train=images, test=images, space=small_space() if space is None else space),
        preset=preset,
        folder=RunFolder(folder),
        seed=0,
        reporter=reporter,
        cache=Cache(folder.parent / "cache"),
        processes=processes,
    )
