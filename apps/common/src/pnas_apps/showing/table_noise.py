"""What in a latency table did not come out the same when it was measured again."""

from pnas_latency import LatencyTable
from pnas_ops import counted

_NAMED = 5


def noise_line(table: LatencyTable) -> str | None:
    """A sentence, without its stop, on the measurements of a table that are noisy; None where none is."""
    noisy = [str(entry.workload) for entry in table.entries if entry.measurement.noisy]
    noisy += [f"net {entry.architecture.name}" for entry in table.nets if entry.measurement.noisy]
    if not noisy:
        return None
    more = f" and {len(noisy) - _NAMED} more" if len(noisy) > _NAMED else ""
    return (
        f"{counted(len(noisy), 'measurement')} of the table stayed noisy when repeated "
        f"({'; '.join(noisy[:_NAMED])}{more}), so predictions may be far off"
    )
