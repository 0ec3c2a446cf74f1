"""The latency table of a run: measured once a machine, and kept in a cache."""

import hashlib
from pathlib import Path

from pnas_apps.errors import UserError
from pnas_apps.progress import Reporter
from pnas_latency import Device, LatencyTable, measure_table
from pnas_ops import DeviceInfo, SearchSpace, workloads


def cached_table(device: Device, space: SearchSpace, cache: Path, reporter: Reporter) -> LatencyTable:
    """The table of `device` with every workload of `space`, of which only those that the cache lacks are measured.

    Args:
        device: where to measure.
        space: the search space.
        cache: a folder with one table for each device, runtime, version, number of threads and dtype.
        reporter: shows progress.

    Raises:
        UserError: naming a damaged table in the cache.
    """
    path = cache / _file_name(device.info)
    known = read_table(path) if path.exists() else None
    rows = workloads(space)
    with reporter.phases() as progress:
        table = measure_table(device, space, known=known, progress=progress)
    wanted = {workload for row in rows for workload in row if not workload.block.computes_nothing}
    measured = len(table.entries) - (0 if known is None else len(known.entries))
    reporter.console.print(f"  {len(wanted)} workloads: {measured} measured now, {len(wanted) - measured} from {path}")
    if measured:
        table.save(path)
    return table


def read_table(path: Path) -> LatencyTable:
    """A table that `LatencyTable.save` wrote.

    Raises:
        UserError: naming a file that is not there or not a table.
    """
    try:
        return LatencyTable.load(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{error}: measure it again, or name another table") from None


def _file_name(info: DeviceInfo) -> str:
    digest = hashlib.sha256(repr(info).encode()).hexdigest()[:8]
    return f"{info.runtime}-{info.runtime_version}-{info.dtype}-{info.threads}-{digest}.json"
