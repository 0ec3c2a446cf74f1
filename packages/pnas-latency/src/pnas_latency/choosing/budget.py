"""What a net may cost at most."""

from typing import Literal

from attrs import field, frozen
from attrs.validators import gt, optional

from pnas_latency.choosing.limit import Limit
from pnas_latency.metrics.counts import MACS, PARAMETERS, peak_activation_bytes, weight_bytes
from pnas_latency.metrics.metric import Metric
from pnas_latency.tables.table import LatencyTable


@frozen(kw_only=True)
class Budget:
    """What the net may cost at most; None where it does not matter.

    Attributes:
        latency_ms: the target, on the device of the latency table.
        macs: multiply-accumulates for one image.
        parameters: trainable values.
        weight_bytes: of the weights as they ship, in the device's dtype.
        peak_activation_bytes: of the activations at the worst moment, in the device's dtype.
    """

    latency_ms: float | None = field(default=None, validator=optional(gt(0.0)))
    macs: float | None = field(default=None, validator=optional(gt(0.0)))
    parameters: float | None = field(default=None, validator=optional(gt(0.0)))
    weight_bytes: float | None = field(default=None, validator=optional(gt(0.0)))
    peak_activation_bytes: float | None = field(default=None, validator=optional(gt(0.0)))

    def counts(self, table: LatencyTable) -> tuple[tuple[Metric, float], ...]:
        """The limits beside latency, each with its metric."""
        dtype: Literal["float32", "int8"] = "int8" if table.device.dtype == "int8" else "float32"
        pairs = (
            (MACS, self.macs),
            (PARAMETERS, self.parameters),
            (weight_bytes(dtype), self.weight_bytes),
            (peak_activation_bytes(dtype), self.peak_activation_bytes),
        )
        return tuple((metric, limit) for metric, limit in pairs if limit is not None)

    def limits(
        self, table: LatencyTable, *, latency_ms: float | None = None, least_ms: float | None = None
    ) -> tuple[Limit, ...]:
        """All limits; that of the latency is `latency_ms`, if given, and `least_ms` is its lower end."""
        limits = [Limit(metric=metric, at_most=limit) for metric, limit in self.counts(table)]
        if self.latency_ms is not None:
            at_most = self.latency_ms if latency_ms is None else latency_ms
            limits.insert(0, Limit(metric=table.metric(), at_most=at_most, at_least=least_ms))
        return tuple(limits)
