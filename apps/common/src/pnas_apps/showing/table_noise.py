"""What in a latency table did not come out the same when it was measured again."""

from pnas_latency import LatencyTable

_NAMED = 5


def noise_line(table: LatencyTable) -> str | None:
    """A sentence, without its stop, on the measurements of a table that are noisy; None where none is."""
    noisy = [str(entry.workload) for entry in table.entries if entry.measurement.noisy]
    noisy += [f"net {entry.architecture.name}" for entry in table.nets if entry.measurement.noisy]
    if not noisy:
        return None
    more = f" and {len(noisy) - _NAMED} more" if len(noisy) > _NAMED else ""
    return (
        f"{len(noisy)} of the table's {len(table.entries) + len(table.nets)} measurements stayed noisy when they were "
        f"repeated, so predictions may be far off: {'; '.join(noisy[:_NAMED])}{more}"
    )
