"""Tables that are kept for the runs here, and measured where they lack something."""

import hashlib
import time

from attrs import evolve, frozen
from filelock import FileLock

from pnas_apps.devices.known_tables import MEASURE_AGAIN, read_table_of
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.run.operations import codes
from pnas_latency import MACS, Device, LatencyTable, ValidationNet, measure_table, validation_nets
from pnas_ops import (
    AnyNet,
    AnySpace,
    AnyWorkload,
    DeviceInfo,
    ModuleBuilder,
    counted,
    own_operations_of,
    workloads,
)

_CALIBRATION_NETS = 6

_PROTOCOL = 4
"""Of measuring. Tables of an earlier one would be mixed with those of today, and nets predicted from both. Those of 3
may hold blocks of published nets that were measured without others between them, up to twice too fast."""

SECONDS_BETWEEN_SAVES = 1.0
"""Of a table that is being measured: a kill loses what was measured in the last of them, anything else nothing."""


class _KeptTable:
    """A table in the cache, to which several programs may add at the same time.

    Attributes:
        path: of its file.
        known: what was in it at first, if anything.
        table: what is to be in it; what other programs have added comes in when it is saved.
    """

    def __init__(self, info: DeviceInfo, space: AnySpace, cache: Cache) -> None:
        self.path = cache.tables / _file_name(info, space)
        self.known = self.table = self._read(info)
        self._info = info
        self._saved_at = 0.0

    def keep(self, table: LatencyTable) -> None:
        """Takes a table that holds more, and writes it to its file every now and then."""
        self.table = table
        if time.monotonic() - self._saved_at > SECONDS_BETWEEN_SAVES:
            self.save()

    def save(self) -> None:
        """Writes the table to its file, where there is anything new in it."""
        if self.table is None or self.table == self.known:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.path}.lock"):
            found = self._read(self._info)
            if found is not None and not _holds(self.table, found):
                self.table = found.merge(self.table)
            self.table.save(self.path)
        self._saved_at = time.monotonic()

    def _read(self, info: DeviceInfo) -> LatencyTable | None:
        """What is in the file but for what is noisy, which is measured again."""
        if not self.path.exists():
            return None
        table = read_table_of(info, self.path, way_out=MEASURE_AGAIN)
        return evolve(
            table,
            entries=tuple(entry for entry in table.entries if not entry.measurement.noisy),
            nets=tuple(entry for entry in table.nets if not entry.measurement.noisy),
        )


def cached_table(
    device: Device, space: AnySpace, cache: Cache, reporter: Reporter, *, build: ModuleBuilder | None = None
) -> LatencyTable:
    """The table of `device` with every workload of `space`, of which only those that the cache lacks are measured.

    It is calibrated with a few whole nets of the space, measured among the blocks: small blocks that are timed without
    them stay in the caches, and nets of hundredths of a millisecond come out a third too fast.

    What was measured stays in the cache whatever happens before the rest is, see `SECONDS_BETWEEN_SAVES`.

    Args:
        device: where to measure.
        space: the search space.
        cache: of tables.
        reporter: shows progress.
        build: makes the modules of a `ModuleSpace`.

    Raises:
        UserError: naming a table in the cache that is damaged or of another device, or what could not be measured.
    """
    kept = _KeptTable(device.info, space, cache)
    try:
        with reporter.phases() as progress:
            table = measure_table(
                device,
                space,
                build=build,
                known=kept.known,
                validation=_judges(space),
                keep=kept.keep,
                progress=progress,
            )
    except ValueError as error:
        way_on = "" if kept.table == kept.known else "; the measurements so far are kept, and the same command resumes"
        raise UserError(f"{error}{way_on}") from error
    finally:
        kept.save()
    wanted = {workload for row in workloads(space) for workload in row if not workload.computes_nothing}
    measured = len(table.entries) - (0 if kept.known is None else len(kept.known.entries))
    reporter.console.print(
        f"  {counted(len(wanted), 'different candidate')}: {measured} measured now, "
        f"{len(wanted) - measured} from {kept.path}"
    )
    return _calibrated(table, space)


@frozen(kw_only=True)
class Lacking:
    """What `cached_table` would measure.

    Attributes:
        blocks: the blocks at each position of the space that the cache lacks; a block may stand at several.
        nets: to calibrate with.
    """

    blocks: tuple[tuple[AnyWorkload, ...], ...]
    nets: tuple[AnyNet, ...]

    @property
    def count(self) -> int:
        """How many different blocks there are."""
        return len({block for row in self.blocks for block in row})


def lacking(info: DeviceInfo, space: AnySpace, cache: Cache) -> Lacking:
    """What `cached_table` would measure on a device.

    Raises:
        UserError: naming a table in the cache that is damaged or of another device.
    """
    known, rows = _KeptTable(info, space, cache).known, workloads(space)
    wanted = dict.fromkeys(block for row in rows for block in row if not block.computes_nothing)
    missing = {*wanted} if known is None else {*known.missing(rows)}
    nets = set() if known is None else {workloads(entry.architecture) for entry in known.nets}
    return Lacking(
        blocks=tuple(tuple(block for block in dict.fromkeys(row) if block in missing) for row in rows),
        nets=tuple(one.architecture for one in _judges(space) if workloads(one.architecture) not in nets),
    )


def whole_cached_table(info: DeviceInfo, space: AnySpace, cache: Cache) -> LatencyTable | None:
    """What `cached_table` returns where it has nothing to measure, or else None.

    Raises:
        UserError: naming a table in the cache that is damaged or of another device.
    """
    known, left = _KeptTable(info, space, cache).known, lacking(info, space, cache)
    return _calibrated(known, space) if known is not None and not left.count and not left.nets else None


def _judges(space: AnySpace) -> tuple[ValidationNet, ...]:
    # A space of a single net, as one makes it to try an operation, has none to spare.
    return () if space.size() == 1 else validation_nets(space, cost=MACS, fit=_CALIBRATION_NETS, held_out=0)


def _calibrated(table: LatencyTable, space: AnySpace) -> LatencyTable:
    # Nets of other spaces, which the cache holds too, have other errors.
    return evolve(table, nets=tuple(entry for entry in table.nets if space.has(entry.architecture))).calibrated()


def _holds(table: LatencyTable, other: LatencyTable) -> bool:
    """Whether the one lacks nothing of the other."""
    nets = {entry.architecture for entry in table.nets}
    return table.measurements.keys() >= other.measurements.keys() and nets >= {one.architecture for one in other.nets}


def _file_name(info: DeviceInfo, space: AnySpace) -> str:
    # Operations of someone's own have tables of their own: others cannot read them, and other code takes other times.
    own = f" {sorted(codes(space).items())}" if own_operations_of(space) else ""
    digest = hashlib.sha256(f"{info!r} {_PROTOCOL}{own}".encode()).hexdigest()[:8]
    return f"{info.runtime}-{info.runtime_version}-{info.dtype}-{info.threads}-{digest}.json"
