"""What a table does not hold."""

from collections.abc import Collection, Sequence

from pnas_ops import AnyWorkload, DeviceInfo, ModuleWorkload, PnasError, Workload

_NAMED_IN_AN_ERROR = 10


class MissingWorkloadsError(PnasError, LookupError):
    """A table lacks workloads that a prediction needs.

    Attributes:
        missing: these workloads.
        device: the device of the table.
    """

    def __init__(self, missing: Sequence[AnyWorkload], device: DeviceInfo, *, why: str = "", column: str = "") -> None:
        self.missing = tuple(missing)
        self.device = device
        named = "; ".join(map(str, self.missing[:_NAMED_IN_AN_ERROR]))
        more = len(self.missing) - _NAMED_IN_AN_ERROR
        super().__init__(
            f"the table of {device}{f' ({why})' if why else ''} lacks {f'{column} of ' if column else ''}"
            f"{len(self.missing)} workloads: {named}{f'; and {more} more' if more > 0 else ''}",
            f"give it that column with LatencyTable.with_column({column!r}, ...)"
            if column
            else "measure them on that device with measure_table(known=...)",
        )


class MissingNetsError(PnasError, ValueError):
    """A table lacks whole nets to calibrate it with, or to judge it by."""


def other_images(first: AnyWorkload, measured: Collection[AnyWorkload]) -> str:
    """The image sizes for which a table has the first workload of a net, where it lacks the net's own size."""
    if isinstance(first, ModuleWorkload):
        return ""
    sizes = {w.height for w in measured if isinstance(w, Workload) and w.block == first.block and w.height == w.width}
    other = sizes and first.height not in sizes
    return f"resolution {', '.join(map(str, sorted(sizes)))}, not {first.height}" if other else ""
