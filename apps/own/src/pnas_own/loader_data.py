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
from pnas_ops import Batches, Preprocessing
from pnas_own.data import Part
from pnas_own.given import Given
from pnas_supernet import seeded

_WANTED = "let loaders return three: batches for the weights, for the choice, and for the test"


@frozen(kw_only=True, eq=False)
class LoaderData:
    """`Data` of three loaders, normalized as ImageNet's photographs are."""

    name: str
    parts: dict[Part, Batches]
    judged: Batches
    preprocessing: Preprocessing
    seed: int
    device: torch.device
    classes: tuple[str, ...] = ()

    @property
    def sizes(self) -> tuple[int, int]:
        return len(self.parts["weights"]), len(self.judged)

    def training(self, part: Part, *purpose: str | int, start: int = 0) -> Batches:
        def prepare(pixels: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
            return self.preprocessing(pixels.to(self.device)), targets.to(self.device)

        return SeededBatches(self.parts[part], seed=seed_of(self.seed, part, *purpose), prepare=prepare)

    def test(self) -> Batches:
        return SeededBatches(self.judged, seed=seed_of(self.seed, "test"))

    def calibration(self, count: int) -> Tensor:
        found: list[Tensor] = []
        for pixels, _ in SeededBatches(self.parts["weights"], seed=seed_of(self.seed, "calibration")):
            found.append(pixels)
            if sum(map(len, found)) >= count:
                break
        return torch.cat(found)[:count]


class SeededBatches:
    """Batches that are the same at every pass, whatever else draws from PyTorch's randomness in between.

    Args:
        batches: those of a data loader that shuffles and augments by it.
        seed: of a pass.
        prepare: is done to each.
    """

    def __init__(
        self, batches: Batches, *, seed: int, prepare: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None = None
    ) -> None:
        self._batches, self._seed, self._prepare = batches, seed, prepare

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        with seeded(self._seed):
            stream = iter(self._batches)
            state = torch.get_rng_state()
        while True:
            with torch.random.fork_rng(devices=[]):
                torch.set_rng_state(state)
                batch = next(stream, None)
                state = torch.get_rng_state()
            if batch is None:
                return
            yield tuple(batch) if self._prepare is None else self._prepare(*batch)


def read_loaders(given: Given, folder: Path, *, seed: int, device: torch.device) -> LoaderData:
    """What the loaders of a user's file give for a folder.

    Raises:
        UserError: for a function that fails, and for batches that are not as `Given` says.
    """
    assert given.loaders is not None
    loaders = given.loaders
    with seeded(seed_of(seed, "loaders")):
        made: Any = given.call("loaders", lambda: loaders(folder))
    if not isinstance(made, tuple | list) or len(made) != 3:
        raise UserError(f"{given.path}: loaders returned a {type(made).__name__}: {_WANTED}")
    for batches in made:
        if not (hasattr(batches, "__iter__") and hasattr(batches, "__len__") and len(batches)):
            raise UserError(f"{given.path}: loaders returned a {type(batches).__name__} without batches: {_WANTED}")
    weights, choice, judged = made
    pixels = given.call("loaders", lambda: next(iter(judged)))[0]
    if not isinstance(pixels, Tensor) or pixels.dtype != torch.uint8 or pixels.ndim != 4 or pixels.shape[1] != 3:
        what = f"{pixels.dtype} {tuple(pixels.shape)}" if isinstance(pixels, Tensor) else type(pixels).__name__
        raise UserError(f"{given.path}: loaders give images as {what}: give uint8 RGB pixels (N, 3, H, W)")
    height, width = pixels.shape[2:]
    preprocessing = evolve(photo_preprocessing(max(height, width)), height=height, width=width)
    return LoaderData(
        name=folder.resolve().name,
        parts={"weights": weights, "choice": choice, "all": weights},
        judged=judged,
        preprocessing=preprocessing,
        seed=seed,
        device=device,
    )
