"""The accuracies of the nets that a run compares: a line for each training that is done."""

import json
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from attrs import asdict, evolve, frozen

from pnas_ops import Architecture, FormatError, from_dict, parse_json, to_json

Place = tuple[str, int, int]
"""Which training it is: the digest of the net, the epochs, and the number of the seed."""


_CHECK = "check"
"""In a line of the file: what its other values are known by."""


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


def read_finished(path: Path, *, unchanged: bool = True) -> tuple[tuple[Finished, ...], tuple[int, ...]]:
    """The trainings in a file, and the numbers of its lines, from 1, that are damaged.

    Args:
        path: of the file.
        unchanged: whether it is what was written; else a line of an earlier version, which has no check, is none.
    """
    found, damaged = list[Finished](), list[int]()
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        try:
            found.append(_checked(line, unchanged=unchanged))
        except FormatError:
            damaged.append(number)
    return tuple(found), tuple(damaged)


def finished_lines(trainings: Iterable[Finished]) -> str:
    """The inverse of `read_finished`: a line of JSON for each, with its check."""
    documents = (asdict(one) for one in trainings)
    return "".join(json.dumps(one | {_CHECK: _check(one)}, allow_nan=False) + "\n" for one in documents)


def _checked(line: str, *, unchanged: bool) -> Finished:
    """The training in a line; a FormatError for one that is damaged."""
    document = parse_json(line)
    check = document.pop(_CHECK, None) if isinstance(document, dict) else None
    training = from_dict(document, Finished)
    if check != _check(asdict(training)) and not (unchanged and check is None):
        raise FormatError("it has changed since it was written")
    return training


def _check(document: dict[str, object]) -> str:
    return sha256(json.dumps(document).encode()).hexdigest()[:16]
