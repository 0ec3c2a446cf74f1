"""Tables that are kept for the runs here, and measured where they lack something."""

import hashlib

from attrs import evolve

from pnas_apps.devices.known_tables import read_table_of
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_latency import MACS, Device, LatencyTable, measure_table, validation_nets
from pnas_ops import DeviceInfo, Space, workloads

_CALIBRATION_NETS = 6

_PROTOCOL = 3
"""Of measuring. Tables of an earlier one would be mixed with those of today, and nets predicted from both."""


def cached_table(device: Device, space: Space, cache: Cache, reporter: Reporter) -> LatencyTable:
    """The table of `device` with every workload of `space`, of which only those that the cache lacks are measured.

    It is calibrated with a few whole nets of the space, measured among the blocks: small blocks that are timed without
    them stay in the caches, and nets of hundredths of a millisecond come out a third too fast.

    Args:
        device: where to measure.
        space: the search space.
        cache: of tables.
        reporter: shows progress.

    Raises:
        UserError: naming a table in the cache that is damaged or of another device, or what could not be measured.
    """
    path = cache.tables / _file_name(device.info)
    known = read_table_of(device.info, path) if path.exists() else None
    rows = workloads(space)
    try:
        with reporter.phases() as progress:
            judges = validation_nets(space, costs=MACS.costs(space), fit=_CALIBRATION_NETS, held_out=0)
            table = measure_table(device, space, known=known, validation=judges, progress=progress)
    except ValueError as error:
        raise UserError(str(error)) from error
    wanted = {workload for row in rows for workload in row if not workload.block.computes_nothing}
    measured = len(table.entries) - (0 if known is None else len(known.entries))
    reporter.console.print(f"  {len(wanted)} workloads: {measured} measured now, {len(wanted) - measured} from {path}")
    if table != known:
        table.save(path)
    # Nets of other spaces, which the cache holds too, have other errors.
    return evolve(table, nets=tuple(entry for entry in table.nets if space.has(entry.architecture))).calibrated()


def _file_name(info: DeviceInfo) -> str:
    digest = hashlib.sha256(f"{info!r} {_PROTOCOL}".encode()).hexdigest()[:8]
    return f"{info.runtime}-{info.runtime_version}-{info.dtype}-{info.threads}-{digest}.json"
