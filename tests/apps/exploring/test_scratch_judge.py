"""Nets judged by a short training from scratch."""

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve
from rich.console import Console

from pnas_apps.cli.presets import read_preset
from pnas_apps.exploring.scratch_judge import ScratchJudge
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.image_set import ImageSet, measure_preprocessing
from pnas_apps.images.memory_source import MemorySource
from pnas_apps.run.preset import ImagePreset, structure_preset
from pnas_apps.run.run import Run
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.task import Task
from pnas_apps.steps import net_training
from pnas_apps.training.judging import accuracy
from pnas_apps.training.training import TrainingDivergedError
from pnas_cifar10.cli import PRESETS
from pnas_ops import digits_mbconv_space

SPACE = digits_mbconv_space(0.5, blocks_per_stage=1, classes=3, resolution=8)
NET = SPACE.architecture((0,) * len(SPACE.options), name="judged")


class Unseen:
    """Images that nobody may look at but for their number."""

    def __len__(self) -> int:
        return 1

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the test images are looked at: {name}")


@pytest.fixture
def run(tmp_path: Path, image_set: ImageSet) -> Run:
    preset = structure_preset(read_preset("digits", PRESETS), "digits", ImagePreset)
    images = MemorySource(
        images=image_set, augmentation=preset.augmentation, preprocessing=measure_preprocessing(image_set)
    )
    unseen: Any = Unseen()
    return Run(
        task=Task(name="test", train=images, test=unseen, space=SPACE),
        preset=evolve(preset, batch_size=8, resolution=8),
        folder=RunFolder(tmp_path / "run"),
        seed=0,
        reporter=Reporter(Console(file=io.StringIO())),
        cache=Cache(tmp_path / "cache"),
    )


def judge(run: Run, folder: Path, *, stop_after: int | None = None) -> float:
    """The value of the net; the process is killed after so many steps."""
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1
        if steps == stop_after:
            raise KeyboardInterrupt

    one = ScratchJudge(run=run, epochs=3, folder=folder, on_step=step)
    return one.judge(NET, torch.Generator().manual_seed(1)).value


def test_a_judgement_that_was_interrupted_is_what_it_would_have_been(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pnas_apps.steps.net_training.Saves.is_worth_it", True)
    whole = judge(run, tmp_path / "whole")
    trained: list[int] = []
    seen = net_training.Training.run_epoch

    def counted(self: Any, *args: Any, **options: Any) -> Any:
        trained.append(len(self.history))
        return seen(self, *args, **options)

    monkeypatch.setattr(net_training.Training, "run_epoch", counted)
    with pytest.raises(KeyboardInterrupt):
        judge(run, tmp_path / "parts", stop_after=15)  # 1 for what is there, 5 an epoch and 1 after it
    assert judge(run, tmp_path / "parts") == whole
    assert trained == [0, 1, 2, 2]


def test_another_net_leaves_nothing_to_the_next(run: Run, tmp_path: Path) -> None:
    expected = judge(run, tmp_path / "alone")
    other = SPACE.architecture((1,) * len(SPACE.options), name="judged")
    one = ScratchJudge(run=run, epochs=3, folder=tmp_path / "both")
    one.judge(other, torch.Generator().manual_seed(1))
    assert one.judge(NET, torch.Generator().manual_seed(1)).value == expected


def test_nets_are_judged_on_training_images_that_none_learns(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learnt, judged_on = [], []

    def trained(run: Run, network: Any, *args: Any, **options: Any) -> Any:
        learnt.append(run.pixels(run.task.train))
        return network

    def judged(predict: Any, batches: Any) -> float:
        judged_on.append(sum(len(labels) for _, labels in batches))
        return accuracy(predict, batches)

    monkeypatch.setattr("pnas_apps.exploring.scratch_judge.train_network", trained)
    monkeypatch.setattr("pnas_apps.exploring.scratch_judge.accuracy", judged)
    one = ScratchJudge(run=run, epochs=2, folder=tmp_path / "judge")
    found = one.judge(NET, torch.Generator().manual_seed(1))
    assert (len(learnt[0]), judged_on) == (45, [15])  # 60 images, of which preset.validation_share is a quarter
    # Two passes over 45 images, and a look at those and the 15 others, which counts as a third of a pass.
    assert found.epochs == pytest.approx((2 * 45 + 60 / 3) / 60)


def test_a_training_that_diverges_is_told_and_never_right(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(*args: Any, **options: Any) -> None:
        raise TrainingDivergedError("the loss is nan at epoch 0, step 3", "lower the learning rate")

    monkeypatch.setattr("pnas_apps.exploring.scratch_judge.train_network", diverge)
    one = ScratchJudge(run=run, epochs=3, folder=tmp_path / "judge")
    assert one.judge(NET, torch.Generator().manual_seed(1)).value == 0
    assert isinstance(run.reporter.console.file, io.StringIO)
    assert "the loss is nan at epoch 0, step 3: the net counts as 0% accurate" in run.reporter.console.file.getvalue()
