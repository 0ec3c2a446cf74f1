"""Images from the loaders of a user's file."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from attrs import evolve, frozen
from torch import Tensor

from pnas_apps.ground.errors import UserError
from pnas_apps.ground.randomness import seed_of
from pnas_apps.photos.views import photo_preprocessing
from pnas_apps.steps.weights_judge import JUDGED, STATISTICS
from pnas_ops import Batches, Preprocessing
from pnas_own.data import Part
from pnas_own.first_batches import check_loaders
from pnas_own.given import Given
from pnas_supernet import seeded


@frozen(kw_only=True, eq=False)
class LoaderData:
    """`Data` of three loaders, normalized as ImageNet's photographs are."""

    name: str
    given: Given
    parts: dict[Part, Batches]
    judged: Batches
    preprocessing: Preprocessing
    seed: int
    device: torch.device
    classes: tuple[str, ...] = ()

    @property
    def sizes(self) -> tuple[int, int]:
        return len(self.parts["weights"]), len(self.judged)

    def training(self, part: Part, *purpose: str | int, start: int = 0) -> "SeededBatches":
        def prepare(pixels: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
            return self.preprocessing(pixels.to(self.device)), targets.to(self.device)

        return SeededBatches(self.given, self.parts[part], seed=seed_of(self.seed, part, *purpose), prepare=prepare)

    def judging(self) -> tuple[Batches, Batches]:
        weights, choice = (self.training(part, "judging") for part in ("weights", "choice"))
        return weights.first(STATISTICS), choice.first(JUDGED)

    def test(self) -> Batches:
        return SeededBatches(self.given, self.judged, seed=seed_of(self.seed, "test"))

    def calibration(self, count: int) -> Tensor:
        found: list[Tensor] = []
        for pixels, _ in SeededBatches(self.given, self.parts["weights"], seed=seed_of(self.seed, "calibration")):
            found.append(pixels)
            if sum(map(len, found)) >= count:
                break
        return torch.cat(found)[:count]


class SeededBatches:
    """Batches that are the same at every pass, whatever else draws from PyTorch's randomness in between.

    Args:
        given: the file whose loaders they are of: it is named where they fail.
        batches: the batches of a data loader that shuffles and augments by it.
        seed: of a pass.
        prepare: is done to each.
        most: how many are given; all if None.
    """

    def __init__(
        self,
        given: Given,
        batches: Batches,
        *,
        seed: int,
        prepare: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None,
        most: int | None = None,
    ) -> None:
        self._given, self._batches, self._seed, self._prepare = given, batches, seed, prepare
        self._most = most

    def __len__(self) -> int:
        count = len(self._batches)
        return count if self._most is None else min(count, self._most)

    def first(self, images: int) -> "SeededBatches":
        """The first of them, of at most so many images if all are as large as the first, but one batch at least."""
        most = max(1, images // len(next(iter(self))[0]))
        return SeededBatches(self._given, self._batches, seed=self._seed, prepare=self._prepare, most=most)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        with seeded(self._seed):
            stream = self._given.call("loaders", lambda: iter(self._batches))
            state = torch.get_rng_state()
        came = 0
        while self._most is None or came < self._most:
            with torch.random.fork_rng(devices=[]):
                torch.set_rng_state(state)
                batch = self._given.call("loaders", lambda: next(stream, None))
                state = torch.get_rng_state()
            if batch is None:
                break
            came += 1
            yield tuple(batch) if self._prepare is None else self._prepare(*batch)
        if not came:
            raise UserError(
                f"{self._given.path}: what loaders returned is exhausted after an earlier pass: return something that "
                "can be iterated again, such as a list of batches or a data loader"
            )


def read_loaders(given: Given, folder: Path, *, seed: int, device: torch.device) -> LoaderData:
    """Reads the loaders of a user's file for a folder.

    Raises:
        UserError: for a function that fails, and for what `check_loaders` refuses.
    """
    assert given.loaders is not None
    loaders = given.loaders
    with seeded(seed_of(seed, "loaders")):
        made: Any = given.call("loaders", lambda: loaders(folder))
    height, width = check_loaders(made, given, seed=seed_of(seed, "first"))
    weights, choice, judged = made
    preprocessing = evolve(photo_preprocessing(max(height, width)), height=height, width=width)
    return LoaderData(
        name=folder.resolve().name,
        given=given,
        parts={"weights": weights, "choice": choice, "all": weights},
        judged=judged,
        preprocessing=preprocessing,
        seed=seed,
        device=device,
    )
