"""What a table holds: measured workloads and measured whole nets."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from pnas_ops import AnyNet, AnyWorkload, Measurement, Range, shortened, workloads

_VALUE = Range(-1e18, 1e18)


def finite_values(instance: object, attribute: Any, value: Mapping[str, float]) -> None:
    """A validator of attrs for numbers by name."""
    for name, number in value.items():
        if number not in _VALUE:
            raise ValueError(f"{attribute.name}[{name!r}] must be {_VALUE}, got {number!r}")


@frozen(kw_only=True, repr=False)
class TableEntry:
    """One line of a table.

    Attributes:
        workload: what was measured.
        measurement: its latency.
        columns: what else was measured, by a name that ends with the unit: {"energy_mj": 1.5}.
    """

    workload: AnyWorkload
    measurement: Measurement
    # A dict has no hash.
    columns: Mapping[str, float] = field(factory=dict, validator=finite_values, hash=False)

    def __repr__(self) -> str:
        more = "".join(f", {name} {value:.4g}" for name, value in self.columns.items())
        noisy = ", noisy" if self.measurement.noisy else ""
        said = shortened(f"{self.measurement.latency_ms:.4g} ms{noisy}{more}")
        return f"<TableEntry {shortened(self.workload.name)}: {said}>"


@frozen(kw_only=True, repr=False)
class NetEntry:
    """A whole net, measured end to end.

    Attributes:
        architecture: the net.
        measurement: its latency, by the same statistic and in the same session as that of the workloads.
        held_out: whether it is kept to judge the table's predictions; if not, it may be used to calibrate them.
        band: whether it is from the band of nearly equal cost that `validation_nets` draws.
    """

    architecture: AnyNet
    measurement: Measurement
    held_out: bool
    band: bool = False

    def __repr__(self) -> str:
        role = "held out" if self.held_out else "to calibrate with"
        band = ", of the band" if self.band else ""
        return f"<NetEntry {shortened(self.architecture.name)!r}: {self.total_ms:.4g} ms, {role}{band}>"

    @property
    def total_ms(self) -> float:
        """What a prediction is compared with: the net's latency and the runtime's overhead, which is in no workload."""
        return self.measurement.total_ms


def each_workload_once(instance: object, attribute: Any, value: tuple[TableEntry, ...]) -> None:
    """A validator of attrs for entries of different workloads."""
    seen: set[AnyWorkload] = set()
    for entry in value:
        if entry.workload in seen:
            raise ValueError(f"{attribute.name} holds {entry.workload} twice")
        seen.add(entry.workload)


def each_net_once(instance: object, attribute: Any, value: tuple[NetEntry, ...]) -> None:
    """A validator of attrs for entries of different nets."""
    # Names do not tell nets apart.
    seen: dict[object, str] = {}
    for entry in value:
        name, key = entry.architecture.name, workloads(entry.architecture)
        if key in seen:
            raise ValueError(f"{attribute.name} holds the net {name!r} twice, first as {seen[key]!r}")
        seen[key] = name
