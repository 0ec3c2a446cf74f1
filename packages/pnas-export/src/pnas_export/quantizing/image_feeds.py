"""Images in the form that onnxruntime's quantization tools read."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor


class ImageFeeds:
    """The images one by one, each as the inputs of a session: a `CalibrationDataReader` by duck typing.

    (Deriving from it would import onnxruntime here.)

    Args:
        name: of the file's input.
        images: (N, C, H, W), as the file takes them.
    """

    def __init__(self, name: str, images: Tensor) -> None:
        self._feeds: Iterator[dict[str, Any]] = iter([{name: image[None].numpy()} for image in images])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self._feeds

    def get_next(self) -> dict[str, Any] | None:
        """The inputs for the next image; None if there is none left."""
        return next(self._feeds, None)
