"""What in a latency table did not come out the same when it was measured again."""

from pnas_latency import LatencyTable
from pnas_ops import AnyNet, counted, workloads

_NAMED = 5


def noise_line(table: LatencyTable, *nets: AnyNet) -> str | None:
    """A sentence, without its stop, on the measurements of a table that are noisy; None where none is.

    Args:
        table: the table.
        nets: only what their predictions depend on; everything in the table if there are none.
    """
    blocks = {workload for net in nets for row in workloads(net) for workload in row}
    noisy = [
        str(entry.workload)
        for entry in table.entries
        if entry.measurement.noisy and (not nets or entry.workload in blocks)
    ]
    noisy += [f"net {entry.architecture.name}" for entry in table.nets if entry.measurement.noisy]
    if not noisy:
        return None
    more = f" and {len(noisy) - _NAMED} more" if len(noisy) > _NAMED else ""
    return (
        f"{counted(len(noisy), 'measurement')} of the table stayed noisy when repeated "
        f"({'; '.join(noisy[:_NAMED])}{more}), so predictions from them may be far off"
    )
