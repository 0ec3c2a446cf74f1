"""The over-parameterized operation: N candidates at one place, one path active (ProxylessNAS, section 3.1)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from pnas_supernet.gates.known_alphas import KnownAlphas
from pnas_supernet.gates.path import GatePath


class MixedOp(nn.Module):
    """N candidates of equal output shape; the active path says which of them is run and how it is gated.

    It takes what its candidates take, and returns what they return: a tensor, or a tuple, list or dict of tensors.

    Args:
        candidates: the operations; any modules that take the same input and give outputs of equal shape, without a
            `MixedOp` inside.
        alpha: the alpha of another `MixedOp`, to share its choice: both then run the same candidate, whichever is
            drawn, and the choice is learned as one. None for a choice of its own.

    Attributes:
        alpha: architecture parameters, shape (N,), initially zero, so that all candidates are equally probable. A value
            of -inf bans its candidate.

    Raises:
        ValueError: for no candidates, for one with a `MixedOp` inside or without weights yet (a lazy module), and for
            an `alpha` of another number of candidates.
    """

    def __init__(self, candidates: Iterable[nn.Module], *, alpha: nn.Parameter | None = None) -> None:
        super().__init__()
        self.candidates = nn.ModuleList(candidates)
        count = len(self.candidates)
        if count == 0:
            raise ValueError("a MixedOp needs at least one candidate")
        if any(isinstance(part, MixedOp) for part in self.candidates.modules()):
            raise ValueError("a MixedOp cannot stand inside a candidate of another: make it a place of its own")
        lazy = [name for name, parameter in self.candidates.named_parameters() if is_lazy(parameter)]
        if lazy:
            raise ValueError(
                f"the candidates' {lazy[0]} has no shape yet, as in a lazy module: run the candidate once on an input "
                "before it is given to a MixedOp"
            )
        if alpha is not None and alpha.shape != (count,):
            raise ValueError(f"{count} candidates cannot share a choice whose alpha has the shape {tuple(alpha.shape)}")
        self.alpha = nn.Parameter(torch.zeros(count)) if alpha is None else alpha
        self._path: GatePath | None = None
        self._known_alphas: KnownAlphas | None = None
        self._stand_ins: Sequence[nn.Module] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """The state without its stand-ins, which belong to this network only."""
        return self.__dict__ | {"_stand_ins": None}

    @property
    def probs(self) -> Tensor:
        """The probabilities softmax(alpha), shape (N,), differentiable."""
        return self.alpha.softmax(dim=0)

    # A path compiled into a graph would be compiled anew whenever it changes, which is at every step. (The public
    # `torch.compiler.disable` would load the compiler on import of this package.)
    @torch._disable_dynamo  # type: ignore[attr-defined]
    def forward(self, *inputs: Any, **named: Any) -> Any:
        return self._active_path(self._stand_ins or list(self.candidates), self.alpha, *inputs, **named)

    @property
    def _active_path(self) -> GatePath:
        if self._path is None:
            raise RuntimeError(
                "no path is active: run the network, and the backward pass too where it is checkpointed, inside "
                "`with active_paths(network, paths):`"
            )
        return self._path


def mixed_ops(network: nn.Module) -> list[MixedOp]:
    """Every `MixedOp` inside `network`, in the order of `network.modules()`: the order of all paths."""
    return [module for module in _collect(network, lambda op: ()) if isinstance(module, MixedOp)]


def alpha_parameters(network: nn.Module) -> list[nn.Parameter]:
    """The architecture parameters of `network`, one tensor for each choice, however many `MixedOp`s share it."""
    return list(dict.fromkeys(op.alpha for op in mixed_ops(network)))


def weight_parameters(network: nn.Module) -> list[nn.Parameter]:
    """Every parameter of `network` that is not an architecture parameter."""
    alphas = set(alpha_parameters(network))
    return [parameter for parameter in network.parameters() if parameter not in alphas]


def initialize_alphas(network: nn.Module, *, std: float = 1e-3, generator: torch.Generator | None = None) -> None:
    """Draws all architecture parameters from N(0, std^2), with PyTorch's global generator if None is given."""
    with torch.no_grad():
        for alpha in alpha_parameters(network):
            alpha.copy_(torch.randn(alpha.shape, generator=generator, dtype=alpha.dtype) * std)


@contextmanager
def active_paths(network: nn.Module, paths: Sequence[GatePath]) -> Iterator[None]:
    """In the `with` block every `MixedOp` of `network` runs along its path; after it, as before.

    Raises:
        ValueError: for a wrong number of paths, a path with a candidate that does not exist, and different paths for
            `MixedOp`s that share a choice.
    """
    ops = mixed_ops(network)
    if len(paths) != len(ops):
        raise ValueError(f"the network has {len(ops)} mixed operations, got {len(paths)} paths")
    for index, (op, path) in enumerate(zip(ops, paths, strict=True)):
        if not 0 <= max(path.members) < len(op.candidates):
            raise ValueError(f"mixed operation {index} has {len(op.candidates)} candidates, got {path}")
    refuse_unlike_choices(ops, paths)
    before = [op._path for op in ops]
    try:
        for op, path in zip(ops, paths, strict=True):
            op._path = path
        yield
    finally:
        for op, path_before in zip(ops, before, strict=True):
            op._path = path_before


def refuse_unlike_choices(ops: Sequence[MixedOp], chosen: Sequence[object]) -> None:
    """Checks that `MixedOp`s which share a choice have the same path or candidate in `chosen`.

    Raises:
        ValueError: naming two that differ.
    """
    first: dict[nn.Parameter, int] = {}
    for index, op in enumerate(ops):
        other = first.setdefault(op.alpha, index)
        if chosen[other] != chosen[index]:
            raise ValueError(
                f"mixed operations {other} and {index} share their choice, got {chosen[other]} and {chosen[index]}"
            )


def active_modules(network: nn.Module) -> list[nn.Module]:
    """The modules that a forward pass in `active_paths` runs: all but the candidates that are on no path."""
    return _collect(network, lambda op: [op.candidates[member] for member in op._active_path.members])


def _collect(network: nn.Module, candidates: Callable[[MixedOp], Iterable[nn.Module]]) -> list[nn.Module]:
    """The modules of `network` in their usual order, with only these candidates of each `MixedOp`.

    Every step calls this. Most modules of a supernet are in candidates, and PyTorch's own iterators are slow: with
    them, bookkeeping would take several per cent of a step.
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
