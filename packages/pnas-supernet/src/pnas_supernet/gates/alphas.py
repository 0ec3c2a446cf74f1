"""Several sets of architecture parameters for one network, one of which is in use at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn

from pnas_supernet.gates.mixed_op import alpha_parameters, mixed_ops


def copied_alphas(network: nn.Module) -> tuple[nn.Parameter, ...]:
    """Copies of the present architecture parameters of `network`, one for each choice."""
    return tuple(
        nn.Parameter(alpha.detach().clone(), requires_grad=alpha.requires_grad) for alpha in alpha_parameters(network)
    )


@contextmanager
def active_alphas(network: nn.Module, alphas: Sequence[nn.Parameter]) -> Iterator[None]:
    """In the `with` block the choices of `network` have these architecture parameters; after it, the previous ones.

    Changes and gradients in the block affect only these.

    Args:
        network: any module that holds `MixedOp`s.
        alphas: one for each choice, such as `copied_alphas` makes.

    Raises:
        ValueError: where their number or shapes differ from those of the network.
    """
    ops, before = mixed_ops(network), alpha_parameters(network)
    shapes, shapes_before = ([tuple(alpha.shape) for alpha in one] for one in (alphas, before))
    if shapes != shapes_before:
        raise ValueError(f"the network's architecture parameters have the shapes {shapes_before}, these {shapes}")
    inside = dict(zip(before, alphas, strict=True))
    own = [op.alpha for op in ops]
    try:
        for op in ops:
            op.alpha = inside[op.alpha]
        yield
    finally:
        for op, alpha in zip(ops, own, strict=True):
            op.alpha = alpha
