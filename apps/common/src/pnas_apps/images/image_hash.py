"""Which images these are."""

from hashlib import sha256

import torch

from pnas_apps.images.loading import Loading
from pnas_apps.images.source import ImageSource

_PIXELS_OF = 64
"""Images: to look at all of a large set would take minutes."""


def image_hash(images: ImageSource, loading: Loading) -> str:
    """A hash of the classes of some images, of their labels, and of the pixels of a few of them."""
    few = torch.linspace(0, len(images) - 1, min(_PIXELS_OF, len(images))).round().long()
    digest = sha256(repr(images.classes).encode())
    digest.update(images.labels.cpu().numpy().tobytes())
    for pixels, _ in images.subset(few).pixel_batches(batch_size=_PIXELS_OF, loading=loading):
        digest.update(pixels.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]
