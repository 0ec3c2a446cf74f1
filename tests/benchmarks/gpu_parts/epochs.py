"""Whole epochs of a search of CIFAR-10's size, from images in memory."""

import time
from collections.abc import Iterator
from functools import partial

import torch
from attrs import evolve

from benchmarks.gpu_parts.capturing import MODES, switch_of
from benchmarks.gpu_parts.counting import counts, places_of_waits
from benchmarks.gpu_parts.searches import RandomBatches, make_search
from benchmarks.gpu_parts.setting import Line, Setting, guarded
from pnas_ops import Batches, cifar_mbconv_space
from pnas_supernet import ProxylessNAS, SearchConfig

BATCH_SIZE = 128
IMAGES, VALIDATION_IMAGES, RESOLUTION = 40_000, 10_000, 32
FIRST_STEPS, COUNTED_STEPS = 40, 10
CONFIG = SearchConfig(warmup_epochs=1, epochs=1_000, arch_interval=5, weight_lr=1e-3, precision="bfloat16")
"""The interval of the program's presets."""


def run(setting: Setting) -> Iterator[Line]:
    """For both gates: seconds and images of an epoch, what a step of the loop waits for, and the program's images."""
    torch.backends.cudnn.benchmark = True
    for gate in ("exact", "two-path"):
        for mode in MODES:
            if setting.wants(f"{gate} {mode}"):
                where = {"case": f"{gate} {mode}"}
                yield from guarded(where, partial(_epochs, setting, evolve(CONFIG, gate=gate), mode))
    if setting.wants("program"):
        yield from guarded({"case": "program"}, lambda: _with_program_images(setting))


def _epochs(setting: Setting, config: SearchConfig, mode: str) -> Iterator[Line]:
    switched = switch_of(mode)
    search = _search(setting, config)
    validation = _batches(setting, VALIDATION_IMAGES, seed=1)
    short = _batches(setting, FIRST_STEPS * BATCH_SIZE, seed=2)
    with switched(search.network):
        # The warm-up's epoch, then one whose steps find cuDNN's kernels, and the captured graphs.
        first_s = _seconds(setting, search, short, validation)
        second_s = _seconds(setting, search, short, validation)
        yield {"first_epochs_s": [first_s, second_s], "their_steps": len(short)}
        yield _measured(setting, search, _batches(setting, IMAGES, seed=3), validation)
        waits = places_of_waits(partial(search.run_epoch, short, validation), steps=len(short))
        yield {"counted": "a step of run_epoch", "steps": len(short), **waits}
        few = _batches(setting, COUNTED_STEPS * BATCH_SIZE, seed=4)
        kernels = counts(partial(search.run_epoch, few, validation), steps=len(few))
        yield {"counted": "a step of run_epoch", "steps": len(few), **kernels}


def _with_program_images(setting: Setting) -> Iterator[Line]:
    """With the images of the program, which are cropped and mirrored."""
    from pnas_apps.images.augmentation import Augmentation
    from pnas_apps.images.batches import ImageBatches
    from pnas_apps.images.image_set import ImageSet, measure_preprocessing

    def batches(count: int, seed: int) -> Batches:
        drawn = _batches(setting, count, seed=seed)
        images = ImageSet(images=drawn.images.cpu(), labels=drawn.labels.cpu(), classes=tuple(map(str, range(10))))
        preprocessing = measure_preprocessing(images.subset(torch.arange(100)))
        if hasattr(images, "on"):  # of earlier versions they stay on the CPU
            images = images.on(setting.device)
        return ImageBatches(
            images,
            preprocessing,
            batch_size=BATCH_SIZE,
            generator=torch.Generator().manual_seed(seed),
            augmentation=Augmentation(crop_padding=4, horizontal_flip=True, cutout=0),
            device=setting.device,
        )

    search, validation = _search(setting, CONFIG), batches(VALIDATION_IMAGES, 1)
    for _ in range(2):
        _seconds(setting, search, batches(FIRST_STEPS * BATCH_SIZE, 2), validation)
    yield _measured(setting, search, batches(IMAGES, 3), validation)


def _measured(setting: Setting, search: ProxylessNAS, train: Batches, validation: Batches) -> Line:
    """Of one epoch of weights and architecture."""
    seconds = _seconds(setting, search, train, validation)
    images = len(train) * BATCH_SIZE
    return {
        "epoch_s": seconds,
        "images_per_s": round(images / seconds),
        "step_ms": round(seconds / len(train) * 1e3, 3),
    }


def _seconds(setting: Setting, search: ProxylessNAS, train: Batches, validation: Batches) -> float:
    setting.finish()
    begun = time.perf_counter()
    search.run_epoch(train, validation)
    setting.finish()
    return round(time.perf_counter() - begun, 3)


def _search(setting: Setting, config: SearchConfig) -> ProxylessNAS:
    space = cifar_mbconv_space(0.25, blocks_per_stage=1) if setting.tiny else cifar_mbconv_space()
    return make_search(space, config, setting.device)


def _batches(setting: Setting, count: int, *, seed: int) -> RandomBatches:
    return RandomBatches.of(
        2 * BATCH_SIZE if setting.tiny else count,
        RESOLUTION,
        classes=10,
        batch_size=BATCH_SIZE,
        seed=seed,
        device=setting.device,
    )
