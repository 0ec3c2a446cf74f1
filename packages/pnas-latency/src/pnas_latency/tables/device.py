"""What can be measured on."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from pnas_ops import Architecture, DeviceInfo, Measurement, Progress, Workload


class Device(Protocol):
    """A runtime on a machine."""

    @property
    def info(self) -> DeviceInfo:
        """What tells this device's tables from those of another."""
        ...

    def measure(
        self,
        rows: Sequence[Sequence[Workload]],
        *,
        nets: Sequence[Architecture] = (),
        progress: Progress | None = None,
    ) -> Iterator[tuple[Workload | Architecture, Measurement]]:
        """Measures every workload of `rows` once, all of them together because neighbours share the caches.

        Args:
            rows: the workloads at each position of a net, as `pnas_ops.workloads` returns them, without those that
                compute nothing.
            nets: to be measured whole, among the workloads: the machine that they are compared on is the same then.
            progress: told how far it is.

        Returns:
            Each workload and each net once, as soon as it is measured. One call's overhead is deducted from both and
            kept in `Measurement.overhead_ms`.
        """
        ...
