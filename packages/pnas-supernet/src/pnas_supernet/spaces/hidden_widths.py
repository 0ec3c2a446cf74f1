"""Channels that exist only inside a block, found by structure and proven by a forward pass."""

import copy
from collections.abc import Iterator, Mapping

import torch
from attrs import frozen
from torch import Tensor, nn

from pnas_supernet.spaces.channels import (
    Dense,
    carrying,
    chosen_channels,
    giving,
    holds_layers,
    in_channels,
    is_dense,
    is_depthwise,
    is_per_channel,
    out_channels,
    taking,
)
from pnas_supernet.spaces.recording import output_of

_ROUNDING = 1e-6
"""More than rounding errors in float64, and less than the effect of any channel."""


@frozen
class HiddenWidth:
    """A number of channels that can change without changing anything outside of the block.

    Attributes:
        giver: path of the dense layer that outputs these channels.
        carriers: paths of layers that then treat each separately: BatchNorm, depthwise convolutions.
        gates: paths of squeeze-excitations in between: the dense layer that takes the channels, and the one that
            outputs them.
        taker: path of the dense layer that takes them.
        channels: their number.
    """

    giver: str
    carriers: tuple[str, ...]
    gates: tuple[tuple[str, str], ...]
    taker: str
    channels: int


def hidden_widths(block: nn.Module, inputs: tuple[Tensor, ...]) -> list[HiddenWidth]:
    """The hidden widths of a block, from first to last.

    Layers are assumed to follow one another in the order of registration. Then each width is proven: with half of its
    channels, the block must give the same output as when the other half has no effect. This uses random weights, since
    zeros, with which last layers often start, would prove everything. On the meta device nothing can be proven.
    """
    if any(value.is_meta for value in block.parameters()):
        return []
    generator = torch.Generator().manual_seed(0)
    drawn = tuple(
        torch.randn(value.shape, generator=generator, dtype=torch.float64).to(value.device)
        if value.is_floating_point()
        else value
        for value in inputs
    )
    drawn_block = copy.deepcopy(block).double()
    _draw_weights(drawn_block, generator)
    return [width for width in supposed_widths(block) if _holds(drawn_block, width, drawn)]


def supposed_widths(block: nn.Module) -> list[HiddenWidth]:
    """The hidden widths if the layers follow one another in the order of registration."""
    found: list[HiddenWidth] = []
    giver: tuple[str, Dense] | None = None
    carriers: list[str] = []
    gates: list[tuple[str, str]] = []
    for path, part in parts_of(block):
        channels = 0 if giver is None else out_channels(giver[1])
        if is_dense(part):
            if giver is not None and in_channels(part) == channels:
                found.append(HiddenWidth(giver[0], tuple(carriers), tuple(gates), path, channels))
            giver, carriers, gates = (path, part), [], []
        elif (gate := gate_of(part)) and in_channels(_dense(part, gate[0])) == channels:
            gates.append((f"{path}.{gate[0]}", f"{path}.{gate[1]}"))
        elif (is_depthwise(part) and part.in_channels == channels) or is_per_channel(part, channels):
            carriers.append(path)
        else:
            giver = None
    return found


def with_width(block: nn.Module, width: HiddenWidth, count: int) -> nn.Module:
    """A copy of the block with `count` of these channels.

    Fewer channels are the most important ones, see `chosen_channels`; with more, the block gives the same outputs at
    first.
    """
    chosen = chosen_channels(_dense(block, width.taker), count)
    takers = [_dense(block, path) for path in (width.taker, *(first for first, _ in width.gates))]
    givers = [_dense(block, path) for path in (width.giver, *(second for _, second in width.gates))]
    carriers = [block.get_submodule(path) for path in width.carriers]
    changes: dict[nn.Module, nn.Module] = {layer: taking(layer, chosen) for layer in takers}
    changes |= {layer: giving(layer, chosen) for layer in givers}
    changes |= {layer: carrying(layer, chosen) for layer in carriers}
    return copy_with(block, changes)


def copy_with(block: nn.Module, changes: Mapping[nn.Module, nn.Module]) -> nn.Module:
    """A copy of the block in which some of its parts are others."""
    # deepcopy uses what the memo holds for an object as its copy.
    return copy.deepcopy(block, {id(old): new for old, new in changes.items()})


def parts_of(block: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The layers of a block in the order of their registration, and whole squeeze-excitations.

    A norm that holds its activation is one layer.
    """
    for name, child in block.named_children():
        path = f"{prefix}{name}"
        if gate_of(child) or not holds_layers(child):
            yield path, child
        else:
            yield from parts_of(child, f"{path}.")


def gate_of(module: nn.Module) -> tuple[str, str] | None:
    """The names of both dense layers of a squeeze-excitation: C channels to fewer and back, nothing else to learn."""
    children = dict(module.named_children())
    learning = [name for name, child in children.items() if [*child.parameters(), *child.buffers()]]
    if len(learning) != 2:
        return None
    first, second = (children[name] for name in learning)
    if not (is_dense(first) and is_dense(second)) or (isinstance(first, nn.Conv2d) and first.kernel_size != (1, 1)):
        return None
    narrow, wide = out_channels(first), in_channels(first)
    back = in_channels(second) == narrow and out_channels(second) == wide
    return (learning[0], learning[1]) if back and narrow < wide else None


def _holds(block: nn.Module, width: HiddenWidth, inputs: tuple[Tensor, ...]) -> bool:
    chosen = chosen_channels(_dense(block, width.taker), max(1, width.channels // 2))
    silent = [channel for channel in range(width.channels) if channel not in set(chosen.tolist())]
    muted = copy.deepcopy(block)
    with torch.no_grad():
        for path in (width.taker, *(first for first, _ in width.gates)):
            _dense(muted, path).weight[:, silent] = 0
    try:
        whole, expected = output_of(block, inputs), output_of(muted, inputs)
        given = output_of(with_width(block, width, len(chosen)), inputs)
    except Exception:
        # Another layer takes these channels too, and PyTorch complains that there are too few; or the block does more
        # with its layers than call them on a tensor, or does not run in float64.
        return False
    assert isinstance(whole, Tensor)
    assert isinstance(expected, Tensor)
    assert isinstance(given, Tensor)
    return bool((given - expected).norm() < _ROUNDING * (whole - expected).norm())


def _draw_weights(block: nn.Module, generator: torch.Generator) -> None:
    """Draws weights that keep the scale of activations, and scales and shifts about 1."""
    with torch.no_grad():
        for parameter in block.parameters():
            if parameter.dim() > 1:
                drawn = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
                parameter.copy_(drawn / max(1, parameter[0].numel()) ** 0.5)
            else:
                parameter.copy_(0.5 + torch.rand(parameter.shape, generator=generator, dtype=torch.float64))


def _dense(block: nn.Module, path: str) -> Dense:
    layer = block.get_submodule(path)
    assert is_dense(layer)
    return layer
