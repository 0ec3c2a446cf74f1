"""What can be measured on."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from pnas_ops import AnyNet, AnyWorkload, Architecture, DeviceInfo, Measurement, Progress, Workload


class Device(Protocol):
    """A runtime on a machine."""

    @property
    def info(self) -> DeviceInfo:
        """The description that tells this device's tables from those of another."""
        ...

    def measure(
        self,
        rows: Sequence[Sequence[Workload]],
        *,
        nets: Sequence[Architecture] = (),
        progress: Progress | None = None,
    ) -> Iterator[tuple[AnyWorkload | AnyNet, Measurement]]:
        """Measures every workload of `rows` once, all of them together because neighbours share the caches.

        Milliseconds are those of `info.batch` images at once.

        A device for a `ModuleSpace` has one more keyword, `build: pnas_ops.ModuleBuilder | None = None`, and gets with
        it the workloads of the space's places, in `rows`, and its nets.

        Args:
            rows: the workloads at each position of a net, as `pnas_ops.workloads` returns them, without those that
                compute nothing.
            nets: to be measured whole, among the workloads: the machine that they are compared on is the same then.
            progress: told how far it is.

        Returns:
            Each workload and then each net once, as soon as it is measured. One call's overhead is deducted from both
            and kept in `Measurement.overhead_ms`.
        """
        ...
