"""Photos that cannot be read: named once, counted, and tolerated up to a share."""

from collections.abc import Callable
from pathlib import Path

from pnas_apps.errors import UserError


class UnreadablePhotos:
    """All that a run has met.

    Args:
        photos: how many the run has.
        max_share: of them, that may be unreadable.
        tell: is given one line for each.

    Attributes:
        paths: of those met so far, in the order of their first time.
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
            raise UserError(
                f"{path} is not a readable image ({reason}); with it {count} of {self._photos} are not: remove or "
                f"replace it, or allow a larger share of unreadable ones than {self._max_share:g} (max_corrupt_share)"
            )
        self._tell(f"{path} is not a readable image ({reason}): another one of its batch is taken twice")
