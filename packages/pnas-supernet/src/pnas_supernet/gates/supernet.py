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
    """A space, as far as its nets are concerned."""

    @property
    def mixtures(self) -> tuple[int, ...]:
        """The number of each `MixedOp`'s choice."""

    def of_choices(self, of_mixtures: Sequence[Value]) -> tuple[Value, ...]:
        """From a value for each `MixedOp`, the same for all of one choice, to one for each choice."""

    def architecture(self, choices: Sequence[int], *, name: str = "") -> Net:
        """The net that takes option `choices[i]` at choice i."""

    def choices(self, architecture: Net) -> tuple[int, ...]:
        """The inverse of `architecture`."""


class HasNets(Protocol[Net]):
    """All nets of a space in one: `SuperNet`, `ModuleSuperNet`."""

    @property
    def space(self) -> NetsOf[Net]:
        """Whose nets they are."""

    @property
    def network(self) -> nn.Module:
        """The network, with a `MixedOp` at every place that is searched, in the order of the space."""


class SuperNet(nn.Module):
    """All nets of a space in one: a `MixedOp` for every choice, at every block or at every edge of a tree or a cell.

    Of a `NetworkSpace` also for every width, depth and resolution: narrow nets are the first channels of the widest. Of
    a `CellSpace` also for every node that keeps some of its edges; each cell has its own, and those of a choice share
    its alpha.

    Args:
        space: the search space.
        generator: source of the initial weights and architecture parameters; PyTorch's global one if None.
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
    """The net of `architecture` with the supernet's weights, shaped as `pnas_ops.build_network` would build it.

    Raises:
        ValueError: for an architecture that is not of the supernet's space.
    """
    choices = supernet.space.choices(architecture)
    network = extract_candidates(supernet.network, [choices[number] for number in supernet.space.mixtures])
    if isinstance(network, ElasticNetwork) and isinstance(architecture, Architecture):
        return network.cut(architecture, build_network)
    return drop_what_is_not_taken(network)


def extract_candidates(network: nn.Module, choices: Sequence[int]) -> nn.Module:
    """A copy of any network in which candidate `choices[i]` stands in the place of the i-th `MixedOp`.

    Raises:
        ValueError: where the number of choices is not that of the `MixedOp`s, or two that share a choice differ in it.
    """
    ops = mixed_ops(network)
    if len(choices) != len(ops):
        raise ValueError(f"the network has {len(ops)} mixed operations, got {len(choices)} choices")
    refuse_unlike_choices(ops, choices)
    # deepcopy takes what the memo holds for an object as its copy: the candidates that lost are never copied.
    memo = {id(op): copy.deepcopy(op.candidates[choice]) for op, choice in zip(ops, choices, strict=True)}
    return copy.deepcopy(network, memo)
