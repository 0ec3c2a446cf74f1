"""A GPU whose memory does not suffice: pretended, since none is here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve
from torch import nn

import pnas_apps.training.training
from pnas_apps.cli.presets import read_preset
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.image_set import ImageSet, measure_preprocessing
from pnas_apps.images.memory_source import MemorySource
from pnas_apps.run.preset import ImagePreset, structure_preset
from pnas_apps.run.run import Run
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.task import Task
from pnas_apps.steps.memory import within_memory
from pnas_apps.steps.net_training import retrain
from pnas_apps.steps.supernet_search import run_search
from pnas_cifar10.cli import PRESETS
from pnas_ops import SearchSpace, digits_mbconv_space
from pnas_supernet import SuperNet, has_checkpoint
from tables import uniform_table

SPACE: SearchSpace = evolve(
    digits_mbconv_space(0.5, classes=3, resolution=8, blocks_per_stage=1),
    candidates=digits_mbconv_space().candidates[::3],
)
TABLE = uniform_table(SPACE)
BATCH = 8


@pytest.fixture
def make_run(tmp_path: Path, image_set: ImageSet, reporter: Reporter) -> Callable[[int], Run]:
    """A run that cuts its batches into so many parts, in the same folder again and again."""
    plain = structure_preset(read_preset("digits", PRESETS), "digits", ImagePreset)

    def make(parts: int) -> Run:
        preset = evolve(
            plain,
            resolution=8,
            batch_size=BATCH,
            search=evolve(plain.search, warmup_epochs=1, epochs=1, micro_batches=parts),
            train=evolve(plain.train, epochs=2, warmup_epochs=0, micro_batches=parts),
        )
        images = MemorySource(
            images=image_set, augmentation=preset.augmentation, preprocessing=measure_preprocessing(image_set)
        )
        return Run(
            task=Task(name="test", train=images, test=images, space=SPACE),
            preset=preset,
            folder=RunFolder(tmp_path / "run"),
            seed=0,
            reporter=reporter,
            cache=Cache(tmp_path / "cache"),
        )

    return make


class Memory:
    """Holds so many images at once, from the moment on that it is full."""

    def __init__(self, images: int, *, calls_before: int = 0) -> None:
        self._images, self._calls_before = images, calls_before

    def take(self, module: nn.Module, inputs: tuple[Any, ...]) -> None:
        self._calls_before -= 1
        if module.training and self._calls_before < 0 and len(inputs[0]) > self._images:
            raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2.00 GiB.")


def test_the_least_number_of_parts_that_suffices_is_told_and_the_search_goes_on_with_it(
    make_run: Callable[[int], Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    init = SuperNet.__init__

    def with_memory(supernet: SuperNet, *args: Any, **options: Any) -> None:
        init(supernet, *args, **options)
        supernet.register_forward_pre_hook(memory.take)

    monkeypatch.setattr(SuperNet, "__init__", with_memory)
    memory = Memory(2, calls_before=6)  # the warm-up has five steps
    with pytest.raises(
        UserError,
        match=r"batches of 8 images in 1 part do not fit .*, but in 4 they do: add --search-micro-batches 4 .* resumes",
    ):
        run_search(make_run(1), TABLE, TABLE.predict_ms)
    folder = make_run(4).folder
    assert has_checkpoint(folder.search_checkpoint)
    begun = folder.history.read_text()
    _, history = run_search(make_run(4), TABLE, TABLE.predict_ms)
    assert [record.phase for record in history] == ["warm-up", "search"]
    assert folder.history.read_text().startswith(begun)


def test_a_training_goes_on_in_more_parts_too(make_run: Callable[[int], Run], monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory(4, calls_before=7)  # an epoch has seven steps
    view = pnas_apps.training.training.training_view

    def with_memory(*args: Any, **options: Any) -> nn.Module:
        viewed = view(*args, **options)
        viewed.register_forward_pre_hook(memory.take)
        return viewed

    monkeypatch.setattr(pnas_apps.training.training, "training_view", with_memory)
    supernet = SuperNet(SPACE, generator=torch.Generator().manual_seed(0))
    net = SPACE.architecture([0] * len(SPACE.mixed), name="net")
    run = make_run(1)
    with pytest.raises(
        UserError, match=r"in 1 part do not fit .*, but in 2 they do: add --train-micro-batches 2 .*, and it resumes"
    ):
        retrain(run, supernet, net, run.preset.train)
    folder = run.folder.network("net")
    begun = folder.history.read_text()
    assert begun.count("\n") == 1
    retrain(run, supernet, net, make_run(2).preset.train)
    assert folder.history.read_text().startswith(begun)
    assert folder.history.read_text().count("\n") == 2


def test_what_fits_in_no_number_of_parts_is_told_with_another_way_out() -> None:
    tried = []

    def attempt(parts: int) -> None:
        tried.append(parts)
        raise torch.OutOfMemoryError

    with pytest.raises(
        UserError, match="batches of 20 images in 3 parts do not fit the GPU's memory, nor in more: start ano"
    ):
        within_memory(lambda: attempt(3), flag="--parts", parts=3, images=20, attempt=attempt)
    assert tried == [3, 6]  # two images are the least that BatchNorm takes


@pytest.mark.parametrize(
    "said",
    [
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_memory_that_does_not_suffice_is_known_whoever_says_so(said: str) -> None:
    def work() -> None:
        raise RuntimeError(said)

    with pytest.raises(UserError, match=r"in 1 part .*, but in 2 they do: add --parts 2"):
        within_memory(work, flag="--parts", parts=1, images=8, attempt=lambda parts: None)


def test_what_fits_is_done_and_other_errors_are_their_own() -> None:
    assert within_memory(lambda: "done", flag="", parts=1, images=8, attempt=lambda parts: None) == "done"
    with pytest.raises(RuntimeError, match="shape"):
        within_memory(lambda: torch.ones(2).view(3), flag="", parts=1, images=8, attempt=lambda parts: None)
    with pytest.raises(ZeroDivisionError):
        within_memory(lambda: 1 // 0, flag="", parts=1, images=8, attempt=lambda parts: None)


def test_a_run_may_go_on_in_another_number_of_parts_alone(make_run: Callable[[int], Run]) -> None:
    one, other = make_run(1).preset, make_run(4).preset
    assert one == other
    assert one != evolve(other, search=evolve(other.search, epochs=2))
