"""Whether a net, the names of its classes and the test images match."""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import torch
from attrs import evolve
from torch import Tensor, nn

from pnas_export.bundles.metadata import Metadata
from pnas_export.ground.inference_copy import inference_copy
from pnas_export.ground.outputs import described, named_outputs
from pnas_export.ground.trial import tried_copy
from pnas_export.proving.judge import chosen_judge
from pnas_export.proving.labels import LabelError
from pnas_export.runtimes.comparison import Tolerance, check_tolerance
from pnas_ops import Batches, Score


def check_fit(
    module: nn.Module,
    metadata: Metadata,
    test: Batches,
    *,
    score: Score | Literal["auto"] | None,
    tolerance: Tolerance,
) -> tuple[Metadata, Score | None]:
    """Checks all test labels, before anything slow.

    Args:
        module: the one that will be exported.
        metadata: with a name for each class.
        test: batches of images as the module takes them, and of their labels.
        score: the score that will judge the files; it is tried on the first batch.
        tolerance: of the files.

    Returns:
        The metadata, with the outputs of the net; and what judges a row of a file's outputs, None if nothing does.

    Raises:
        LabelError: for different numbers of names and outputs, and for test labels that are no classes of the net.
        NetError: for a net that cannot be exported as it is.
        ValueError: for a score that is no number, and a tolerance for an unknown output.
    """
    images, targets = (part.cpu() for part in next(iter(test)))
    tried_copy(module, images[[0, -1]])
    with torch.no_grad():
        given = inference_copy(module)(images)
    outputs = named_outputs(given)
    check_tolerance(tolerance, outputs)
    rows = tuple(outputs.values())
    _check_names(metadata.labels, next(iter(outputs)), rows[0])
    judge = chosen_judge(score, targets, rows)
    if judge is not None:
        judge(given, rows, targets)
        for images, targets in test:
            judge.check(targets.cpu(), rows[0][:1].expand(len(images), *rows[0].shape[1:]))
    return evolve(metadata, outputs=described(outputs)), None if judge is None else partial(judge, given)


def _check_names(labels: Sequence[str], name: str, rows: Tensor) -> None:
    # Outputs without channels, or of integers, are not one value for each class.
    if not labels or rows.ndim < 2 or not rows.is_floating_point() or rows.shape[1] == len(labels):
        return
    if rows.ndim == 2:
        raise LabelError(
            f"the net has {rows.shape[1]} outputs, and the metadata {len(labels)} labels", "give one name per output"
        )
    raise LabelError(
        f"output {name!r} of the net has {rows.shape[1]} channels, and the metadata {len(labels)} labels",
        "give one name per channel, or no labels if these are not classes",
    )
