"""The base class of user-defined operations, which are used in nets like those of this package."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TypeVar

from torch import nn

from pnas_ops.data.errors import PnasError, in_one_line

_Answer = TypeVar("_Answer")


class OperationError(PnasError, ValueError):
    """A user-defined operation that breaks a rule for them."""


class OwnOperation(ABC):
    """The base of user-defined operations: frozen attrs classes whose fields are plain data.

    A file identifies such an operation by the name of its class, without "Spec", and by its fields. What it computes is
    not in files: if you change what `build` returns, rename the class, or measure and train anew.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """A short name for tables and pictures, such as "ghost-3x3"; unique among the candidates of a space."""

    @abstractmethod
    def build(self, *, in_channels: int, out_channels: int, stride: int) -> nn.Module:
        """A module from (N, in, H, W) to (N, out, ceil(H / stride), ceil(W / stride)), without a shortcut.

        It must not change its input. Convolutions and linear layers get their weights from `initialize_weights`;
        anything else it draws is fixed by the net's seed.
        """

    @property
    def kernel_size(self) -> int:
        """The kernel size, which decides its colour in pictures; 1 if it has no kernel."""
        return 1

    def misfit(self, in_channels: int, out_channels: int, *, stride: int, residual: bool) -> str | None:
        """Why it cannot be at such a place, where a space then leaves it out; None, the default, if it can."""
        return None

    def __str__(self) -> str:
        name = answer(self, "name", lambda: self.name)
        if not isinstance(name, str) or not name.strip() or "\n" in name:
            raise OperationError(f"{type(self).__name__}.name must be a short text, got {name!r}")
        return name


def answer(op: OwnOperation, asked: str, ask: Callable[[], _Answer]) -> _Answer:
    """Calls a method of a user-defined operation.

    Raises:
        OperationError: naming the operation and the method, if that raises anything.
    """
    try:
        return ask()
    except Exception as error:  # from a user's code
        said = f"{type(error).__name__}: {in_one_line(error)}"
        raise OperationError(f"{type(op).__name__}.{asked} fails: {said}", "mend it") from error
