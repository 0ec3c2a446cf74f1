"""Tensors in tuples, lists and dicts, as modules take and return them."""

from collections.abc import Sequence
from typing import Any

from attrs import frozen
from torch import Tensor

# Not public, but as old as PyTorch 2, and used by its own compiler and checkpointing for nested values.
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten


@frozen(eq=False)
class Nest:
    """A nested value without its tensors.

    Attributes:
        spec: of the tuples, lists and dicts.
        leaves: their content, with None in place of every tensor.
        places: the indices of the tensors among the leaves.
    """

    spec: TreeSpec
    leaves: tuple[Any, ...]
    places: tuple[int, ...]

    @classmethod
    def split(cls, value: Any) -> tuple["Nest", list[Tensor]]:
        """Splits a value into its structure and its tensors, in order."""
        leaves, spec = tree_flatten(value)
        places = tuple(index for index, leaf in enumerate(leaves) if isinstance(leaf, Tensor))
        others = tuple(None if isinstance(leaf, Tensor) else leaf for leaf in leaves)
        return cls(spec, others, places), [leaves[index] for index in places]

    def filled(self, tensors: Sequence[Tensor]) -> Any:
        """The value with these tensors in it."""
        leaves = list(self.leaves)
        for place, tensor in zip(self.places, tensors, strict=True):
            leaves[place] = tensor
        return tree_unflatten(leaves, self.spec)


def tensors_in(value: Any) -> list[Tensor]:
    """All tensors of a nested value, in order."""
    return Nest.split(value)[1]
