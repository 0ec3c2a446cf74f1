"""MobileNet blocks with other kernels and expansions."""

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from pnas_supernet.spaces.blocks import changing_convolutions, variants, whole_channels
from pnas_supernet.spaces.channels import in_channels, is_dense, is_depthwise
from pnas_supernet.spaces.hidden_widths import gate_of, hidden_widths, parts_of
from pnas_supernet.spaces.kernels import checked_sizes
from pnas_supernet.spaces.recording import running
from pnas_supernet.spaces.rules import Rule

_PATTERNS = {
    (*first, "depthwise", *gate, "dense")
    for first in ((), ("dense",), ("depthwise", "dense"))
    for gate in ((), ("gate",))
}


def inverted_residuals(*, kernel_sizes: Iterable[int] = (3, 5, 7), expansions: Iterable[float] = (3, 6)) -> Rule:
    """Every kernel size with every expansion at each inverted residual: "5x5 e3".

    An inverted residual has, in this order, a 1x1 convolution, a depthwise one, squeeze-excitation and a 1x1
    convolution; norms and activations between them are kept. If the first is missing, only the kernel changes. With
    another depthwise convolution before all these (MobileNetV4), both get the same kernel. A block and its shortcut are
    one place. Kernels are cropped or padded with zeros, and the most important channels are kept.

    Args:
        kernel_sizes: of the depthwise convolutions, odd.
        expansions: hidden channels per input channel.
    """
    sizes, factors = checked_sizes(kernel_sizes), tuple(expansions)

    def rule(path: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> Mapping[str, nn.Module] | None:
        if len(inputs) != 1:
            return None
        pattern = _pattern(module)
        if pattern not in _PATTERNS or not changing_convolutions(module) or _is_two(module):
            return None
        widths = hidden_widths(module, inputs) if pattern.count("dense") > 1 else []
        choices = {}
        for width in widths:
            giver = module.get_submodule(width.giver)
            assert is_dense(giver)
            choices = {f"e{factor:g}": {width: whole_channels(in_channels(giver) * factor)} for factor in factors}
        return running(variants(module, kernel_sizes=sizes, widths=choices), inputs)

    return rule


def _is_two(module: nn.Module) -> bool:
    """Whether both depthwise convolutions belong to blocks of their own."""
    if _pattern(module).count("depthwise") < 2:
        return False
    return any(_pattern(part).count("depthwise") == 1 and _pattern(part) in _PATTERNS for part in module.modules())


def _pattern(module: nn.Module) -> tuple[str, ...]:
    """The kinds of a module's layers with weights, except norms; "?" for what belongs to no inverted residual."""
    kinds = []
    for _, part in parts_of(module):
        if is_depthwise(part):
            kinds.append("depthwise")
        elif is_dense(part):
            kinds.append("dense" if isinstance(part, nn.Conv2d) and part.kernel_size == (1, 1) else "?")
        elif gate_of(part):
            kinds.append("gate")
        elif any(parameter.dim() > 1 for parameter in part.parameters()):
            kinds.append("?")
    return tuple(kinds)
