"""What the nets that a run compares have come to: a line for each training that is done."""

import json
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from attrs import asdict, evolve, frozen

from pnas_ops import Architecture, FormatError, from_dict, parse_json, to_json

Place = tuple[str, int, int]
"""Which training it is: the digest of the net, the epochs, and the number of the seed."""


@frozen(kw_only=True)
class Finished:
    """A training that is done.

    Attributes:
        net: its name.
        digest: of what it is, see `digest`.
        epochs: of the training.
        seed: number of the training, from 0.
        accuracy: share of the test images.
    """

    net: str
    digest: str
    epochs: int
    seed: int
    accuracy: float

    @property
    def place(self) -> Place:
        """Which training it is."""
        return self.digest, self.epochs, self.seed


def digest(net: Architecture) -> str:
    """The SHA-256 of what a net is, whatever its name."""
    return sha256(to_json(evolve(net, name="")).encode()).hexdigest()


def read_finished(path: Path) -> tuple[Finished, ...]:
    """The trainings in a file.

    Raises:
        FormatError: naming the file, for one that holds something else.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        return tuple(from_dict(parse_json(line), Finished) for line in lines)
    except FormatError as error:
        raise FormatError(f"{path}: {error.what}") from None


def finished_lines(trainings: Iterable[Finished]) -> str:
    """The inverse of `read_finished`: a line of JSON for each."""
    return "".join(json.dumps(asdict(one), allow_nan=False) + "\n" for one in trainings)
