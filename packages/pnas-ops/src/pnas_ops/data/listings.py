"""Blocks as lines of a table, for the Python prompt and notebooks."""

from collections.abc import Iterable, Sequence

from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.cells import CellStackSpec
from pnas_ops.data.html_table import html_table
from pnas_ops.data.specs import OpSpec, TreeBlockSpec
from pnas_ops.data.tree_texts import cells_texts, trees_text

_HEADINGS = ("block", "image", "operation", "channels", "stride", "shortcut")


def shortened(text: str, longest: int = 40) -> str:
    """A text of unknown origin, such as the name of a net, in one line of at most `longest` characters.

    What cannot be printed becomes a question mark: an escape would take up to ten characters more.
    """
    line = "".join(one if one.isprintable() else "?" for one in " ".join(text.split()))
    return line if len(line) <= longest else f"{line[: max(0, longest - 3)]}..."[:longest]


def counted(count: int, noun: str) -> str:
    """A number with its noun: "1 block", "2 blocks"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def images_to_classes(resolution: int, in_channels: int, classes: int) -> str:
    """The input and output of a net: "224x224x3 to 1000 classes"."""
    return f"{resolution}x{resolution}x{in_channels} to {classes} {'class' if classes == 1 else 'classes'}"


def operation_text(op: OpSpec) -> str:
    """The name of an operation; trees are written as sums, cells node by node."""
    if isinstance(op, CellStackSpec):
        return "; ".join(cells_texts(op))
    return f"tree{op.hidden_channels}: {trees_text(op)}" if isinstance(op, TreeBlockSpec) else str(op)


def listing(title: str, rows: Iterable[Sequence[str]]) -> str:
    """The title, and each row as a line, with the columns aligned."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in table)
    return "\n".join([title, *(f"  {line}".rstrip() for line in lines)])


def html_listing(title: str, rows: Iterable[Sequence[str]], *more: str) -> str:
    """The same for a notebook; `more` are headings of columns after those of `block_rows`."""
    return html_table(title, (*_HEADINGS, *more), list(rows))


def net_rows(blocks: Sequence[BlockSpec], resolution: int) -> list[tuple[str, ...]]:
    """The `block_rows` of a net."""
    return block_rows([(operation_text(block.op), block) for block in blocks], resolution)


def block_rows(blocks: Iterable[tuple[str, BlockSpec]], resolution: int) -> list[tuple[str, ...]]:
    """Number, size of the image, operation, channels, stride and shortcut of each block of a net.

    Args:
        blocks: each with the text for its operation.
        resolution: of the images, in pixels.
    """
    rows: list[tuple[str, ...]] = []
    for number, (text, block) in enumerate(blocks):
        image, channels = f"{resolution}x{resolution}", f"{block.in_channels}->{block.out_channels}"
        stride, shortcut = f"s{block.stride}" if block.stride > 1 else "", "+x" if block.residual else ""
        rows.append((str(number), image, text, channels, stride, shortcut))
        resolution = block.output_size(resolution)
    return rows
