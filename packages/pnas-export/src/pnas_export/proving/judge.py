"""Scores of a net and its files on a batch."""

import math
from collections.abc import Sequence
from typing import Literal

from attrs import frozen
from torch import Tensor

from pnas_export.ground.outputs import rebuilt
from pnas_export.proving.labels import LabelError, are_classes, check_labels
from pnas_export.quantizing.judging import accuracy
from pnas_ops import Score


@frozen(kw_only=True)
class Judge:
    """A score, or accuracy if that is None."""

    score: Score | None

    def __call__(self, given: object, outputs: Sequence[Tensor], targets: Tensor) -> float:
        """The score of the outputs for one batch.

        Args:
            given: the net's result for it.
            outputs: of the net or a file, in the order of `named_outputs`.
            targets: (N, ...), on the CPU.

        Raises:
            LabelError: as `check`.
            ValueError: for a score that is no finite number.
        """
        self.check(targets, outputs[0])
        if self.score is None:
            return accuracy(outputs, targets)
        found = self.score(rebuilt(given, iter(outputs)), targets)
        if not hasattr(found, "__float__") or math.prod(getattr(found, "shape", ())) != 1:  # also for NumPy
            of = f" of shape {tuple(found.shape)}" if isinstance(found, Tensor) else ""
            raise ValueError(f"score must give a number for a batch, got {type(found).__name__}{of}")
        if not math.isfinite(number := float(found)):
            raise ValueError(f"score must give a finite number for a batch, got {number}")
        return number

    def check(self, targets: Tensor, rows: Tensor) -> None:
        """Raises LabelError for targets that are no classes of `rows`, the first output, or lack a row per image."""
        if self.score is None:
            check_labels(targets, rows=rows)
        elif targets.shape[:1] != rows.shape[:1]:
            raise LabelError(
                f"the test targets of {len(rows)} images are of shape {tuple(targets.shape)}", "give a row per image"
            )


def chosen_judge(score: Score | Literal["auto"] | None, targets: Tensor, outputs: Sequence[Tensor]) -> Judge | None:
    """The judge that `prove` uses, chosen after its first batch."""
    if score == "auto":
        return Judge(score=None) if are_classes(targets, rows=outputs[0]) else None
    return None if score is None else Judge(score=score)
