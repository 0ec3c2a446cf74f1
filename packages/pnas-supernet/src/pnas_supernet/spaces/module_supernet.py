"""All nets of a module's space in one."""

import copy
from typing import Any

import torch
from torch import nn

from pnas_ops import ModuleArchitecture, ModuleSpace, ModuleWorkload, counted, shortened
from pnas_supernet.gates.mixed_op import initialize_alphas, mixed_ops
from pnas_supernet.gates.preferences import Preference, preferences_as_html, preferences_as_lines, ranked
from pnas_supernet.gates.supernet import extract


class ModuleSuperNet(nn.Module):
    """All nets that a user's module can become: a `MixedOp` at every place, with the original as its first candidate.

    `search_space_of` makes one. It is searched, and its nets are derived and extracted, like a `SuperNet`.

    Args:
        network: with a `MixedOp` at each place of `space`, in its order.
        space: its nets as plain data.
        generator: for the architecture parameters; PyTorch's global one if None.
    """

    def __init__(self, network: nn.Module, space: ModuleSpace, *, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.space = space
        self.network = network
        initialize_alphas(self.network, generator=generator)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The module's inputs to its outputs, along the active paths."""
        return self.network(*args, **kwargs)

    def build(self, workload: ModuleWorkload | ModuleArchitecture) -> nn.Module:
        """A separate module in evaluation mode, with the present weights, for a device to measure.

        Args:
            workload: one candidate of a place, or a whole net.

        Raises:
            ValueError: for anything that is not of the space, and for the rest, which is no module.
        """
        if isinstance(workload, ModuleArchitecture):
            return extract(self, workload).eval()
        for op, row in zip(mixed_ops(self.network), self.space.mixed, strict=True):
            if workload in row:
                return copy.deepcopy(op.candidates[row.index(workload)]).eval()
        if workload == self.space.rest:
            raise ValueError(f"{workload} is what lies between the places, and no module: build whole nets")
        raise ValueError(f"{workload} is not in space {self.space.name!r}")

    def __repr__(self) -> str:
        """One line; PyTorch's thousands, with every layer of every candidate, are those of `network`."""
        counts = sorted({len(row) for row in self.space.mixed})
        candidates = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
        places = counted(len(self.space.mixed), "place")
        return f"<ModuleSuperNet of {shortened(self.space.name)!r}: {places} of {candidates} candidates>"

    def __str__(self) -> str:
        return preferences_as_lines(repr(self), self._preferences())

    def _repr_html_(self) -> str:
        return preferences_as_html(repr(self), self._preferences())

    def _preferences(self) -> list[Preference]:
        return [
            ranked(place.path, [one.title for one in place.candidates], op.probs.tolist())
            for place, op in zip(self.space.places, mixed_ops(self.network), strict=True)
        ]
