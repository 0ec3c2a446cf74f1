"""What a run writes for TensorBoard while it learns.

Everything that is known of a step is rewritten when the step begins or resumes, after a mark that makes TensorBoard
forget what was there: so no kill loses an epoch, and none is shown twice.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from pnas_apps.showing.choices import option_names
from pnas_apps.training.training import TrainRecord
from pnas_ops import AnySpace
from pnas_supernet import EpochRecord

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_PIXELS = 16
"""Of a probability in the heat map, each way."""


@contextmanager
def search_events(
    folder: Path, space: AnySpace, expected_ms: Callable[[Sequence[Tensor]], Tensor]
) -> Iterator[Callable[[EpochRecord], None]]:
    """Gives what takes every epoch of a search, from the first on, and writes its scalars and its probabilities.

    Args:
        folder: of the events.
        space: the space that is searched.
        expected_ms: of a sampled net, by the probabilities.
    """
    with _written(folder) as writer:

        def write(record: EpochRecord) -> None:
            scalars: dict[str, float | None] = {
                "loss/weights": record.train_loss,
                "loss/architecture": record.validation_loss,
                "accuracy/weights": record.train_accuracy,
                "accuracy/architecture": record.validation_accuracy,
                "gates/entropy": record.entropy,
                "latency/expected ms": float(expected_ms([torch.tensor(row) for row in record.probs])),
                **{f"multiplier/{name}": value for name, value in record.multipliers.items()},
            }
            names = option_names(space, [len(row) for row in record.probs])
            for place, (row, options) in enumerate(zip(record.probs, names, strict=True)):
                scalars |= {f"probabilities {place:02}/{name}": share for name, share in zip(options, row, strict=True)}
            _add(writer, scalars, record.epoch)
            writer.add_image("probabilities", heat_map(record.probs), record.epoch)

        yield write


@contextmanager
def training_events(folder: Path) -> Iterator[Callable[[TrainRecord], None]]:
    """Gives what takes every epoch of a training, from the first on, and writes its scalars."""
    with _written(folder) as writer:
        yield lambda record: _add(writer, {"loss": record.loss, "accuracy": record.accuracy}, record.epoch)


def picture_events(folder: Path, pictures: Sequence[Path]) -> None:
    """Writes pictures that are in files, each under the name of its file."""
    from PIL import Image

    with _written(folder) as writer:
        for path in pictures:
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("RGB"))
            writer.add_image(path.stem, pixels, 0, dataformats="HWC")


def heat_map(probs: Sequence[Sequence[float]]) -> Tensor:
    """A row for each place and a square for each of its candidates, the lighter the more probable: (1, H, W)."""
    rows = pad_sequence([torch.tensor(row) for row in probs], batch_first=True)
    return torch.kron(rows, torch.ones(_PIXELS, _PIXELS))[None]


@contextmanager
def _written(folder: Path) -> Iterator["SummaryWriter"]:
    from torch.utils.tensorboard import SummaryWriter

    writer: Any = SummaryWriter(str(folder), purge_step=0)
    try:
        yield writer
    finally:
        writer.close()


def _add(writer: "SummaryWriter", scalars: dict[str, float | None], step: int) -> None:
    for tag, value in scalars.items():
        if value is not None:
            writer.add_scalar(tag, value, step)
    writer.flush()
