"""The images of a run, whether they come from a folder or from a user's own loaders."""

from typing import Literal, Protocol

from torch import Tensor

from pnas_ops import Batches, Preprocessing

Part = Literal["weights", "choice", "all"]
"""Of the training images: those that the weights learn on in the search, those that the choice does, and both."""


class Data(Protocol):
    """Images of a run. Shapes: N images of H x W pixels."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names; none where the targets are no classes, or the classes are not known."""

    @property
    def preprocessing(self) -> Preprocessing:
        """From pixels to the input of a net."""

    @property
    def sizes(self) -> tuple[int, int]:
        """How many training and how many test images there are; batches of them, of loaders."""

    def training(self, part: Part, *purpose: str | int, start: int = 0) -> Batches:
        """Inputs of a net, float32, (N, 3, H, W), and their targets, for an epoch that `purpose` names.

        Nobody looks at the first `start` batches.
        """

    def judging(self) -> tuple[Batches, Batches]:
        """Some of the images, by which nets are judged with the weights of a search, always the same ones.

        Whole batches of those that the weights learn on, for statistics, and of those that the choice does. They are as
        `training` has them; of a folder, not augmented.
        """

    def test(self) -> Batches:
        """All test images in order, as uint8 pixels (N, 3, H, W), with their targets."""

    def calibration(self, count: int) -> Tensor:
        """At most so many training images, as uint8 pixels (N, 3, H, W)."""
