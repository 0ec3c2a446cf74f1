"""A net with what it costs on some device."""

from attrs import field, frozen

from pnas_ops.data.space import Architecture


@frozen(kw_only=True)
class PricedNet:
    """What pictures and tables show of a net beside its operations.

    Attributes:
        architecture: the net.
        block_ms: the latency of each of its blocks, in milliseconds.
        total_ms: the latency of the net, which may be more than the sum: a call of a runtime has a cost of its own.
        device: on what.
    """

    architecture: Architecture
    block_ms: tuple[float, ...] = field()
    total_ms: float
    device: str

    @block_ms.validator
    def _check_count(self, attribute: object, block_ms: tuple[float, ...]) -> None:
        if len(block_ms) != len(self.architecture.blocks):
            raise ValueError(f"a net of {len(self.architecture.blocks)} blocks got the prices of {len(block_ms)}")
