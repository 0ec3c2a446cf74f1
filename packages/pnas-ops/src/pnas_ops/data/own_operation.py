"""The base class of user-defined operations, which stand in nets like those of this package."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

from torch import nn

from pnas_ops.data.errors import PnasError, in_one_line

_Answer = TypeVar("_Answer")


class OperationError(PnasError, ValueError):
    """An operation of one's own that is not what it has to be."""


class OwnOperation(ABC):
    """The base of operations of one's own: frozen attrs classes whose fields are plain data.

    A file knows such an operation by the name of its class, without "Spec", and by its fields. What it does is not in
    files: who changes what `build` returns gives the class another name, or measures and trains anew.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """A few letters for tables and pictures, such as "ghost-3x3"; no two candidates of a space may share it."""

    @abstractmethod
    def build(self, *, in_channels: int, out_channels: int, stride: int) -> nn.Module:
        """A module from (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride)), without a shortcut.

        It leaves its input as it is. Convolutions and linear layers get their weights from `initialize_weights`;
        whatever else it draws is fixed by the seed of the net.
        """

    @property
    def kernel_size(self) -> int:
        """What gives it its colour in pictures; 1 where it has no kernel."""
        return 1

    def misfit(self, in_channels: int, out_channels: int, *, stride: int, residual: bool) -> str | None:
        """Why it cannot stand at such a place, which a space then leaves out; None where it can, as by default."""
        return None

    def __str__(self) -> str:
        name = answer(self, "name", lambda: self.name)
        if not isinstance(name, str) or not name.strip() or "\n" in name:
            raise OperationError(f"{type(self).__name__}.name must be a short text, got {name!r}")
        return name


def answer(op: OwnOperation, asked: str, ask: Callable[[], _Answer]) -> _Answer:
    """Calls a method of a user-defined operation.

    Raises:
        OperationError: naming the operation and what it was asked, where it raises anything.
    """
    try:
        return ask()
    except Exception as error:  # the code of somebody else
        said = f"{type(error).__name__}: {in_one_line(error)}"
        raise OperationError(f"{type(op).__name__}.{asked} fails: {said}", "mend it") from error
