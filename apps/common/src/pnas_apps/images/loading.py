"""How images are read from their files, and how unreadable ones are handled."""

from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from pnas_apps.ground.errors import UserError
from pnas_apps.images.unreadable import share_flag, shown


class UnreadablePhotos:
    """The unreadable photos that a run has met.

    Args:
        photos: how many the run has.
        max_share: of them, that may be unreadable.
        tell: is given one line for each.

    Attributes:
        paths: of the unreadable photos so far, in the order in which they were met first.
    """

    def __init__(self, photos: int, *, max_share: float = 0.0, tell: Callable[[str], None]) -> None:
        self.paths: list[Path] = []
        self._photos = photos
        self._max_share = max_share
        self._tell = tell

    def note(self, path: Path, reason: str) -> None:
        """Takes down one file, for the first or another time.

        Raises:
            UserError: naming it and how many there are, where they are too many.
        """
        if path in self.paths:
            return
        self.paths.append(path)
        if len(self.paths) > self._max_share * self._photos:
            count = len(self.paths)
            allowing = share_flag(count, self._photos)
            raise UserError(
                f"{shown(path)} is not a readable image ({reason}); now {count} of {self._photos} are unreadable: "
                f"replace it, or allow a larger share than {self._max_share:g} with --no-check {allowing}"
            )
        self._tell(f"{shown(path)} is not a readable image ({reason}): another image of its batch is used twice")


@frozen(kw_only=True, eq=False)
class Loading:
    """How photos are read; nothing here changes a batch of one process.

    Attributes:
        unreadable: takes down what cannot be read.
        workers: processes that decode and augment; 0 to do it in this one.
        rank: number of this process among those that work on the same batches.
        world_size: how many they are.
    """

    unreadable: UnreadablePhotos
    workers: int = 0
    rank: int = 0
    world_size: int = 1
