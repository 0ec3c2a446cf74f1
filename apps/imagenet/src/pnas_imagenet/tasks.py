"""What the program can be run on."""

from pathlib import Path

from pnas_apps.ground.progress import Reporter
from pnas_apps.photos.photo_set import find_train_and_val
from pnas_apps.photos.photo_source import PhotoSource
from pnas_apps.run.named_spaces import NamedSpace, check_space, space_of
from pnas_apps.run.preset import PhotoPreset, Preset, preset_of
from pnas_apps.run.task import Task
from pnas_ops import Space, imagenet_mbconv_space, mcunet_space

SPACES = {
    "imagenet": NamedSpace(build=imagenet_mbconv_space, resolution=224, blocks_per_stage=4),
    "mcunet": NamedSpace(build=mcunet_space, resolution=144, blocks_per_stage=4),
}


def photos_task(folder: Path, preset: Preset, space: Space | None, reporter: Reporter) -> Task:
    """ImageNet, or any folder of photos; `space` is that of the file that the preset names, if it does."""
    found = preset_of(preset, PhotoPreset)
    check_space(preset, SPACES, given=space)
    train, val = (
        PhotoSource(photos=photos, resolution=found.resolution, augmentation=found.augmentation)
        for photos in find_train_and_val(folder, reporter=reporter)
    )
    return Task(
        name=folder.resolve().name,
        train=train,
        test=val,
        space=space_of(found, SPACES, classes=len(train.classes), given=space),
        data_dir=folder.resolve(),
        max_unreadable_share=found.max_corrupt_share,
    )
