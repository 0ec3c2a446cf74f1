"""A net as data: blocks in a chain."""

from collections.abc import Sequence
from itertools import pairwise

from attrs import field, frozen
from attrs.validators import min_len

from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.listings import counted, html_listing, images_to_classes, listing, net_rows, shortened
from pnas_ops.data.ranges import POSITIVE_INTEGER
from pnas_ops.data.specs import ClassifierSpec


def check_chain(blocks: Sequence[BlockSpec]) -> None:
    """Refuses blocks where one does not take as many channels as the block before it gives."""
    for index, (block, following) in enumerate(pairwise(blocks)):
        if block.out_channels != following.in_channels:
            raise ValueError(
                f"block {index} ({block}) gives {counted(block.out_channels, 'channel')}, "
                f"block {index + 1} ({following}) takes {following.in_channels}"
            )
        if isinstance(block.op, ClassifierSpec):
            raise ValueError(f"block {index} is a classifier, which can only be the last block")


@frozen(kw_only=True, repr=False)
class Architecture:
    """A net: its blocks from first to last, for square images of `resolution` pixels."""

    name: str
    resolution: int = field(validator=POSITIVE_INTEGER)
    blocks: tuple[BlockSpec, ...] = field(validator=min_len(1))

    def __attrs_post_init__(self) -> None:
        check_chain(self.blocks)

    @property
    def in_channels(self) -> int:
        """Channels of an image."""
        return self.blocks[0].in_channels

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """The shape of one image: (1, C, H, W)."""
        return (1, self.in_channels, self.resolution, self.resolution)

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of its inputs; there is one."""
        return (self.input_shape,)

    @property
    def classes(self) -> int:
        """Outputs of the last block."""
        return self.blocks[-1].out_channels

    @property
    def positions(self) -> tuple[tuple[BlockSpec, ...], ...]:
        """The blocks as a space with one candidate at each position."""
        return tuple((block,) for block in self.blocks)

    def __repr__(self) -> str:
        return f"<Architecture {shortened(self.name)!r}: {self._outline()}>"

    def __str__(self) -> str:
        return listing(f"{self.name}: {self._outline()}", net_rows(self.blocks, self.resolution))

    def _repr_html_(self) -> str:
        return html_listing(f"{self.name}: {self._outline()}", net_rows(self.blocks, self.resolution))

    def _outline(self) -> str:
        images = images_to_classes(self.resolution, self.in_channels, self.classes)
        return f"{counted(len(self.blocks), 'block')}, {images}"
