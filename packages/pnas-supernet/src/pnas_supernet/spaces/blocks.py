"""Blocks with other kernels and other hidden widths."""

from collections.abc import Iterable, Mapping
from itertools import product

from torch import Tensor, nn

from pnas_supernet.spaces.hidden_widths import HiddenWidth, copy_with, hidden_widths, supposed_widths, with_width
from pnas_supernet.spaces.kernels import same_kernel, with_kernel

_MOST_WIDTHS = 3
"""The most hidden widths of a block: the two of a bottleneck, and one that its shortcut seems to make."""
_ROUNDED_FROM = 32


def widths_of_block(module: nn.Module, inputs: tuple[Tensor, ...]) -> list[HiddenWidth]:
    """The hidden widths of a module with one input, if it is a block; none for any other module.

    A module is a block if a hidden width connects different parts of it. A stage, whose widths stay inside its blocks,
    is none; neither is a long chain.
    """
    if len(inputs) != 1:
        return []
    core = ""
    while (
        len(learning := [name for name, child in _at(module, core).named_children() if list(child.parameters())]) == 1
    ):
        core += f"{learning[0]}."

    def joins(width: HiddenWidth) -> bool:
        return _part(width.giver, core) != _part(width.taker, core)

    supposed = supposed_widths(module)
    if len(supposed) > _MOST_WIDTHS or not any(map(joins, supposed)):
        return []
    widths = hidden_widths(module, inputs)
    return widths if any(map(joins, widths)) else []


def changing_convolutions(block: nn.Module) -> dict[nn.Conv2d, int]:
    """The convolutions of a block whose kernel may change, with its size, except those of size 1."""
    found = ((part, same_kernel(part)) for part in block.modules() if isinstance(part, nn.Conv2d))
    return {conv: size for conv, size in found if size is not None and size > 1}


def variants(
    block: nn.Module, *, kernel_sizes: Iterable[int], widths: Mapping[str, Mapping[HiddenWidth, int]]
) -> dict[str, nn.Module]:
    """Copies of a block with every kernel size and every choice of widths, except the block as it is.

    Args:
        block: the original.
        kernel_sizes: of all its `changing_convolutions`; empty to keep their sizes.
        widths: the number of channels of each width, by title, which follows that of the kernel: "5x5 e3".
    """
    convs = changing_convolutions(block)
    kernels = {f"{size}x{size}": dict.fromkeys(convs, size) for size in kernel_sizes} or {"": convs}
    found: dict[str, nn.Module] = {}
    seen: set[tuple[tuple[int, ...], tuple[int, ...]]] = set()
    for (kernel, sizes), (title, counts) in product(kernels.items(), (widths or {"": {}}).items()):
        structure = (tuple(sizes.values()), tuple(counts.values()))
        as_it_is = (tuple(convs.values()), tuple(width.channels for width in counts))
        if structure != as_it_is and structure not in seen:
            seen.add(structure)
            changed = copy_with(block, {conv: with_kernel(conv, size) for conv, size in sizes.items()})
            for width, count in counts.items():
                changed = with_width(changed, width, count)
            found[f"{kernel} {title}".strip()] = changed
    return found


def whole_channels(channels: float) -> int:
    """A whole number of channels; from 32 on a multiple of 8, with which processors are fast."""
    return round(channels / 8) * 8 if channels >= _ROUNDED_FROM else max(1, round(channels))


def _at(module: nn.Module, prefix: str) -> nn.Module:
    return module.get_submodule(prefix.removesuffix("."))


def _part(path: str, prefix: str) -> str:
    return path.removeprefix(prefix).split(".")[0]
