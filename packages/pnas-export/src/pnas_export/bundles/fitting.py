"""Whether a net, the names of its classes and the test images belong together."""

import torch
from torch import Tensor, nn

from pnas_export.bundles.metadata import Metadata
from pnas_export.ground.outputs import output_tensors
from pnas_export.ground.trial import tried_copy
from pnas_export.proving.labels import LabelError, check_labels
from pnas_ops import Batches


def check_fit(module: nn.Module, metadata: Metadata, test: Batches) -> None:
    """Goes through all test labels, before anything slow.

    Args:
        module: what will be exported.
        metadata: with a name for each class.
        test: batches of images as the module takes them, and of their labels.

    Raises:
        LabelError: for another number of names than of outputs, and for test labels that are no classes of the net.
        NetError: for a net that cannot be exported as it is.
    """
    rows: Tensor | None = None
    for images, labels in test:
        if rows is None:
            rows = _logits(module, images[:1].cpu())
            if rows.ndim == 2 and rows.shape[1] != len(metadata.labels):
                raise LabelError(
                    f"the net has {rows.shape[1]} outputs, and the metadata {len(metadata.labels)} labels",
                    "give one name an output",
                )
        check_labels(labels, rows=rows.expand(len(images), *rows.shape[1:]))
    if rows is None:
        raise ValueError("a proof needs at least one test image")


def _logits(module: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        return output_tensors(tried_copy(module, images)(images))[0]
