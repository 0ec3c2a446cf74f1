"""Latency tables of ProxylessNAS and of Once-for-All: YAML files of mean latencies."""

from collections.abc import Iterable, Mapping
from datetime import date
from itertools import product
from math import sqrt
from pathlib import Path
from statistics import NormalDist
from typing import Any

import yaml

from pnas_latency.tables.entries import TableEntry
from pnas_latency.tables.table import LatencyTable
from pnas_latency.tables.yaml_keys import EXAMPLE, ONCE_FOR_ALL, PROXYLESSNAS, Dialect
from pnas_ops import (
    BlockSpec,
    ClassifierSpec,
    ConvSpec,
    DeviceInfo,
    FilePath,
    FormatError,
    Measurement,
    Range,
    Workload,
    shortened,
    write_atomically,
)

_DEEPEST = 3
"""The depth of a value's contents, below its name and its key: errors there are reported by the key."""
_OF_THE_READER = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What PyYAML raises on tags that do not fit their values, beside its own errors."""
_COUNT = Range(1, 10**12, whole=True)
_MEAN = Range(0.0, 1e9, above=True)
_SPREAD = Range(0.0, 1e9)
_QUARTILE = NormalDist().inv_cdf(0.75)
_COLUMNS = {"var": "variance_ms2", "std": "deviation_ms"}
_NAMED_IN_AN_ERROR = 10


def read_proxylessnas_yaml(
    path: FilePath, *, device: DeviceInfo | None = None, measured_on: str | None = None
) -> LatencyTable:
    """The table in a file like the original's mobile_trim.yaml.

    An entry's latency is the file's mean, and its quartiles are those of a normal distribution with that mean and
    variance, since the file has none. The variance itself is in the column "variance_ms2". The file has the end of a
    net under two keys, "Conv_1" and "Logits"; where it has both, the table also has their sum, the classifier that our
    spaces end with.

    Args:
        path: the file.
        device: where it was measured, which the file does not say; by default a device named like the file, with one
            thread and float32.
        measured_on: the day, which the file does not say either; by default that of the file's last change.

    Raises:
        ValueError: in one line that names the file and the key, for one that is damaged or unknown.
    """
    path = Path(path)
    entries = _read(path, PROXYLESSNAS)
    return _table(path, (*entries, *_classifiers(entries)), PROXYLESSNAS, device, measured_on)


def read_ofa_yaml(path: FilePath, *, device: DeviceInfo | None = None, measured_on: str | None = None) -> LatencyTable:
    """The table in a file like Once-for-All's note10_lookup_table.yaml.

    As `read_proxylessnas_yaml`, with the standard deviation in the column "deviation_ms". MobileNetV3 ends with two
    convolutions around the average of all pixels, and a linear layer: four blocks, which an `Architecture` can have.
    "Conv_2" has no BatchNorm there but one here; on a device, with BatchNorm folded in, both are the same.
    """
    path = Path(path)
    return _table(path, _read(path, ONCE_FOR_ALL), ONCE_FOR_ALL, device, measured_on)


def write_proxylessnas_yaml(table: LatencyTable, path: FilePath) -> None:
    """Writes what `read_proxylessnas_yaml` reads, atomically: means, variances and counts.

    The file has no place for the device, the date, other columns, whole nets and the calibration. Where an entry does
    not have the column "variance_ms2", the variance follows from the quartiles as in a normal distribution.

    Raises:
        ValueError: in one line, naming the workloads for which the format has no key. A classifier with a convolution
            is written as its two parts, which the table must hold.
    """
    entries = table.at_one_speed().entries
    composed = {entry.workload for entry in _classifiers(entries)}
    _write([entry for entry in entries if entry.workload not in composed], path, PROXYLESSNAS)


def write_ofa_yaml(table: LatencyTable, path: FilePath) -> None:
    """Writes what `read_ofa_yaml` reads, atomically; as `write_proxylessnas_yaml`, with "deviation_ms"."""
    _write(table.at_one_speed().entries, path, ONCE_FOR_ALL)


def _table(
    path: Path, entries: Iterable[TableEntry], dialect: Dialect, device: DeviceInfo | None, measured_on: str | None
) -> LatencyTable:
    if device is None:
        name = f"device of {path.name}, a {dialect.name} table"
        device = DeviceInfo(device=name, runtime="unknown", runtime_version="unknown", threads=1, dtype="float32")
    if measured_on is None:
        measured_on = date.fromtimestamp(path.stat().st_mtime).isoformat()
    return LatencyTable(device=device, measured_on=measured_on, entries=tuple(entries))


def _read(path: Path, dialect: Dialect) -> tuple[TableEntry, ...]:
    way_out = f"name a {dialect.name} table, a YAML file of keys like {EXAMPLE}"
    try:
        document = _load(path.read_text(encoding="utf-8-sig"))
    except (*_OF_THE_READER, yaml.YAMLError) as error:
        raise FormatError(f"{path}: not a {dialect.name} table: {_in_a_line(error)}", way_out) from None
    if not isinstance(document, dict) or not document:
        raise FormatError(f"{path}: not a {dialect.name} table, since it has no keys", way_out)
    entries = []
    for key, values in document.items():
        try:
            workload = dialect.workload(str(key))
            entries.append(_entry(workload, *_numbers(values, dialect.spread), dialect.spread))
        except ValueError as error:
            raise FormatError(f"{path}: key {shortened(str(key))!r} {error}", "mend it, or delete the key") from None
    return tuple(entries)


def _in_a_line(error: Exception) -> str:
    return shortened(" ".join(str(error).split()) or type(error).__name__, 200)


def _load(text: str) -> object:
    # PyYAML keeps the last of two equal keys without a word.
    root = yaml.compose(text, Loader=_Loader)
    children = [value for _, value in root.value] if isinstance(root, yaml.MappingNode) else []
    for node in (root, *children):
        names = [name.value for name, _ in node.value] if isinstance(node, yaml.MappingNode) else []
        if twins := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"holds {twins[0]!r} twice")
    document: object = yaml.load(text, Loader=_Loader)
    return document


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Refuses references to earlier places: no table has any, and ten lines of them can expand beyond all memory.

    Also refuses what is nested deeper than a table, since the time to read it grows with the depth.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise ValueError("it refers to another place in it, which no table does")
        if self._depth > _DEEPEST:
            raise ValueError("it has lists in lists, or deeper keys than a table has")
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def _numbers(values: object, spread: str) -> tuple[int, float, float]:
    names = {"count", "mean", spread}
    if not isinstance(values, dict) or values.keys() != names:
        raise ValueError(f"must have {', '.join(sorted(names))}, got {shortened(repr(values))}")
    count, mean, scatter = values["count"], values["mean"], values[spread]
    for name, value, possible in (("count", count, _COUNT), ("mean", mean, _MEAN), (spread, scatter, _SPREAD)):
        if value not in possible:
            raise ValueError(f"has the {name} {shortened(repr(value))}: it must be {possible}")
    return count, float(mean), float(scatter)


def _entry(workload: Workload, count: int, mean_ms: float, scatter: float, spread: str) -> TableEntry:
    distance = _QUARTILE * (sqrt(scatter) if spread == "var" else scatter)
    measurement = Measurement(
        latency_ms=mean_ms,
        p25_ms=max(0.0, mean_ms - distance),
        median_ms=mean_ms,
        p75_ms=mean_ms + distance,
        count=count,
    )
    return TableEntry(workload=workload, measurement=measurement, columns={_COLUMNS[spread]: scatter})


def _classifiers(entries: Iterable[TableEntry]) -> tuple[TableEntry, ...]:
    """The sums of every convolution 1x1 and the linear layer that fits after it."""
    known = {entry.workload: entry for entry in entries if isinstance(entry.workload, Workload)}
    sums = []
    for (before, mix), (after, logits) in product(known.items(), repeat=2):
        first, last = before.block, after.block
        if (first.op, first.stride, last.op) != (ConvSpec(kernel_size=1), 1, ClassifierSpec(hidden_channels=None)):
            continue
        if last.in_channels != first.out_channels or before.input_shape[2:] != after.input_shape[2:]:
            continue
        op = ClassifierSpec(hidden_channels=first.out_channels)
        block = BlockSpec(op=op, in_channels=first.in_channels, out_channels=last.out_channels)
        workload = Workload(block=block, height=before.height, width=before.width)
        count = min(mix.measurement.count, logits.measurement.count)
        mean_ms = mix.measurement.latency_ms + logits.measurement.latency_ms
        # Independent measurements: the variances add up.
        sums.append(_entry(workload, count, mean_ms, _variance(mix) + _variance(logits), "var"))
    return tuple(sums)


def _variance(entry: TableEntry) -> float:
    return entry.columns.get(_COLUMNS["var"], _deviation(entry.measurement) ** 2)


def _deviation(measurement: Measurement) -> float:
    return (measurement.p75_ms - measurement.p25_ms) / (2 * _QUARTILE)


def _write(entries: Iterable[TableEntry], path: FilePath, dialect: Dialect) -> None:
    found = [entry.workload for entry in entries]
    keys = {one: dialect.key(one) if isinstance(one, Workload) else None for one in found}
    if unnamed := [str(workload) for workload, key in keys.items() if key is None]:
        more = len(unnamed) - _NAMED_IN_AN_ERROR
        raise ValueError(
            f"{path}: a {dialect.name} table has no key for {len(unnamed)} workloads: "
            f"{'; '.join(unnamed[:_NAMED_IN_AN_ERROR])}{f'; and {more} more' if more > 0 else ''}"
        )
    document: Mapping[str | None, Mapping[str, float]] = {
        keys[entry.workload]: {
            "count": entry.measurement.count,
            "mean": entry.measurement.latency_ms,
            dialect.spread: (
                _variance(entry)
                if dialect.spread == "var"
                else entry.columns.get(_COLUMNS["std"], _deviation(entry.measurement))
            ),
        }
        for entry in entries
    }
    write_atomically(path, yaml.safe_dump(document))
