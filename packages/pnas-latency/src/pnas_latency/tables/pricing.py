"""The values of workloads from known ones: that of a block of trees may be the sum of its parts."""

from collections.abc import Collection, Iterable, Mapping
from math import fsum

from pnas_ops import AnyWorkload, workload_parts


def lacking(rows: Iterable[Iterable[AnyWorkload]], known: Collection[AnyWorkload]) -> tuple[AnyWorkload, ...]:
    """The workloads of `rows` that compute something and have no value by what is `known`, each once, in order."""
    wanted = dict.fromkeys(workload for row in rows for workload in row)
    return tuple(workload for workload in wanted if any(part not in known for part in terms(workload, known)))


def terms(workload: AnyWorkload, known: Collection[AnyWorkload]) -> tuple[AnyWorkload, ...]:
    """The workloads whose values add up to that of this one: its parts where all are known, or else itself.

    The parts have precedence, so that a net costs what a search over the parts has counted. What computes nothing is
    left out.
    """
    parts = _computing(workload_parts(workload))
    return parts if all(part in known for part in parts) else _computing((workload,))


def summed(rows: Iterable[Iterable[AnyWorkload]], values: Mapping[AnyWorkload, float]) -> tuple[tuple[float, ...], ...]:
    """The value of every workload, none of which may be `lacking`; 0 for one that computes nothing."""
    return tuple(tuple(fsum(values[part] for part in terms(workload, values)) for workload in row) for row in rows)


def _computing(workloads: Iterable[AnyWorkload]) -> tuple[AnyWorkload, ...]:
    return tuple(workload for workload in workloads if not workload.computes_nothing)
