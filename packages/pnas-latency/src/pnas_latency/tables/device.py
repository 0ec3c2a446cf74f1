"""What latencies are measured on."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from pnas_ops import AnyNet, AnyWorkload, Architecture, DeviceInfo, Measurement, Progress, Workload


class Device(Protocol):
    """A runtime on a machine."""

    @property
    def info(self) -> DeviceInfo:
        """The description that distinguishes this device's tables from those of another."""
        ...

    def measure(
        self,
        rows: Sequence[Sequence[Workload]],
        *,
        nets: Sequence[Architecture] = (),
        progress: Progress | None = None,
    ) -> Iterator[tuple[AnyWorkload | AnyNet, Measurement]]:
        """Measures every workload of `rows` once, all of them together because neighbours share the caches.

        Milliseconds are for a batch of `info.batch` images.

        A device for a `ModuleSpace` has one more keyword, `build: pnas_ops.ModuleBuilder | None = None`. It then gets
        the workloads of the space's places, in `rows`, and the space's nets.

        Args:
            rows: the workloads at each position of a net, as `pnas_ops.workloads` returns them, without those that
                compute nothing.
            nets: to be measured whole, among the workloads, so that both meet the same state of the machine.
            progress: told how far it is.

        Returns:
            Each workload and then each net once, as soon as it is measured. The overhead of one call is deducted from
            both, and kept in `Measurement.overhead_ms`.
        """
        ...
