"""What the program can be run on."""

from functools import partial
from pathlib import Path

from pnas_apps.ground.progress import Reporter
from pnas_apps.images.image_set import ImageSet, measure_preprocessing
from pnas_apps.images.memory_source import MemorySource
from pnas_apps.run.named_spaces import NamedSpace, check_space, space_of
from pnas_apps.run.preset import ImagePreset, Preset, preset_of
from pnas_apps.run.task import Task
from pnas_cifar10.datasets import holds_cifar, noise_like_cifar, read_digits, read_images
from pnas_ops import (
    Space,
    cifar_mbconv_space,
    cifar_network_space,
    cifar_tree_space,
    darts_space,
    digits_mbconv_space,
    digits_network_space,
    nas_bench_201_space,
    nas_bench_macro_space,
)

SPACES = {
    "cifar": NamedSpace(build=cifar_mbconv_space, resolution=32, blocks_per_stage=3),
    "cifar-network": NamedSpace(build=cifar_network_space, resolution=32, blocks_per_stage=3),
    "tree": NamedSpace(build=cifar_tree_space, resolution=32, blocks_per_stage=18),
    "nas-bench-macro": NamedSpace(build=nas_bench_macro_space, resolution=32, blocks_per_stage=3),
    "nas-bench-201": NamedSpace(build=nas_bench_201_space, resolution=32, blocks_per_stage=5),
    "darts": NamedSpace(build=darts_space, resolution=32, blocks_per_stage=6),
    "digits": NamedSpace(build=digits_mbconv_space, resolution=16, blocks_per_stage=3),
    "digits-network": NamedSpace(build=digits_network_space, resolution=16, blocks_per_stage=2),
    "digits-cells": NamedSpace(build=partial(nas_bench_201_space, in_channels=1), resolution=16, blocks_per_stage=1),
}


def digits_task(preset: Preset, space: Space | None, reporter: Reporter) -> Task:
    """scikit-learn's handwritten digits, made harder; `space` is that of the file that the preset names, if it does."""
    check_space(preset, SPACES, given=space)
    return _task("digits with noise", read_digits(preset.resolution), preset_of(preset, ImagePreset), space, None)


def images_task(folder: Path, download: bool, preset: Preset, space: Space | None, reporter: Reporter) -> Task:
    """CIFAR-10, or any folder of small images; `space` as for `digits_task`."""
    found = preset_of(preset, ImagePreset)
    check_space(preset, SPACES, given=space)
    images = read_images(
        folder,
        resolution=preset.resolution,
        download=download,
        max_corrupt_share=preset.max_corrupt_share,
        reporter=reporter,
    )
    return _task(folder.resolve().name, images, found, space, folder.resolve())


def pretended_task(folder: Path, preset: Preset, space: Space | None, reporter: Reporter) -> Task:
    """The task of `images_task`, with noise in place of CIFAR-10 where that is not downloaded yet."""
    found = preset_of(preset, ImagePreset)
    check_space(preset, SPACES, given=space)
    if (folder / "train").is_dir() or holds_cifar(folder):
        return images_task(folder, False, preset, space, reporter)
    reporter.warn(f"CIFAR-10 is not in {folder} and would be downloaded (170 MB): this estimate uses noise instead")
    return _task(folder.resolve().name, noise_like_cifar(preset.resolution), found, space, folder.resolve())


def _task(
    name: str, images: tuple[ImageSet, ImageSet], preset: ImagePreset, space: Space | None, data_dir: Path | None
) -> Task:
    preprocessing = measure_preprocessing(images[0])
    train, test = (
        MemorySource(images=one, augmentation=preset.augmentation, preprocessing=preprocessing) for one in images
    )
    return Task(
        name=name,
        train=train,
        test=test,
        space=space_of(preset, SPACES, classes=len(train.classes), given=space),
        data_dir=data_dir,
    )
