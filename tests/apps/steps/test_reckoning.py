"""How long a run on photos is said to take, beside clocks that are made up."""

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from attrs import evolve
from PIL import Image
from rich.console import Console

from pnas_apps.cli.presets import read_preset
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.progress import Reporter
from pnas_apps.photos.photo_set import find_photos
from pnas_apps.photos.photo_source import PhotoSource
from pnas_apps.run.compare_config import CompareConfig
from pnas_apps.run.preset import PhotoPreset, structure_preset
from pnas_apps.run.run import Run
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.task import Task
from pnas_apps.steps import reckoning
from pnas_apps.steps.pace import Pace, measure_pace
from pnas_apps.steps.reckoning import tell_time
from pnas_imagenet.cli import APP
from pnas_ops import imagenet_mbconv_space
from pnas_supernet import SearchConfig
from small_runs import printed_by_run

SIDE = 32
BATCH = 2


@pytest.fixture
def run(tmp_path: Path, reporter: Reporter) -> Run:
    """On 20 photos of two classes."""
    for name in ("blue", "red"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(10):
            Image.fromarray(np.full((SIDE, SIDE, 3), index, dtype=np.uint8)).save(
                tmp_path / "photos" / name / f"{index}.png"
            )
    preset = structure_preset(read_preset("gpu", APP.presets), "gpu", PhotoPreset)
    photos = PhotoSource(
        photos=find_photos(tmp_path / "photos", reporter=reporter), resolution=SIDE, augmentation=preset.augmentation
    )
    return Run(
        task=Task(
            name="photos",
            train=photos,
            test=photos,
            space=imagenet_mbconv_space(0.25, blocks_per_stage=1, classes=2, resolution=SIDE),
        ),
        preset=evolve(
            preset,
            resolution=SIDE,
            batch_size=BATCH,
            search_share=1.0,
            validation_size=0.5,
            baselines="",
            compare=CompareConfig(nets=1, epochs=1),
        ),
        folder=RunFolder(tmp_path / "run"),
        seed=0,
        reporter=Reporter(Console(file=io.StringIO(), width=1000)),
        cache=Cache(tmp_path / "cache"),
    )


def test_the_time_is_the_sum_of_all_batches_each_as_long_as_what_limits_it() -> None:
    config = SearchConfig(warmup_epochs=2, epochs=3, arch_interval=4)
    by_reading = Pace(reading_s=1.0, weights_s=0.5, both_s=1.25)
    assert by_reading.search_s(config, batches=10) == 5 * 10 * 1.0 + 3 * 2 * 1.0
    assert by_reading.training_s(epochs=7, batches=10) == 7 * 10 * 1.0
    assert by_reading.search_s(config, batches=10, done=3, aims=2) == 2 * 10 * 1.0 + 2 * 2 * 2 * 1.0
    by_learning = Pace(reading_s=0.25, weights_s=0.5, both_s=2.0)
    assert by_learning.search_s(config, batches=10) == 5 * 10 * 0.5 + 3 * 2 * 1.5
    assert by_learning.training_s(epochs=7, batches=10) == 7 * 10 * 0.5


def test_a_slow_reader_is_found_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Run.training_batches

    def slowly(self: Run, *arguments: Any, **options: Any) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for batch in read(self, *arguments, **options):
            time.sleep(0.2)
            yield batch

    monkeypatch.setattr(Run, "training_batches", slowly)
    pace = measure_pace(run)
    assert 0.2 <= pace.reading_s < 0.4
    assert 0 < pace.weights_s < pace.both_s


@pytest.mark.parametrize(
    ("pace", "told"),
    [
        (Pace(reading_s=0.004, weights_s=0.002, both_s=0.01), "reads 500 photos a second and trains on 1,000"),
        (Pace(reading_s=4.0, weights_s=2.0, both_s=9.0), "the search will take about 25 minutes, the trainings 69 min"),
        (Pace(reading_s=400.0, weights_s=2.0, both_s=9.0), "will take about 37.8 hours, the trainings 4.8 days"),
    ],
)
def test_a_long_run_on_photos_is_told_before_it_begins_and_a_short_one_is_not(
    run: Run, monkeypatch: pytest.MonkeyPatch, pace: Pace, told: str
) -> None:
    tell_time(run)
    assert printed_by_run(run) == ""
    monkeypatch.setattr(reckoning, "WORTH_RECKONING", 1000)
    monkeypatch.setattr(reckoning, "measure_pace", lambda run: pace)
    tell_time(run)
    # A search of 20 + 40 epochs of 5 batches and 40 architecture steps, and 100 + 4 epochs of 10 batches.
    assert told in printed_by_run(run)
    run.folder.path.mkdir()
    run.folder.search_checkpoint.touch()
    before = printed_by_run(run)
    tell_time(run)
    assert printed_by_run(run) == before
