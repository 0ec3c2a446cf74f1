"""What one program knows that the others do not."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from pnas_apps.ground.progress import Reporter
    from pnas_apps.run.named_spaces import NamedSpace
    from pnas_apps.run.preset import ImagePreset, PhotoPreset, Preset
    from pnas_apps.run.task import Task
    from pnas_ops import Space


@frozen(kw_only=True)
class Defaults:
    """The defaults of a new run's options.

    Attributes:
        presets: folder of the program's presets.
        preset: the one that it takes by default, whose options are its flags.
        reads_photos: whether images are read all the time, which workers can do, and not once.
    """

    presets: Path
    preset: str
    reads_photos: bool


@frozen(kw_only=True)
class App(Defaults):
    """A program on a space of blocks. What is heavy to import it gives when it is called.

    Attributes:
        name: begins the names of its runs' folders.
        data_help: what may be in the folder of images.
        preset_type: what its presets are.
        read_task: images and space: of a folder, which may be filled first, or of none where they come with a library;
            the space is the one that the preset names, or that of the file that it names.
        pretended_task: the same of a folder that a download would fill, with stand-ins for images that are not there;
            None where the program cannot download.
        spaces: names of its search spaces.
        classes: how many classes these have where the command line names no number.
        named_spaces: them, by these names.
    """

    name: str
    data_help: str
    preset_type: "Callable[[], type[ImagePreset] | type[PhotoPreset]]"
    read_task: "Callable[[Path | None, bool, Preset, Space | None, Reporter], Task]"
    spaces: tuple[str, ...]
    classes: int
    named_spaces: "Callable[[], Mapping[str, NamedSpace]]"
    pretended_task: "Callable[[Path, Preset, Space | None, Reporter], Task] | None" = None

    def task_reader(
        self, folder: Path, *, download: bool, dry: bool
    ) -> "Callable[[Preset, Space | None, Reporter], Task]":
        """What reads images and space of a new run; one that is only estimated downloads nothing."""
        if download and dry and self.pretended_task is not None:
            return partial(self.pretended_task, folder)
        return partial(self.read_task, folder, download)
