"""Which `MixedOp`s share a choice, as plain data."""

from torch import nn

from pnas_supernet.gates.mixed_op import alpha_parameters, mixed_ops


def choice_numbers(network: nn.Module) -> tuple[int, ...]:
    """The number of each `MixedOp`'s choice, from 0: (0, 1, 0) if the first and the third share theirs.

    `pnas_latency` takes it as `shared`, so that it does not treat places that share a choice as independent.
    """
    numbers = {alpha: number for number, alpha in enumerate(alpha_parameters(network))}
    return tuple(numbers[op.alpha] for op in mixed_ops(network))
