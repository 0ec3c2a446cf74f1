"""The over-parameterized network of a search space, and the nets inside it."""

import copy
from collections.abc import Sequence
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from pnas_ops import Architecture, ElasticNetwork, Space, build_network, build_space, drop_what_is_not_taken, shortened
from pnas_supernet.gates.mixed_op import MixedOp, alpha_parameters, initialize_alphas, mixed_ops, refuse_unlike_choices
from pnas_supernet.gates.preferences import Preference, preferences, preferences_as_html, preferences_as_lines

Net = TypeVar("Net")
Value = TypeVar("Value")


class NetsOf(Protocol[Net]):
    """The part of a space's interface that concerns its nets."""

    @property
    def mixtures(self) -> tuple[int, ...]:
        """The number of each `MixedOp`'s choice."""

    def of_choices(self, of_mixtures: Sequence[Value]) -> tuple[Value, ...]:
        """One value for each choice, from one for each `MixedOp`; those that share a choice have the same value."""

    def architecture(self, choices: Sequence[int], *, name: str = "") -> Net:
        """The net that takes option `choices[i]` at choice i."""

    def choices(self, architecture: Net) -> tuple[int, ...]:
        """The inverse of `architecture`."""


class HasNets(Protocol[Net]):
    """All nets of a space in one: `SuperNet`, `ModuleSuperNet`."""

    @property
    def space(self) -> NetsOf[Net]:
        """The space of the nets."""

    @property
    def network(self) -> nn.Module:
        """The network, with a `MixedOp` at every searched place, in the order of the space."""


class SuperNet(nn.Module):
    """All nets of a space in one: a `MixedOp` for every choice, at every block or at every edge of a tree or a cell.

    For a `NetworkSpace` there is also one for every width, depth and resolution; narrow nets are the first channels of
    the widest. For a `CellSpace` there is also one for every node that keeps only some of its edges. Each cell has
    `MixedOp`s of its own; those of the same choice share its alpha.

    Args:
        space: the search space.
        generator: for the initial weights and architecture parameters; PyTorch's global one if None.
    """

    def __init__(self, space: Space, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.space = space
        numbers, alphas = iter(space.mixtures), dict[int, nn.Parameter]()

        def mix(candidates: list[nn.Module]) -> MixedOp:
            op = MixedOp(candidates, alpha=alphas.get(number := next(numbers)))
            alphas[number] = op.alpha
            return op

        self.network = build_space(space, mix, generator=generator)
        initialize_alphas(self.network, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, classes), along the active paths."""
        return self.network(x)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        """One line; PyTorch's thousands, with every layer of every candidate, are those of `network`."""
        counts = sorted({*self.space.options})
        candidates = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
        name = shortened(self.space.name)
        return f"<SuperNet of {name!r}: {len(self.space.mixtures)} mixed operations of {candidates} candidates>"

    def __str__(self) -> str:
        return preferences_as_lines(repr(self), self._preferences())

    def _repr_html_(self) -> str:
        return preferences_as_html(repr(self), self._preferences())

    def _preferences(self) -> list[Preference]:
        return preferences(self.space, [alpha.softmax(dim=0).tolist() for alpha in alpha_parameters(self)])


def derive(supernet: HasNets[Net], *, name: str = "") -> Net:
    """The most probable option of every choice (ProxylessNAS, section 3.2.1)."""
    alphas = supernet.space.of_choices([op.alpha for op in mixed_ops(supernet.network)])
    return supernet.space.architecture([int(alpha.argmax()) for alpha in alphas], name=name)


def extract(supernet: HasNets[Net], architecture: Net) -> nn.Module:
    """The net of `architecture` with the supernet's weights, in the form that `pnas_ops.build_network` builds.

    Raises:
        ValueError: for an architecture that is not of the supernet's space.
    """
    choices = supernet.space.choices(architecture)
    network = extract_candidates(supernet.network, [choices[number] for number in supernet.space.mixtures])
    if isinstance(network, ElasticNetwork) and isinstance(architecture, Architecture):
        return network.cut(architecture, build_network)
    return drop_what_is_not_taken(network)


def extract_candidates(network: nn.Module, choices: Sequence[int]) -> nn.Module:
    """A copy of any network, with candidate `choices[i]` in place of the i-th `MixedOp`.

    Raises:
        ValueError: for a wrong number of choices, or different candidates for `MixedOp`s that share a choice.
    """
    ops = mixed_ops(network)
    if len(choices) != len(ops):
        raise ValueError(f"the network has {len(ops)} mixed operations, got {len(choices)} choices")
    refuse_unlike_choices(ops, choices)
    # deepcopy uses what the memo holds for an object as its copy, so the losing candidates are never copied.
    memo = {id(op): copy.deepcopy(op.candidates[choice]) for op, choice in zip(ops, choices, strict=True)}
    return copy.deepcopy(network, memo)
