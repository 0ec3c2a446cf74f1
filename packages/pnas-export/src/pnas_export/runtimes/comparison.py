"""Comparison of a file's outputs with those of its net."""

import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import torch
from attrs import define, frozen
from torch import Tensor

from pnas_export.ground.net_error import NetError
from pnas_export.runtimes.runtime import Runtime
from pnas_ops import PnasError, Range

FLOAT_TOLERANCE = 1e-4
"""Largest difference, relative to the largest value of its output, that a float32 file may have."""

Tolerance = float | Mapping[str, float] | None
"""One for all outputs, or by the names of outputs, others having `FLOAT_TOLERANCE`; None passes anything."""


_TOLERANCE = Range(0.0, 1e9)


class ParityError(PnasError, ValueError):
    """A file whose outputs differ from those of the net."""


@frozen(kw_only=True)
class OutputParity:
    """How far an output of a file on one runtime is from PyTorch's, over some images.

    Attributes:
        output: its name; see `NetOutput`.
        max_abs_difference: largest difference of a value.
        max_relative_difference: the same, divided by the largest absolute value of the output.
        rms_relative_difference: root of the mean squared difference, divided by that of the output: the overall effect
            of int8.
    """

    output: str
    max_abs_difference: float
    max_relative_difference: float
    rms_relative_difference: float


@frozen(kw_only=True)
class Parity:
    """How far a file on one runtime is from PyTorch, over some images.

    Attributes:
        file: name of the file, without its folder.
        images: number of images compared.
        max_abs_difference: largest difference of a value, of any output.
        max_relative_difference: the same, divided by the largest absolute value of its output.
        top1_agreement: fraction of the images that get the same class, by the first output; None if that is not
            (N, classes) with two classes or more.
        outputs: the parity of each output, in the order of the net.
    """

    file: str
    runtime: str
    runtime_version: str
    images: int
    max_abs_difference: float
    max_relative_difference: float
    top1_agreement: float | None
    outputs: tuple[OutputParity, ...] = ()


@define
class _Sums:
    """Running sums for one output, over batches."""

    largest: float = 0.0
    difference: float = 0.0
    squares: float = 0.0
    squared_differences: float = 0.0

    def add(self, values: Tensor, exact: Tensor) -> None:
        # In float64, since outputs such as classes may be integers or booleans.
        exact = exact.double()
        difference = values.double() - exact
        # A NaN stays one: Python's max would lose it.
        self.largest = float(torch.stack([exact.abs().max(), exact.new_tensor(self.largest)]).max())
        self.difference = float(torch.stack([difference.abs().max(), exact.new_tensor(self.difference)]).max())
        self.squares += float(exact.square().sum())
        self.squared_differences += float(difference.square().sum())

    def parity(self, name: str) -> OutputParity:
        # Avoids 0 / 0 for a net that returns zeros.
        tiny = torch.finfo(torch.float32).tiny
        return OutputParity(
            output=name,
            max_abs_difference=self.difference,
            max_relative_difference=self.difference / max(self.largest, tiny),
            rms_relative_difference=math.sqrt(self.squared_differences) / max(math.sqrt(self.squares), tiny),
        )


class Comparison:
    """Compares a file on a runtime with its net, batch by batch."""

    def __init__(self, file: Path, runtime: Runtime) -> None:
        self._file, self._runtime = file, runtime
        self._sums: dict[str, _Sums] = {}
        self._images = 0
        self._alike: int | None = 0

    def add(self, found: Sequence[Tensor], expected: Mapping[str, Tensor]) -> None:
        """Adds both outputs for a batch, in PyTorch's order of dimensions; the file's are in the order of the net.

        Raises:
            ParityError: for another number of outputs, or another shape.
            NetError: for a net whose outputs differ in name from those for the previous batch.
        """
        self._sums = self._sums or {name: _Sums() for name in expected}
        if tuple(expected) != tuple(self._sums):
            raise NetError(
                f"the net gives {', '.join(self._sums)} for some images and {', '.join(expected)} for others",
                "export a module that always gives the same outputs",
            )
        if len(found) != len(expected):
            raise ParityError(f"{self._where} gives {len(found)} outputs, PyTorch {len(expected)}")
        for values, (name, exact) in zip(found, expected.items(), strict=True):
            if values.shape != exact.shape:
                raise ParityError(f"{self._of(name)} is of shape {tuple(values.shape)}, PyTorch's {tuple(exact.shape)}")
            self._sums[name].add(values, exact)
        first, exact = found[0], next(iter(expected.values()))
        self._images += len(exact)
        if self._alike is not None:
            classes = gives_classes(exact)
            self._alike = self._alike + int((first.argmax(1) == exact.argmax(1)).sum()) if classes else None

    def parity(self, tolerance: Tolerance) -> Parity:
        """The comparison over all batches.

        Raises:
            ParityError: for a difference above the tolerance, or values that are not finite.
        """
        found = tuple(sums.parity(name) for name, sums in self._sums.items())
        for one in found:
            bound = tolerance.get(one.output, FLOAT_TOLERANCE) if isinstance(tolerance, Mapping) else tolerance
            relative = one.max_relative_difference
            if not math.isfinite(relative) or (bound is not None and relative > bound):
                more = "" if bound is None else f", more than {bound:g}"
                raise ParityError(
                    f"{self._of(one.output)} differs from PyTorch by {relative:.2g} of the largest value{more}"
                )
        return Parity(
            file=self._file.name,
            runtime=self._runtime.name,
            runtime_version=self._runtime.version,
            images=self._images,
            max_abs_difference=max(one.max_abs_difference for one in found),
            max_relative_difference=max(one.max_relative_difference for one in found),
            top1_agreement=None if self._alike is None else self._alike / self._images,
            outputs=found,
        )

    @property
    def _where(self) -> str:
        return f"{self._file.name} on {self._runtime.name} {self._runtime.version}"

    def _of(self, name: str) -> str:
        return f"output {name!r} of {self._where}" if len(self._sums) > 1 else self._where


def gives_classes(rows: Tensor) -> bool:
    """Whether an output may be logits: (N, classes), two classes or more."""
    return rows.ndim == 2 and rows.shape[1] > 1


def check_tolerance(tolerance: Tolerance, outputs: Collection[str]) -> None:
    """Raises ValueError for a tolerance that names an unknown output, and for one that is no valid difference."""
    named = isinstance(tolerance, Mapping)
    bounds = tolerance if isinstance(tolerance, Mapping) else {"": tolerance}
    if named and (unknown := [name for name in bounds if name not in outputs]):
        raise ValueError(f"the tolerance names {unknown[0]!r}, no output of the net: name some of {', '.join(outputs)}")
    for name, bound in bounds.items():
        if bound is not None and bound not in _TOLERANCE:
            of = f"of {name!r} " if named else ""
            raise ValueError(f"the tolerance {of}must be {_TOLERANCE}, got {bound}")
