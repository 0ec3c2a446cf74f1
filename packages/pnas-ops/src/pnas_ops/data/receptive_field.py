"""The receptive field: how much of an image a pixel of a feature map depends on."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil

from attrs import evolve, frozen


@frozen(kw_only=True)
class Window:
    """What a pixel of a result reads, along one dimension.

    Attributes:
        reads: the number of pixels from the first to the last that it reads, (kernel - 1) * dilation + 1; for a
            transposed convolution, the share of these that are pixels of its input.
        stride: the pixels from one window to the next; less than 1 where the map is enlarged.
    """

    reads: Fraction
    stride: Fraction


@frozen(kw_only=True)
class Extent:
    """What pixels of a map see along one dimension of an image.

    With windows of k pixels and stride s: r' = r + (k - 1) j and j' = j s (Araujo, Norris, Sim, "Computing Receptive
    Fields of Convolutional Neural Networks", Distill 2019). An enlarged map has several pixels for each one of the map
    before; windows over them add a whole number of that map's steps, rounded up.

    Attributes:
        sees: the most pixels of the image that a pixel of the map sees; r, before the map was enlarged.
        more: what windows have added since then.
        step: between pixels of the map before it was enlarged, in pixels of the image.
        jump: the same for the present map, j.
    """

    sees: int = 1
    more: Fraction = Fraction(0)
    step: Fraction = Fraction(1)
    jump: Fraction = Fraction(1)

    @property
    def pixels(self) -> int:
        """The most that a pixel may see; pixels of an enlarged map may see different numbers."""
        return self.sees + ceil(ceil(self.more / self.step) * self.step)

    def through(self, window: Window) -> "Extent":
        """The extent of a map whose pixels read windows of this one."""
        read = evolve(self, more=self.more + (window.reads - 1) * self.jump, jump=self.jump * window.stride)
        if read.jump < read.step:
            return read
        return Extent(sees=read.pixels, step=read.jump, jump=read.jump)


@frozen
class ReceptiveField:
    """The extents along each dimension of an image."""

    extents: tuple[Extent, ...]

    def through(self, windows: Sequence[Window]) -> "ReceptiveField":
        """The field of a map whose pixels read windows of this one, one window for each dimension."""
        return ReceptiveField(
            tuple(extent.through(window) for extent, window in zip(self.extents, windows, strict=True))
        )

    def joined(self, other: "ReceptiveField") -> "ReceptiveField":
        """The field of a map that reads both at the same place: the larger one along each dimension."""
        pairs = zip(self.extents, other.extents, strict=True)
        return ReceptiveField(tuple(max(pair, key=lambda extent: (extent.pixels, extent.more)) for pair in pairs))

    @property
    def pixels(self) -> tuple[int, ...]:
        """The size along each dimension, in pixels."""
        return tuple(extent.pixels for extent in self.extents)
