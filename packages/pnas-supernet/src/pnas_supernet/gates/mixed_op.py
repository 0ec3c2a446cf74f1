"""The over-parameterized operation: N candidates at one place, one path alive (ProxylessNAS, section 3.1)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from pnas_supernet.gates.path import GatePath, Sampler


class MixedOp(nn.Module):
    """N candidates of equal output shape; the active path says which of them is run and how it is gated.

    Args:
        candidates: the operations; any modules that take the same input and give outputs of equal shape, without a
            `MixedOp` inside.

    Attributes:
        alpha: architecture parameters, shape (N,), zero at first, so that every candidate is equally probable.

    Raises:
        ValueError: for no candidate at all, or one with a `MixedOp` inside.
    """

    def __init__(self, candidates: Iterable[nn.Module]) -> None:
        super().__init__()
        self.candidates = nn.ModuleList(candidates)
        if len(self.candidates) == 0:
            raise ValueError("a MixedOp needs at least one candidate")
        if any(isinstance(part, MixedOp) for part in self.candidates.modules()):
            raise ValueError("a MixedOp cannot stand inside a candidate of another: make it a place of its own")
        self.alpha = nn.Parameter(torch.zeros(len(self.candidates)))
        self._path: GatePath | None = None

    @property
    def probs(self) -> Tensor:
        """The probabilities softmax(alpha), shape (N,), differentiable."""
        return self.alpha.softmax(dim=0)

    def forward(self, x: Tensor) -> Tensor:
        return self._active_path(list(self.candidates), self.alpha, x)

    @property
    def _active_path(self) -> GatePath:
        if self._path is None:
            raise RuntimeError("no path is active: run the network inside `with active_paths(network, paths):`")
        return self._path


def mixed_ops(network: nn.Module) -> list[MixedOp]:
    """Every `MixedOp` inside `network`, in the order of `network.modules()`: the order of all paths."""
    return [module for module in _collect(network, lambda op: ()) if isinstance(module, MixedOp)]


def alpha_parameters(network: nn.Module) -> list[nn.Parameter]:
    """The architecture parameters of `network`, one tensor a `MixedOp`."""
    return [op.alpha for op in mixed_ops(network)]


def weight_parameters(network: nn.Module) -> list[nn.Parameter]:
    """Every parameter of `network` that is not an architecture parameter."""
    alphas = set(alpha_parameters(network))
    return [parameter for parameter in network.parameters() if parameter not in alphas]


def initialize_alphas(network: nn.Module, *, std: float = 1e-3, generator: torch.Generator | None = None) -> None:
    """Draws all architecture parameters from N(0, std^2); from PyTorch's global generator if None."""
    with torch.no_grad():
        for alpha in alpha_parameters(network):
            alpha.copy_(torch.randn(alpha.shape, generator=generator, dtype=alpha.dtype) * std)


def sample_paths(network: nn.Module, sampler: Sampler, generator: torch.Generator) -> tuple[GatePath, ...]:
    """One path for every `MixedOp` of `network`.

    Args:
        network: any module.
        sampler: draws a path from the architecture parameters of one `MixedOp`.
        generator: the only source of randomness. It lives on the CPU, so that processes with equal generators sample
            equal paths whatever their devices.
    """
    return tuple(sampler(alpha.detach().cpu(), generator) for alpha in alpha_parameters(network))


@contextmanager
def active_paths(network: nn.Module, paths: Sequence[GatePath]) -> Iterator[None]:
    """Runs every `MixedOp` of `network` along its path inside the `with` block, and as before after it.

    Raises:
        ValueError: for a wrong number of paths, or a path with a candidate that is not there.
    """
    ops = mixed_ops(network)
    if len(paths) != len(ops):
        raise ValueError(f"the network has {len(ops)} mixed operations, got {len(paths)} paths")
    for index, (op, path) in enumerate(zip(ops, paths, strict=True)):
        if not 0 <= max(path.members) < len(op.candidates):
            raise ValueError(f"mixed operation {index} has {len(op.candidates)} candidates, got {path}")
    before = [op._path for op in ops]
    try:
        for op, path in zip(ops, paths, strict=True):
            op._path = path
        yield
    finally:
        for op, path_before in zip(ops, before, strict=True):
            op._path = path_before


def active_modules(network: nn.Module) -> list[nn.Module]:
    """The modules that a forward pass runs, inside `active_paths`: all but the candidates that no path names."""
    return _collect(network, lambda op: [op.candidates[member] for member in op._active_path.members])


def _collect(network: nn.Module, candidates: Callable[[MixedOp], Iterable[nn.Module]]) -> list[nn.Module]:
    """The modules of `network` in their usual order, with these candidates of each `MixedOp` alone.

    Every step does this. Most modules of a supernet are in candidates, and PyTorch's own walks are slow: with them,
    bookkeeping would take several per cent of a step.
    """
    found: dict[nn.Module, None] = {}

    def visit(module: nn.Module) -> None:
        if module not in found:
            found[module] = None
            for child in candidates(module) if isinstance(module, MixedOp) else module._modules.values():
                if child is not None:
                    visit(child)

    visit(network)
    return list(found)
