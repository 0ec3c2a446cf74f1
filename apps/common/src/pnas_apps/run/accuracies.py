"""The accuracies of the nets that a run compares: a line for each training that is done."""

from hashlib import sha256

from attrs import evolve, frozen

from pnas_ops import Architecture, to_json

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
