"""What a net may cost at most."""

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen
from attrs.validators import optional

from pnas_latency.choosing.limit import Limit
from pnas_latency.metrics.counts import MACS, PARAMETERS, Dtype, file_bytes, peak_activation_bytes, weight_bytes
from pnas_latency.tables.table import LatencyTable
from pnas_ops import Range

_TIME = optional(Range(0.0, 1e9, above=True))
_COUNT = optional(Range(0.0, 1e18, above=True))
_COLUMN = Range(0.0, 1e18, above=True)


def _counts(instance: object, attribute: Any, value: Mapping[str, float]) -> None:
    for name, at_most in value.items():
        if at_most not in _COLUMN:
            raise ValueError(f"{attribute.name}[{name!r}] must be {_COLUMN}, got {at_most!r}")


@frozen(kw_only=True)
class Budget:
    """What the net may cost at most; None where it does not matter.

    `Budget(latency_ms=5.0, weight_bytes=300_000)` needs no table, for example on a command line. A table later supplies
    the metric of the latency, and its device the dtype for bytes. Bytes are those of the net's TFLite file.

    Attributes:
        latency_ms: the target, on the device of the latency table and for its batch.
        macs: multiply-accumulates for one image.
        parameters: trainable values.
        weight_bytes: of the file's constants.
        peak_activation_bytes: of the activations at their peak.
        file_bytes: of the file as a whole.
        columns: limits on columns of the table, see `LatencyTable.metric`: {"energy_mj": 3.5}.
        metadata_bytes: size of what the file holds besides the net, for `file_bytes`.
    """

    latency_ms: float | None = field(default=None, validator=_TIME)
    macs: float | None = field(default=None, validator=_COUNT)
    parameters: float | None = field(default=None, validator=_COUNT)
    weight_bytes: float | None = field(default=None, validator=_COUNT)
    peak_activation_bytes: float | None = field(default=None, validator=_COUNT)
    file_bytes: float | None = field(default=None, validator=_COUNT)
    # A dict has no hash.
    columns: Mapping[str, float] = field(factory=dict, validator=_counts, hash=False)
    metadata_bytes: float = field(default=0.0, validator=Range(0.0, 1e18))

    def counts(self, table: LatencyTable) -> tuple[Limit, ...]:
        """All limits but that on the latency; bytes in the dtype of the table's device."""
        dtype: Dtype = "int8" if table.device.dtype == "int8" else "float32"
        pairs = (
            (MACS, self.macs),
            (PARAMETERS, self.parameters),
            (weight_bytes(dtype), self.weight_bytes),
            (peak_activation_bytes(dtype), self.peak_activation_bytes),
            (file_bytes(dtype, metadata_bytes=self.metadata_bytes), self.file_bytes),
            *((table.metric(name), at_most) for name, at_most in self.columns.items()),
        )
        return tuple(Limit(metric=metric, at_most=at_most) for metric, at_most in pairs if at_most is not None)

    def limits(self, table: LatencyTable) -> tuple[Limit, ...]:
        """All limits, as `choose_within_budget` takes them; that on the latency first.

        Args:
            table: predicts the latency; its device's dtype is that of the bytes.
        """
        if self.latency_ms is None:
            return self.counts(table)
        return (Limit(metric=table.metric(), at_most=self.latency_ms), *self.counts(table))
