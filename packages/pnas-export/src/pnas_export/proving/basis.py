"""A hash of what a proof rests on beside its files: with the same hash, an earlier proof is still valid."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Literal

import torch
from torch import Tensor

from pnas_export.runtimes.comparison import Tolerance
from pnas_ops import Batches, Score, processor_name

_PROTOCOL = 1
"""Of proving. What one of an earlier protocol says is not mixed with what is found today."""


class Basis:
    """The SHA-256 of the test images with their targets, of how they judge, and of the processor.

    Args:
        score, tolerance: as `pnas_export.prove` has them.

    Attributes:
        is_known: whether there is such a hash; there is none where a user's own function judges.
    """

    def __init__(self, score: Score | Literal["auto"] | None, tolerance: Tolerance) -> None:
        # What a user's own function does today, nobody knows.
        self.is_known = score is None or score == "auto"
        tolerances = sorted(tolerance.items()) if isinstance(tolerance, Mapping) else tolerance
        self._hash = sha256(repr((_PROTOCOL, str(score), tolerances, processor_name())).encode())

    def add(self, images: Tensor, targets: Tensor) -> None:
        """A batch of the test images, as the net takes them."""
        for part in (images, targets):
            self._hash.update(repr((part.dtype, tuple(part.shape))).encode())
            self._hash.update(part.cpu().contiguous().flatten().view(torch.uint8).numpy().data)

    @property
    def sha256(self) -> str | None:
        """The hash in hexadecimal digits; None where a user's own function judges."""
        return self._hash.hexdigest() if self.is_known else None


def basis_of(test: Batches, score: Score | Literal["auto"] | None, tolerance: Tolerance) -> str | None:
    """The hash of a proof on these images, by a pass over them; None, at once, where there is none."""
    basis = Basis(score, tolerance)
    for images, targets in test if basis.is_known else ():
        basis.add(images, targets)
    return basis.sha256
