"""How good a net is."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import sqrt

import torch
from torch import Tensor

from pnas_apps.ground.processes import Processes


def accuracy(
    predict: Callable[[Tensor], Tensor],
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    processes: Processes | None = None,
) -> float:
    """Share of the images whose largest logit is that of their class.

    Args:
        predict: a net in evaluation mode, or a loaded file: images (N, C, H, W) to logits (N, classes).
        batches: images and labels.
        processes: each of which has a part of every batch; the share is that of all.
    """
    found, total = [], 0.0
    with torch.inference_mode():
        for images, labels in batches:
            found.append((predict(images).argmax(dim=1) == labels).sum())
            total += len(labels)
    correct = float(sum(map(int, found)))  # read at the end: a GPU is waited for once
    if processes is not None:
        correct, total = processes.sums((correct, total))
    return correct / total


def shown_score(score: float) -> str:
    """A score as people read it: in per cent where it may be a share, else as it is."""
    return f"{score:.1%}" if is_share(score) else f"{score:.4g}"


def shown_scores(scores: Sequence[float]) -> str:
    """The least and the greatest of some scores, or the only one, as people read them."""
    return " to ".join(map(shown_score, (min(scores), max(scores))[: len(scores)]))


def is_share(score: float) -> bool:
    """Whether a score may be a share, such as an accuracy, which people read in per cent."""
    return 0 <= score <= 1


def standard_error(share: float, images: int) -> float:
    """Of a share of n images: sqrt(p (1 - p) / n), with two more of either kind: a few correct images prove little.

    See A. Agresti and B. A. Coull, "Approximate is better than 'exact'", The American Statistician, 1998.
    """
    more = images + 4
    p = (share * images + 2) / more
    return sqrt(p * (1 - p) / more)


def differ_beyond_chance(shares: Sequence[float], images: int) -> bool:
    """Whether some shares differ by more than those of equal classifiers would: a chi-squared test at 5%.

    That all were judged on the same images is left out of account, which makes nets alike rather more alike.

    Args:
        shares: of images that each net classifies correctly.
        images: that each was judged on.
    """
    from scipy.stats import chi2_contingency  # heavy

    right = [round(share * images) for share in shares]
    if len({*right}) < 2:
        return False
    return float(chi2_contingency([right, [images - count for count in right]], correction=False).pvalue) < 0.05


def no_better_line(found: float, labels: Tensor) -> str | None:
    """A line where a net is not known to be better than to always name the most frequent class; None elsewhere.

    It is not where its accuracy lies above the share of that class by no more than its standard error.

    Args:
        found: the accuracy of the net, in which an image without a class counts as wrong.
        labels: of the images that it was judged on, int64, (N,); no class below 0, such as PyTorch's `ignore_index`.
    """
    classes = labels[labels >= 0]
    images = len(classes)
    if not images:
        return None
    found *= len(labels) / images
    most = max(Counter(classes.tolist()).values()) / images
    error = standard_error(found, images)
    if found - most > error:
        return None
    return (
        "The net that ships is not shown to be better than always predicting the most frequent class, whose accuracy "
        f"is {most:.1%} on the {images} test images: the net's is {found:.1%}, with a standard error of {error:.1%}. "
        "Train longer, or on more images"
    )
