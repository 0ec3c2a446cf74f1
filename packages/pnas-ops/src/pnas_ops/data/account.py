"""What a net computes, holds and moves, operator by operator, as plain data."""

from collections.abc import Mapping
from math import prod
from types import MappingProxyType
from typing import Literal, get_args

from attrs import frozen

from pnas_ops.data.errors import PnasError

StoredDtype = Literal["float32", "float16", "int8"]
"""The dtype of the weights and activations that an account counts."""

VALUE_BYTES: Mapping[StoredDtype, int] = MappingProxyType({"float32": 4, "float16": 2, "int8": 1})
"""The bytes that a weight or an activation takes in memory."""

Role = Literal["input", "output", "waiting"]


class AccountError(PnasError, ValueError):
    """A net for which there can be no account."""


def value_bytes(dtype: str) -> int:
    """Bytes of one value of this dtype.

    Raises:
        AccountError: for an unknown dtype.
    """
    for known in get_args(StoredDtype):
        if known == dtype:
            return VALUE_BYTES[known]
    raise AccountError(f"there is no dtype {dtype!r}", f"take one of {', '.join(VALUE_BYTES)}")


@frozen(kw_only=True)
class Alive:
    """A tensor in memory while an operator runs.

    Attributes:
        made_by: the place of the operator that made it; "input" for the net's inputs.
        size_bytes: of the whole tensor, though an operator may read only a part.
        role: whether the operator reads it, makes it, or leaves it to a later one, such as the input of a shortcut.
    """

    made_by: str
    size_bytes: int
    role: Role


@frozen(kw_only=True)
class AccountLine:
    """An operator, with the BatchNorm and the elementwise functions that follow it and change its result in place.

    Attributes:
        place: path of the module that runs it; empty for the net itself.
        operator: a short description: "conv 3x3/2 g32 + batch_norm + relu" has a stride of 2 and 32 groups.
        input_shapes: of the activations that it reads.
        output_shape: of its result.
        macs: multiply-accumulates.
        parameters: how many trainable values it reads that no earlier operator has read.
        weight_bytes: of the parameters.
        input_bytes: of the activations that it reads.
        output_bytes: of its result.
        alive: everything that is in memory while it runs.
        receptive_field: how many pixels of the image a pixel of its result depends on, along each dimension; None for
            all of them, or where it is not known.
    """

    place: str
    operator: str
    input_shapes: tuple[tuple[int, ...], ...]
    output_shape: tuple[int, ...]
    macs: int
    parameters: int
    weight_bytes: int
    input_bytes: int
    output_bytes: int
    alive: tuple[Alive, ...]
    receptive_field: tuple[int, ...] | None

    @property
    def activation_bytes(self) -> int:
        """Bytes of the activations that it reads and writes."""
        return self.input_bytes + self.output_bytes

    @property
    def moved_bytes(self) -> int:
        """Bytes of weights and activations, each read or written once."""
        return self.weight_bytes + self.activation_bytes

    @property
    def macs_per_byte(self) -> float:
        """MACs per byte moved: the arithmetic intensity of the roofline model (Williams et al. 2009)."""
        return self.macs / self.moved_bytes if self.moved_bytes else 0.0

    @property
    def alive_bytes(self) -> int:
        """Bytes of everything in memory while it runs, weights left out."""
        return sum(one.size_bytes for one in self.alive)

    @property
    def waiting_bytes(self) -> int:
        """Bytes kept in memory for later operators."""
        return sum(one.size_bytes for one in self.alive if one.role == "waiting")


@frozen(kw_only=True)
class Account:
    """A net as its operators, in the order in which they run, for one input.

    Attributes:
        dtype: of all weights and activations, for what is in bytes.
        input_shapes: of the net's inputs.
        lines: one for each operator.
        parameters: trainable values of the net, including those that no operator reads.
    """

    dtype: StoredDtype
    input_shapes: tuple[tuple[int, ...], ...]
    lines: tuple[AccountLine, ...]
    parameters: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all operators."""
        return sum(line.macs for line in self.lines)

    @property
    def unread_parameters(self) -> int:
        """Trainable values that no operator reads, such as those of an output used only in training."""
        return self.parameters - sum(line.parameters for line in self.lines)

    @property
    def weight_bytes(self) -> int:
        """Bytes of all parameters."""
        return self.parameters * VALUE_BYTES[self.dtype]

    @property
    def moved_bytes(self) -> int:
        """Bytes of the weights and activations that all operators read and write."""
        return sum(line.moved_bytes for line in self.lines)

    @property
    def macs_per_byte(self) -> float:
        """MACs per byte moved."""
        return self.macs / self.moved_bytes if self.moved_bytes else 0.0

    @property
    def peak(self) -> int:
        """The index of the line with the most in memory, the first of several.

        Raises:
            AccountError: for a net without an operator.
        """
        if not self.lines:
            raise AccountError("a net that computes nothing has no peak", "leave it out")
        return max(range(len(self.lines)), key=lambda number: self.lines[number].alive_bytes)

    @property
    def peak_activation_bytes(self) -> int:
        """The most that is in memory at one time, weights left out; for a net without operators, its input."""
        if not self.lines:
            return sum(map(prod, self.input_shapes)) * VALUE_BYTES[self.dtype]
        return self.lines[self.peak].alive_bytes

    @property
    def receptive_field(self) -> tuple[int, ...] | None:
        """The receptive field of the last operator."""
        return self.lines[-1].receptive_field if self.lines else None
