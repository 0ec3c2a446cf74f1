"""What a run works on."""

from pathlib import Path

from attrs import frozen

from pnas_apps.ground.errors import UserError
from pnas_apps.images.source import ImageSource
from pnas_apps.run.preset import Preset
from pnas_ops import Space, TreeSpace


@frozen(kw_only=True, eq=False)
class Task:
    """Images and the space to search for them.

    Attributes:
        data_dir: folder of the images; None where they come with a library.
        max_unreadable_share: of the images that are still to be read from their files, how many may be unreadable.
    """

    name: str
    train: ImageSource
    test: ImageSource
    space: Space
    data_dir: Path | None = None
    max_unreadable_share: float = 0.0


def check_task(task: Task, preset: Preset) -> None:
    """Raises a UserError where the search space takes images of other channels, or lacks what the training drops."""
    channels = len(task.train.preprocessing.mean)
    if channels != task.space.in_channels:
        raise UserError(
            f"space {preset.space!r} is for images of {task.space.in_channels} channels, these have {channels}: "
            "name another --space"
        )
    if preset.train.path_dropping and not isinstance(task.space, TreeSpace):
        raise UserError(f"space {preset.space!r} has no trees of which paths could be dropped: set path_dropping to 0")
