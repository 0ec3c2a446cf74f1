"""Limits that exclude no net."""

from collections.abc import Iterable, Iterator

from attrs import evolve

from pnas_apps.showing.run_tables import amount
from pnas_latency import Budget, LatencyTable, Limit
from pnas_ops import AnySpace, workloads


def needless_counts(space: AnySpace, table: LatencyTable, budget: Budget) -> Iterator[str]:
    """A line for each limit that every net of a space keeps, of those that need no table but its device's dtype."""
    return _lines(space, evolve(budget, latency_ms=None, columns={}).limits(table))


def needless_by_table(space: AnySpace, table: LatencyTable, budget: Budget) -> Iterator[str]:
    """The same of those on the latency and the other columns that the table has."""
    rows = workloads(space)
    columns = {name: at_most for name, at_most in budget.columns.items() if not table.missing_column(name, rows)}
    return _lines(space, Budget(latency_ms=budget.latency_ms, columns=columns).limits(table))


def _lines(space: AnySpace, limits: Iterable[Limit]) -> Iterator[str]:
    for limit in limits:
        metric = limit.metric
        most = metric.reckoned(space, metric.most_choices(space))
        if most <= limit.at_most:
            yield (
                f"No net of {space.name!r} exceeds {amount(most, metric.unit)} {metric.name}: the limit of "
                f"{amount(limit.at_most, metric.unit)} excludes none"
            )
