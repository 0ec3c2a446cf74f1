"""Running and comparing candidates: what a `MixedOp` demands of them, and the errors."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from attrs import frozen
from torch import Tensor, nn

from pnas_supernet.gates.nested import Nest, tensors_in


def run_candidate(candidate: nn.Module, inputs: Sequence[Any], named: Mapping[str, Any]) -> Any:
    """The output of a candidate for these inputs.

    Raises:
        ValueError: for a candidate that changes an input in place.
    """
    versions = input_versions(inputs, named)
    output = candidate(*inputs, **named)
    check_inputs(candidate, versions, inputs, named)
    return output


def input_versions(inputs: Sequence[Any], named: Mapping[str, Any]) -> list[int]:
    """PyTorch's counter of in-place changes for every tensor among the inputs."""
    return [tensor._version for tensor in tensors_in((inputs, named))]


def check_inputs(candidate: nn.Module, versions: list[int], inputs: Sequence[Any], named: Mapping[str, Any]) -> None:
    """Checks that a candidate's inputs still have these versions.

    Raises:
        ValueError: where it has changed one in place.
    """
    if input_versions(inputs, named) != versions:
        raise ValueError(
            f"a candidate ({type(candidate).__name__}) changes its input in place, which the others need as it was: "
            "build it with inplace=False"
        )


@frozen(eq=False)
class OutputForm:
    """What the outputs of all candidates have in common.

    Attributes:
        candidate: the name of the candidate that gave the output.
        nest: the structure that holds its tensors.
        tensors: the shape of each, and whether it is complex.
    """

    candidate: str
    nest: Nest
    tensors: tuple[tuple[tuple[int, ...], bool], ...]

    @classmethod
    def of(cls, candidate: nn.Module, output: Any) -> tuple["OutputForm", list[Tensor]]:
        """The form of a candidate's output, and its tensors.

        Raises:
            ValueError: for an output without a tensor.
        """
        nest, tensors = Nest.split(output)
        name = type(candidate).__name__
        if not tensors:
            raise ValueError(
                f"a candidate ({name}) gives a {type(output).__name__} without a tensor: "
                "let it return a tensor, or a tuple, list or dict of them"
            )
        return cls(name, nest, tuple((tuple(tensor.shape), tensor.is_complex()) for tensor in tensors)), tensors

    def tensors_alike(self, candidate: nn.Module, output: Any) -> list[Tensor]:
        """The tensors of another candidate's output.

        Raises:
            ValueError: if they could not replace this one's, tensor by tensor.
        """
        other, tensors = OutputForm.of(candidate, output)
        if other.nest.spec != self.nest.spec or other.tensors != self.tensors:
            raise ValueError(
                f"two candidates of a MixedOp give incompatible outputs: {self} and {other}; each must be able to "
                "replace the other"
            )
        return tensors

    def __str__(self) -> str:
        parts = [f"{'complex ' if is_complex else ''}{shape}" for shape, is_complex in self.tensors]
        return f"{self.candidate} {', '.join(parts)}{self._container}"

    @property
    def _container(self) -> str:
        kind = getattr(self.nest.spec, "type", None)
        return "" if kind is None else f" in a {kind.__name__}"


def inner_product(a: Tensor, b: Tensor) -> Tensor:
    """<a, b>, over whole tensors; its real part where they are complex, since gates are real."""
    # At least float32: a sum over a whole activation overflows or loses all precision in half precision.
    wide = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)
    product: Tensor = torch.sum(a.to(wide) * b.to(wide).conj()).real
    return product
