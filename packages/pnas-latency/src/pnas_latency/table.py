"""Measured latencies, and what they say about whole nets."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from attrs import Attribute, field, frozen

from pnas_ops import (
    Architecture,
    DeviceInfo,
    Measurement,
    SearchSpace,
    Workload,
    load_json,
    save_json,
    workloads,
)

_NAMED_IN_AN_ERROR = 10


class MissingWorkloadsError(LookupError):
    """A table lacks workloads that a prediction needs; `missing` holds them."""

    def __init__(self, missing: Sequence[Workload], device: DeviceInfo) -> None:
        self.missing = tuple(missing)
        named = "; ".join(map(str, self.missing[:_NAMED_IN_AN_ERROR]))
        more = len(self.missing) - _NAMED_IN_AN_ERROR
        super().__init__(
            f"the table of {device} lacks {len(self.missing)} workloads: {named}"
            f"{f'; and {more} more' if more > 0 else ''}. Measure them on that device with measure_table(known=...)"
        )


@frozen(kw_only=True)
class TableEntry:
    """One line of a table."""

    workload: Workload
    measurement: Measurement


def _iso_date(instance: object, attribute: "Attribute[str]", value: str) -> None:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{attribute.name} must be a date like 2025-12-31, got {value!r}") from None


def _unique(instance: object, attribute: "Attribute[tuple[TableEntry, ...]]", value: tuple[TableEntry, ...]) -> None:
    seen: set[Workload] = set()
    for entry in value:
        if entry.workload in seen:
            raise ValueError(f"{attribute.name} holds {entry.workload} twice")
        seen.add(entry.workload)


@frozen(kw_only=True)
class LatencyTable:
    """The latencies of workloads on one device, in milliseconds.

    A net is predicted as the sum of its blocks and one overhead of the runtime.
    """

    device: DeviceInfo
    measured_on: str = field(validator=_iso_date)
    entries: tuple[TableEntry, ...] = field(validator=_unique)

    @cached_property
    def measurements(self) -> Mapping[Workload, Measurement]:
        """The entries by their workloads."""
        return MappingProxyType({entry.workload: entry.measurement for entry in self.entries})

    @property
    def overhead_ms(self) -> float:
        """What one call of the runtime costs by itself: the median over the entries."""
        return statistics.median(entry.measurement.overhead_ms for entry in self.entries) if self.entries else 0.0

    def missing(self, rows: Iterable[Iterable[Workload]]) -> tuple[Workload, ...]:
        """The workloads of `rows` that compute something and are not in the table, each once, in order."""
        wanted = dict.fromkeys(workload for row in rows for workload in row)
        return tuple(w for w in wanted if not w.block.computes_nothing and w not in self.measurements)

    def latency_ms(self, workload: Workload) -> float:
        """The latency of a block inside a net; 0 for one that computes nothing.

        Raises:
            MissingWorkloadsError: for a workload that was not measured.
        """
        return self._rows_ms([[workload]])[0][0]

    def predict_ms(self, architecture: Architecture) -> float:
        """The latency of a whole net for one image.

        Raises:
            MissingWorkloadsError: listing all of the net's workloads that were not measured.
        """
        return self.overhead_ms + sum(row[0] for row in self._rows_ms(workloads(architecture)))

    def costs(self, space: SearchSpace) -> tuple[tuple[float, ...], ...]:
        """The latency of every candidate of every searched block: what `expected_cost` takes.

        Raises:
            MissingWorkloadsError: listing all of the space's workloads that were not measured.
        """
        return self._rows_ms(workloads(space))[len(space.stem) : -1]

    def fixed_ms(self, space: SearchSpace) -> float:
        """The latency that all nets of the space have in common: stem, head and overhead.

        Raises:
            MissingWorkloadsError: as `costs`.
        """
        rows = self._rows_ms(workloads(space))
        return self.overhead_ms + sum(row[0] for row in (*rows[: len(space.stem)], rows[-1]))

    def _rows_ms(self, rows: Sequence[Sequence[Workload]]) -> tuple[tuple[float, ...], ...]:
        if missing := self.missing(rows):
            raise MissingWorkloadsError(missing, self.device)
        return tuple(
            tuple(0.0 if w.block.computes_nothing else self.measurements[w].latency_ms for w in row) for row in rows
        )

    def save(self, path: Path) -> None:
        """Writes the table as JSON, atomically."""
        save_json(self, path)

    @classmethod
    def load(cls, path: Path) -> "LatencyTable":
        """Reads what `save` wrote.

        Raises:
            ValueError: in one line that names the file, for one that is damaged or something else.
        """
        return load_json(path, cls)
