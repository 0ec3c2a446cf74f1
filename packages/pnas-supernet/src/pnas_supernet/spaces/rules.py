"""Rules, which give the places where a net may change and their candidates; and combinations of rules."""

from collections.abc import Callable, Mapping

from torch import Tensor, nn

from pnas_supernet.spaces.recording import output_of

Rule = Callable[[str, nn.Module, tuple[Tensor, ...]], Mapping[str, nn.Module] | None]
"""Called with the path of a module, the module, and zeros that look like its inputs (none if it cannot be a place).

Returns further candidates by title, as separate modules with outputs of the same shape, or nothing if the module is no
place. The module itself is always a candidate. Only inspect or copy it: sharing or changing its parts would change the
net.
"""


def first_of(*rules: Rule) -> Rule:
    """The candidates of the first rule that has any for a module."""

    def rule(path: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> Mapping[str, nn.Module] | None:
        return next((found for one in rules if (found := one(path, module, inputs))), None)

    return rule


def with_skip(rule: Rule, *, skip: Callable[[], nn.Module] = nn.Identity) -> Rule:
    """The candidates of a rule, and "skip" where the output has the shape of the input.

    Args:
        rule: finds the places. This package's rules take a block with its shortcut.
        skip: makes the candidate: `nn.Identity` returns the input, which skips such a block; `pnas_ops.Zero` skips a
            branch whose output the net adds to its input outside of the place.
    """

    def skipping(path: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> Mapping[str, nn.Module] | None:
        found = rule(path, module, inputs)
        if not found or len(inputs) != 1:
            return found
        output = output_of(module, inputs)
        if not isinstance(output, Tensor) or (output.shape, output.dtype) != (inputs[0].shape, inputs[0].dtype):
            return found
        return {**found, "skip": skip()}

    return skipping
