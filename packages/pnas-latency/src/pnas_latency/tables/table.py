"""Measured latencies, and what they say about whole nets."""

import statistics
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any, TypeVar

from attrs import evolve, field, frozen
from attrs.validators import optional

from pnas_latency.metrics.metric import Costs, Metric, Rows
from pnas_latency.tables.calibration import Calibration, fit_calibration
from pnas_latency.tables.descriptions import table_as_html, table_in_a_line, table_in_lines
from pnas_latency.tables.entries import NetEntry, TableEntry, each_net_once, each_workload_once, finite_values
from pnas_latency.tables.missing import MissingNetsError, MissingWorkloadsError, other_images
from pnas_latency.tables.pricing import lacking, summed, terms
from pnas_latency.tables.provenance import check_device, check_same_device
from pnas_latency.tables.validation import Validation, compare_predictions
from pnas_ops import (
    AnyNet,
    AnySpace,
    AnyWorkload,
    Architecture,
    DeviceInfo,
    FilePath,
    Measurement,
    ModuleWorkload,
    PricedNet,
    Range,
    Workload,
    load_json,
    save_json,
    workloads,
)

_Measured = TypeVar("_Measured", Workload, ModuleWorkload, AnyWorkload)


def _iso_date(instance: object, attribute: Any, value: str) -> None:
    try:
        date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{attribute.name} must be a date like 2025-12-31, got {value!r}") from None


@frozen(kw_only=True, repr=False)
class LatencyTable:
    """The latencies of workloads on one device, in milliseconds for its batch: one image, as a rule.

    The prediction for a net is the sum of its blocks and one overhead of the runtime, corrected by the calibration. All
    of these are converted to one speed of the machine, that of `probe_ms`, whatever its speed was at each measurement.

    Attributes:
        device: where everything was measured.
        measured_on: the day of the last measurement, like 2025-12-31.
        entries: the workloads, each once.
        nets: whole nets, each once, to calibrate the table with and to judge it by.
        overheads: the overhead of one call in other columns of the entries: {"energy_mj": 0.2}.
        calibration: corrects predictions; the entries are left as they were measured.
        noise_floor: relative difference of two measurements of the same thing in this table; None if not measured.
    """

    device: DeviceInfo
    measured_on: str = field(validator=_iso_date)
    entries: tuple[TableEntry, ...] = field(validator=each_workload_once)
    nets: tuple[NetEntry, ...] = field(default=(), validator=each_net_once)
    # A dict has no hash.
    overheads: Mapping[str, float] = field(factory=dict, validator=finite_values, hash=False)
    calibration: Calibration | None = None
    noise_floor: float | None = field(default=None, validator=optional(Range(0.0, 1e9)))

    def __repr__(self) -> str:
        return table_in_a_line(self)

    def __str__(self) -> str:
        return table_in_lines(self)

    def _repr_html_(self) -> str:
        return table_as_html(self)

    @cached_property
    def measurements(self) -> Mapping[AnyWorkload, Measurement]:
        """The entries by their workloads, at the table's speed, not calibrated."""
        return MappingProxyType({entry.workload: entry.measurement for entry in self.at_one_speed().entries})

    @cached_property
    def probe_ms(self) -> float | None:
        """The latency of `pnas_ops.PROBE` at the table's speed: the median over all its measurements.

        None where the device does not time the probe, and in tables of earlier versions.
        """
        measured = [*(entry.measurement for entry in self.entries), *(entry.measurement for entry in self.nets)]
        known = [one.probe_ms for one in measured if one.probe_ms is not None]
        return statistics.median(known) if known else None

    @property
    def overhead_ms(self) -> float:
        """The overhead of one call of the runtime, not calibrated: the median over the entries."""
        overheads_ms = [measured.overhead_ms for measured in self.measurements.values()]
        return statistics.median(overheads_ms) if overheads_ms else 0.0

    def at_one_speed(self) -> "LatencyTable":
        """The table with every measurement converted to its speed; unchanged without a probe."""
        speed = self.probe_ms
        return evolve(
            self,
            entries=tuple(evolve(entry, measurement=entry.measurement.at(speed)) for entry in self.entries),
            nets=tuple(evolve(entry, measurement=entry.measurement.at(speed)) for entry in self.nets),
        )

    def missing(self, rows: Iterable[Iterable[AnyWorkload]]) -> tuple[AnyWorkload, ...]:
        """The workloads of `rows` that compute something and are not in the table, each once, in order.

        A block of trees is in the table where it was measured itself, or all its `workload_parts`.
        """
        return lacking(rows, self.measurements)

    def check_fits(
        self, net: AnySpace | AnyNet, device: DeviceInfo | None = None, *, allow: Collection[str] = ()
    ) -> None:
        """Refuses the table where it cannot predict the latency of `net` on `device`.

        Args:
            net: what the table is to be used for: another space or another resolution has other workloads.
            device: where the net is to run; None to leave this unchecked.
            allow: names of fields of `DeviceInfo` that may differ: allow=["runtime_version"].

        Raises:
            ForeignTableError: naming the fields of the device that differ, with both values and the way out.
            MissingWorkloadsError: listing the workloads that the table lacks, and the resolution where it is the cause.
        """
        if device is not None:
            check_device(self.device, device, allow=allow)
        rows = workloads(net)
        if missing := self.missing(rows):
            raise MissingWorkloadsError(missing, self.device, why=other_images(rows[0][0], self.measurements))

    def latency_ms(self, workload: AnyWorkload) -> float:
        """The latency of a block inside a net; 0 for one that computes nothing.

        Raises:
            MissingWorkloadsError: for a workload that was not measured.
        """
        return self._rows_ms([[workload]])[0][0]

    def predict_ms(self, architecture: AnyNet) -> float:
        """The latency of a whole net, in milliseconds for a batch of the table's device.

        Raises:
            MissingWorkloadsError: listing all of the net's workloads that were not measured.
        """
        return self.metric().of(architecture)

    def priced(self, architecture: Architecture) -> PricedNet:
        """The net with its latency and that of each of its blocks on this device, for tables and pictures.

        Raises:
            MissingWorkloadsError: as `predict_ms`.
        """
        return PricedNet(
            architecture=architecture,
            block_ms=tuple(row[0] for row in self._rows_ms(workloads(architecture))),
            total_ms=self.predict_ms(architecture),
            device=str(self.device),
        )

    def costs(self, space: AnySpace) -> Costs:
        """The latency of every candidate of every searched block: what `expected_cost` takes.

        Raises:
            MissingWorkloadsError: listing all of the space's workloads that were not measured.
        """
        return self.metric().costs(space)

    def fixed_ms(self, space: AnySpace) -> float:
        """The latency that all nets of the space have in common: stem, head, overhead and the calibration's offset.

        Raises:
            MissingWorkloadsError: as `costs`.
        """
        return self.metric().fixed(space)

    def metric(self, column: str | None = None) -> Metric:
        """The latency, or another column of the entries, as a cost to search by.

        The metric raises a MissingWorkloadsError where the table lacks a workload, or its entry the column.

        Args:
            column: a name in `TableEntry.columns`; a net costs the sum of it over its workloads, and the overhead of a
                call. None for the calibrated latency.
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

        return Metric(
            name=column,
            unit=column.rpartition("_")[2],
            rows=rows,
            constant=self.overheads.get(column, 0.0),
            terms=partial(terms, known=values),
        )

    def missing_column(self, column: str, rows: Iterable[Iterable[AnyWorkload]]) -> tuple[AnyWorkload, ...]:
        """The workloads of `rows` that compute something and have no such column, each once, in order."""
        return lacking(rows, {entry.workload for entry in self.entries if column in entry.columns})

    def with_column(
        self, name: str, values: Mapping[_Measured, float], *, overhead: float | None = None
    ) -> "LatencyTable":
        """A table whose entries have one more column, or other values in it.

        Args:
            name: of the column, which ends with its unit: "energy_mj".
            values: of workloads in the table.
            overhead: of one call; None to leave it as it was, or nothing.

        Raises:
            MissingWorkloadsError: for workloads that the table lacks.
        """
        found = dict[AnyWorkload, float](values.items())
        if missing := lacking([found], self.measurements):
            raise MissingWorkloadsError(missing, self.device)
        entries = tuple(
            evolve(entry, columns={**entry.columns, name: found[entry.workload]}) if entry.workload in found else entry
            for entry in self.entries
        )
        return evolve(
            self, entries=entries, overheads=self.overheads if overhead is None else {**self.overheads, name: overhead}
        )

    def with_entry(self, entry: TableEntry) -> "LatencyTable":
        """A table with this entry too; it replaces one of the same workload."""
        found = {one.workload: one for one in self.entries} | {entry.workload: entry}
        return evolve(self, entries=tuple(found.values()))

    def merge(self, other: "LatencyTable") -> "LatencyTable":
        """A table with the entries and nets of both; of those that both hold, that of the later `measured_on` wins.

        On the same day, `other` wins. The larger noise floor is kept. The calibration, which was fitted to the entries
        of one table, is dropped: call `calibrated` again.

        Raises:
            ForeignTableError: for a table of another device, naming the fields that differ.
        """
        check_same_device(self.device, other.device)
        older, newer = sorted((self, other), key=lambda table: table.measured_on)
        floors = [table.noise_floor for table in (self, other) if table.noise_floor is not None]
        return LatencyTable(
            device=self.device,
            measured_on=newer.measured_on,
            entries=tuple({entry.workload: entry for entry in (*older.entries, *newer.entries)}.values()),
            nets=tuple({workloads(entry.architecture): entry for entry in (*older.nets, *newer.nets)}.values()),
            overheads={**older.overheads, **newer.overheads},
            noise_floor=max(floors, default=None),
        )

    def calibrated(self) -> "LatencyTable":
        """A table whose predictions, costs and `fixed_ms` are calibrated on the nets that are not held out.

        Raises:
            MissingNetsError: where all nets are held out.
            MissingWorkloadsError: for a net with workloads that were not measured.
        """
        fitted = [entry for entry in self.at_one_speed().nets if not entry.held_out]
        if not fitted:
            raise MissingNetsError("the table holds no net to calibrate it with", "measure some that are not held out")
        return evolve(self, calibration=fit_calibration(*_pairs(evolve(self, calibration=None), fitted)))

    def validate(self, *, band: bool = False) -> Validation:
        """Judges the predictions by the held-out nets.

        Args:
            band: take only those in the band of nearly equal cost, which are hard to rank.

        Raises:
            MissingNetsError: where there is no such net.
            MissingWorkloadsError: for a net with workloads that were not measured.
        """
        judges = [entry for entry in self.at_one_speed().nets if entry.held_out and (entry.band or not band)]
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
            ValueError: in one line that names the file, for one that is damaged or no table.
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
    """Predicted and measured latencies, in the order of the nets, at the table's speed."""
    pairs = [(table.predict_ms(entry.architecture), entry.total_ms) for entry in nets]
    return [predicted for predicted, _ in pairs], [measured for _, measured in pairs]
