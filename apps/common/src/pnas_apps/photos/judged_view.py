"""The part of a photo that a net is judged on, as its bundle says. Shapes: C channels, H x W pixels."""

from pathlib import Path

import numpy as np
import torch
from attrs import frozen
from PIL import Image
from torch import Tensor

from pnas_apps.images.image_file import UnreadableImageError, open_image
from pnas_apps.photos.views import centered_side, middle
from pnas_ops import Preprocessing


@frozen(kw_only=True)
class JudgedView:
    """Reads photos as the test images of a run were read.

    Attributes:
        preprocessing: of the net.
        of_photos: whether the test images were photos, read whenever they are looked at: then a JPEG file is decoded at
            a smaller size where that does, and a bundle that does not say how photos were cut out, since it is old, was
            judged as all were then.
        as_is: whether an image is what the net sees already.
    """

    preprocessing: Preprocessing
    of_photos: bool
    as_is: bool = False

    def __call__(self, path: Path) -> Tensor:
        """The view: uint8, (C, H, W).

        Raises:
            UnreadableImageError: for a file that is missing, not an image, or `as_is` of another size.
        """
        if not path.is_file():  # a pipe would be waited for
            raise UnreadableImageError("it is not a file")
        with open_image(path) as photo:
            if self.as_is:
                pixels = photo.decode()
                if tuple(pixels.shape[1:]) != self._size:
                    found = f"{pixels.shape[1]} x {pixels.shape[2]}"
                    raise UnreadableImageError(f"it has {found} pixels, and the net's input {self._shown_size}")
            else:
                pixels = middle(photo, self._size, self._shorter_side, shrinks=self.of_photos)
        return pixels if self.preprocessing.channels == "RGB" else _grey(pixels)

    @property
    def _size(self) -> tuple[int, int]:
        return self.preprocessing.height, self.preprocessing.width

    @property
    def _shown_size(self) -> str:
        return f"{self.preprocessing.height} x {self.preprocessing.width}"

    @property
    def _shorter_side(self) -> int:
        size = max(self._size)
        return self.preprocessing.shorter_side or (centered_side(size) if self.of_photos else size)


def _grey(pixels: Tensor) -> Tensor:
    """Pillow's grey of RGB pixels, (1, H, W): that of a grey image is the image itself, which torchvision's is not."""
    image = Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy()).convert("L")
    return torch.from_numpy(np.array(image))[None]
