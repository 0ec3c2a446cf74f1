"""The outputs of a net and its files for the test images, compared and judged batch by batch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from attrs import frozen
from torch import nn

from pnas_export.ground.outputs import named_outputs
from pnas_export.proving.basis import Basis
from pnas_export.proving.judge import Judge, chosen_judge
from pnas_export.runtimes.comparison import Comparison
from pnas_export.runtimes.runtime import LoadedFile, Runtime
from pnas_ops import Batches, Progress, Score, report_progress


@frozen(kw_only=True, eq=False)
class Answers:
    """The results of a net and its files on the test images.

    Attributes:
        images: the number of test images.
        outputs: names of the net's outputs.
        comparisons: of each file.
        judge: the source of the scores; None if nothing was judged.
        net_score: the net's mean score over the images.
        scores: the mean score of each file.
        basis_sha256: see `Basis`.
    """

    images: int
    outputs: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    judge: Judge | None
    net_score: float
    scores: tuple[float, ...]
    basis_sha256: str | None


def compared(
    net: nn.Module,
    loaded: Mapping[tuple[Path, Runtime], LoadedFile],
    test: Batches,
    *,
    score: Score | Literal["auto"] | None,
    basis: Basis,
    progress: Progress | None,
) -> Answers:
    """Goes through the test images once; only sums are kept, since the output maps of many images are large.

    Args:
        net: an `inference_copy`.
        loaded: its files.
        test, score, progress: see `prove`.
        basis: the hash to which the test images are added.

    Raises:
        ParityError, NetError: as `Comparison.add`.
        LabelError, ValueError: as a `Judge`.
    """
    comparisons = tuple(Comparison(*place) for place in loaded)
    totals = [0.0] * (1 + len(loaded))
    done, steps, count = 0, len(test) * len(totals), 0
    judge: Judge | None = None
    with torch.no_grad():
        for images, targets in test:
            images = images.cpu().contiguous()
            basis.add(images, targets)
            report_progress(progress, "proving", done, steps)
            given = net(images)
            expected = named_outputs(given)
            answers = [tuple(expected.values())]
            if not count:
                judge = chosen_judge(score, targets.cpu(), answers[0])
            for model, comparison in zip(loaded.values(), comparisons, strict=True):
                done += 1
                report_progress(progress, "proving", done, steps)
                answers.append(model.outputs(images))
                comparison.add(answers[-1], expected)
            if judge is not None:
                for index, answer in enumerate(answers):
                    totals[index] += judge(given, answer, targets.cpu()) * len(images)
            count += len(images)
            done += 1
    report_progress(progress, "proving", steps, steps)
    net_score, *scores = (total / count for total in totals)
    return Answers(
        images=count,
        outputs=tuple(expected),
        comparisons=comparisons,
        judge=judge,
        net_score=net_score,
        scores=tuple(scores),
        basis_sha256=basis.sha256,
    )
