"""Measured latencies, and what they say about whole nets."""

import statistics
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any

from attrs import evolve, field, frozen
from attrs.validators import optional

from pnas_latency.metrics.metric import Costs, Metric, Rows
from pnas_latency.tables.calibration import Calibration, fit_calibration
from pnas_latency.tables.descriptions import table_as_html, table_in_a_line, table_in_lines
from pnas_latency.tables.entries import NetEntry, TableEntry
from pnas_latency.tables.missing import MissingNetsError, MissingWorkloadsError
from pnas_latency.tables.pricing import lacking, summed, terms
from pnas_latency.tables.provenance import ForeignTableError, check_device, describe_differences, differing_fields
from pnas_latency.tables.validation import Validation, compare_predictions
from pnas_ops import (
    Architecture,
    DeviceInfo,
    FilePath,
    Measurement,
    PricedNet,
    Range,
    Space,
    Workload,
    load_json,
    save_json,
    workloads,
)


def _iso_date(instance: object, attribute: Any, value: str) -> None:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{attribute.name} must be a date like 2025-12-31, got {value!r}") from None


def _unique(instance: object, attribute: Any, value: tuple[TableEntry, ...]) -> None:
    seen: set[Workload] = set()
    for entry in value:
        if entry.workload in seen:
            raise ValueError(f"{attribute.name} holds {entry.workload} twice")
        seen.add(entry.workload)


def _key(architecture: Architecture) -> object:
    """What makes two nets the same one: not their names."""
    return architecture.resolution, architecture.blocks


def _unique_nets(instance: object, attribute: Any, value: tuple[NetEntry, ...]) -> None:
    seen: dict[object, str] = {}
    for entry in value:
        name, key = entry.architecture.name, _key(entry.architecture)
        if key in seen:
            raise ValueError(f"{attribute.name} holds the net {name!r} twice, first as {seen[key]!r}")
        seen[key] = name


@frozen(kw_only=True, repr=False)
class LatencyTable:
    """The latencies of workloads on one device, in milliseconds.

    A net is predicted as the sum of its blocks and one overhead of the runtime, then corrected by the calibration.

    Attributes:
        device: where all of it was measured.
        measured_on: the day of the last measurement, like 2025-12-31.
        entries: the workloads, each once.
        nets: whole nets, each once: what calibrates the table, and what it is judged by.
        calibration: what predictions are corrected by; the entries are left as they were measured.
        noise_floor: relative difference of two measurements of the same thing in this table; None if not measured.
    """

    device: DeviceInfo
    measured_on: str = field(validator=_iso_date)
    entries: tuple[TableEntry, ...] = field(validator=_unique)
    nets: tuple[NetEntry, ...] = field(default=(), validator=_unique_nets)
    calibration: Calibration | None = None
    noise_floor: float | None = field(default=None, validator=optional(Range(0.0, 1e9)))

    def __repr__(self) -> str:
        return table_in_a_line(self)

    def __str__(self) -> str:
        return table_in_lines(self)

    def _repr_html_(self) -> str:
        return table_as_html(self)

    @cached_property
    def measurements(self) -> Mapping[Workload, Measurement]:
        """The entries by their workloads, not calibrated."""
        return MappingProxyType({entry.workload: entry.measurement for entry in self.entries})

    @property
    def overhead_ms(self) -> float:
        """What one call of the runtime costs by itself, not calibrated: the median over the entries."""
        return statistics.median(entry.measurement.overhead_ms for entry in self.entries) if self.entries else 0.0

    def missing(self, rows: Iterable[Iterable[Workload]]) -> tuple[Workload, ...]:
        """The workloads of `rows` that compute something and are not in the table, each once, in order.

        A block of trees is in the table where it was measured itself, or all its `workload_parts`.
        """
        return lacking(rows, self.measurements)

    def check_fits(
        self, net: Space | Architecture, device: DeviceInfo | None = None, *, allow: Collection[str] = ()
    ) -> None:
        """Refuses the table where it cannot say what `net` takes on `device`.

        Args:
            net: what the table is to be used for: another space or another resolution has other workloads.
            device: where the net is to run; None to leave that unchecked.
            allow: names of those fields of `DeviceInfo` that may differ: allow=["runtime_version"].

        Raises:
            ForeignTableError: naming the fields of the device that differ, with both values and the way out.
            MissingWorkloadsError: listing the workloads that the table lacks, and the resolution where that is why.
        """
        if device is not None:
            check_device(self.device, device, allow=allow)
        rows = workloads(net)
        if missing := self.missing(rows):
            sizes = {w.height for w in self.measurements if w.block == rows[0][0].block and w.height == w.width}
            other = sizes and net.resolution not in sizes
            why = f"resolution {', '.join(map(str, sorted(sizes)))}, not {net.resolution}" if other else ""
            raise MissingWorkloadsError(missing, self.device, why=why)

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
        return self.metric().of(architecture)

    def priced(self, architecture: Architecture) -> PricedNet:
        """The net with what it and each of its blocks take here, for tables and pictures.

        Raises:
            MissingWorkloadsError: as `predict_ms`.
        """
        return PricedNet(
            architecture=architecture,
            block_ms=tuple(row[0] for row in self._rows_ms(workloads(architecture))),
            total_ms=self.predict_ms(architecture),
            device=str(self.device),
        )

    def costs(self, space: Space) -> Costs:
        """The latency of every candidate of every searched block: what `expected_cost` takes.

        Raises:
            MissingWorkloadsError: listing all of the space's workloads that were not measured.
        """
        return self.metric().costs(space)

    def fixed_ms(self, space: Space) -> float:
        """The latency that all nets of the space have in common: stem, head, overhead and the calibration's offset.

        Raises:
            MissingWorkloadsError: as `costs`.
        """
        return self.metric().fixed(space)

    def metric(self, column: str | None = None) -> Metric:
        """The latency, or another column of the entries, as a cost to search by.

        The metric raises a MissingWorkloadsError where the table lacks a workload, or its entry the column.

        Args:
            column: a name in `TableEntry.columns`, of which a net has the sum; None for the latency, calibrated.
        """
        if column is None:
            scale, offset_ms = self._correction
            constant = scale * self.overhead_ms + offset_ms
            split = partial(terms, known=self.measurements)
            return Metric(name="latency_ms", unit="ms", rows=self._rows_ms, constant=constant, terms=split)
        values = {entry.workload: entry.columns[column] for entry in self.entries if column in entry.columns}

        def rows(of: Rows) -> Costs:
            if missing := lacking(of, values):
                raise MissingWorkloadsError(missing, self.device, column=column)
            return summed(of, values)

        return Metric(name=column, unit=column.rpartition("_")[2], rows=rows, terms=partial(terms, known=values))

    def merge(self, other: "LatencyTable") -> "LatencyTable":
        """A table with the entries and nets of both; of those that both hold, that of the later `measured_on`.

        On the same day it is the one of `other`. The larger noise floor is kept. The calibration, which was fitted to
        the entries of one table, is dropped: call `calibrated` again.

        Raises:
            ForeignTableError: for a table of another device, naming the fields that differ.
        """
        if differing := differing_fields(self.device, other.device):
            differences = describe_differences(self.device, other.device, differing)
            raise ForeignTableError(
                f"tables of two devices cannot be merged: {differences}",
                have=self.device,
                want=other.device,
                differing=differing,
            )
        older, newer = sorted((self, other), key=lambda table: table.measured_on)
        floors = [table.noise_floor for table in (self, other) if table.noise_floor is not None]
        return LatencyTable(
            device=self.device,
            measured_on=newer.measured_on,
            entries=tuple({entry.workload: entry for entry in (*older.entries, *newer.entries)}.values()),
            nets=tuple({_key(entry.architecture): entry for entry in (*older.nets, *newer.nets)}.values()),
            noise_floor=max(floors, default=None),
        )

    def calibrated(self) -> "LatencyTable":
        """A table whose predictions, costs and `fixed_ms` are corrected by those of its nets that are not held out.

        Raises:
            MissingNetsError: where all nets are held out.
            MissingWorkloadsError: for a net with workloads that were not measured.
        """
        fitted = [entry for entry in self.nets if not entry.held_out]
        if not fitted:
            raise MissingNetsError("the table holds no net to calibrate it with", "measure some that are not held out")
        return evolve(self, calibration=fit_calibration(*_pairs(evolve(self, calibration=None), fitted)))

    def validate(self, *, band: bool = False) -> Validation:
        """Judges the predictions by the nets that are held out.

        Args:
            band: take only those of the band of nearly equal cost, among which ranking is hard.

        Raises:
            MissingNetsError: where there is no such net.
            MissingWorkloadsError: for a net with workloads that were not measured.
        """
        judges = [entry for entry in self.nets if entry.held_out and (entry.band or not band)]
        if not judges:
            what = f"the table holds no net {'of the band ' if band else ''}that is held out"
            raise MissingNetsError(what, "measure some")
        return compare_predictions(*_pairs(self, judges), noise_floor=self.noise_floor)

    def save(self, path: FilePath) -> None:
        """Writes the table as JSON, atomically."""
        save_json(self, path)

    @classmethod
    def load(cls, path: FilePath) -> "LatencyTable":
        """Reads what `save` wrote.

        Raises:
            ValueError: in one line that names the file, for one that is damaged or something else.
        """
        return load_json(path, cls)

    @property
    def _correction(self) -> tuple[float, float]:
        return (1.0, 0.0) if self.calibration is None else (self.calibration.scale, self.calibration.offset_ms)

    def _rows_ms(self, rows: Rows) -> Costs:
        if missing := self.missing(rows):
            raise MissingWorkloadsError(missing, self.device)
        scale, _ = self._correction
        return summed(rows, {workload: scale * found.latency_ms for workload, found in self.measurements.items()})


def _pairs(table: LatencyTable, nets: Iterable[NetEntry]) -> tuple[list[float], list[float]]:
    """Predicted and measured latencies, in the order of the nets."""
    pairs = [(table.predict_ms(entry.architecture), entry.total_ms) for entry in nets]
    return [predicted for predicted, _ in pairs], [measured for _, measured in pairs]
