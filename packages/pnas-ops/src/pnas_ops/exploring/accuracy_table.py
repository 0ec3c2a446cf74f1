"""Nets whose accuracies are known from a table, such as NAS-Bench-MACRO's."""

import csv
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from attrs import field, frozen

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.choice_space import ChoiceSpace
from pnas_ops.data.errors import PnasError
from pnas_ops.data.listings import shortened
from pnas_ops.exploring.protocols import Choices, Judgement
from pnas_ops.files.atomic import FilePath

_COLUMNS = ("architecture", "accuracy_1", "accuracy_2", "accuracy_3", "parameters", "macs")
_MACRO_EPOCHS = 50.0


class AccuracyTableError(PnasError, ValueError):
    """A file that is no table of accuracies."""


class UnknownAccuracyError(PnasError, LookupError):
    """A table lacks the net."""


@frozen(kw_only=True)
class KnownNet:
    """What a table knows about a net.

    Attributes:
        accuracies: of each of its trainings, from 0 to 1.
        parameters: trainable values.
        macs: multiply-accumulates for one image.
    """

    accuracies: tuple[float, ...]
    parameters: int
    macs: int

    @property
    def accuracy(self) -> float:
        """The mean of its trainings, from 0 to 1."""
        return fmean(self.accuracies)


@frozen(kw_only=True)
class AccuracyTable:
    """Nets by their choices, with their accuracies.

    Attributes:
        name: of the table, for messages.
        nets: what is known, by the choices of the net.
        epochs: epochs over the training images that one training of a net took.
    """

    name: str
    # A dict has no hash.
    nets: Mapping[Choices, KnownNet] = field(hash=False)
    epochs: float

    def __repr__(self) -> str:
        return f"<AccuracyTable {self.name!r}: {len(self.nets):,} nets>"

    def known(self, space: ChoiceSpace[Any]) -> int:
        """The number of nets of a space that it has."""
        return sum(_is_of(space, choices) for choices in self.nets)


@frozen(kw_only=True)
class TableJudge:
    """Looks up accuracies: a `Judge` that trains nothing.

    A net counts for as many epochs as one of its trainings in the table took, though a look-up takes none. So searches
    that judge by a table can be compared with those that train.

    Attributes:
        table: of accuracies.
        space: whose choices identify the table's nets.
    """

    table: AccuracyTable
    space: ChoiceSpace[Architecture]

    def judge(self, architecture: object, generator: torch.Generator) -> Judgement:
        """The mean accuracy of the net's trainings, from 0 to 1; nothing is random.

        Raises:
            UnknownAccuracyError: for a net that the table does not have.
            ValueError: for a net of another space.
        """
        choices = self.space.choices(architecture)
        if choices not in self.table.nets:
            raise UnknownAccuracyError(
                f"table {self.table.name!r} has no net {''.join(map(str, choices))}",
                "search the space that the table is of, or have the nets judged by training",
            )
        return Judgement(value=self.table.nets[choices].accuracy, epochs=self.table.epochs)


def read_nas_bench_macro(path: FilePath) -> AccuracyTable:
    """The table of NAS-Bench-MACRO: each net of `nas_bench_macro_space` trained three times on CIFAR-10 for 50 epochs.

    Args:
        path: a CSV file whose columns are architecture (its eight choices, such as 22212220), accuracy_1 to accuracy_3
            (of the test images, in per cent), parameters and macs.

    Raises:
        AccuracyTableError: for a file with other columns, a line that is no net, and a net that occurs twice.
        OSError: for a file that cannot be read.

    References:
        Su et al., "Prioritized Architecture Sampling with Monto-Carlo Tree Search", arXiv 2103.11922.
    """
    path, way_out = Path(path), "take the file as it was published"
    reader = csv.DictReader(path.read_text(encoding="utf-8", errors="replace").splitlines())
    try:
        columns, rows = reader.fieldnames or (), [*reader]
    except csv.Error as error:
        raise AccuracyTableError(f"{path} is no table ({error})", way_out) from None
    if tuple(columns) != _COLUMNS:
        raise AccuracyTableError(
            f"{path} has the columns {shortened(','.join(columns or ['none']))}",
            f"a table of NAS-Bench-MACRO has {','.join(_COLUMNS)}",
        )
    nets = dict[Choices, KnownNet]()
    for number, row in enumerate(rows, start=2):
        try:
            choices, net = tuple(map(int, row["architecture"])), _known_net(row)
        except (TypeError, ValueError):
            raise AccuracyTableError(f"line {number} of {path} is no net with its accuracies", way_out) from None
        if choices in nets:
            raise AccuracyTableError(f"line {number} of {path} has net {row['architecture']} once more", way_out)
        nets[choices] = net
    return AccuracyTable(name=path.name, nets=nets, epochs=_MACRO_EPOCHS)


def _known_net(row: Mapping[str, str]) -> KnownNet:
    accuracies = tuple(float(row[f"accuracy_{number}"]) / 100 for number in (1, 2, 3))
    parameters, macs = int(row["parameters"]), int(row["macs"])
    if len(row) > len(_COLUMNS) or min(parameters, macs) < 1 or not all(0 <= accuracy <= 1 for accuracy in accuracies):
        raise ValueError
    return KnownNet(accuracies=accuracies, parameters=parameters, macs=macs)


def _is_of(space: ChoiceSpace[Any], choices: Choices) -> bool:
    try:
        return bool(space.choices(space.architecture(choices)) == choices)
    except ValueError:
        return False
