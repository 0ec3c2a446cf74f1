"""What can be measured on."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from pnas_ops import DeviceInfo, Measurement, Progress, Workload


class Device(Protocol):
    """A runtime on a machine."""

    @property
    def info(self) -> DeviceInfo:
        """What tells this device's tables from those of another."""
        ...

    def measure(
        self, rows: Sequence[Sequence[Workload]], *, progress: Progress | None = None
    ) -> Iterator[tuple[Workload, Measurement]]:
        """Measures every workload of `rows` once, all of them together because neighbours share the caches.

        Args:
            rows: the workloads at each position of a net, as `pnas_ops.workloads` returns them, without those that
                compute nothing.
            progress: told how far it is.
        """
        ...
