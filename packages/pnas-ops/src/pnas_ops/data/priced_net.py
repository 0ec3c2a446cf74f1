"""A net with what it costs on some device."""

from attrs import field, frozen

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.listings import counted, html_listing, listing, net_rows, shortened


@frozen(kw_only=True, repr=False)
class PricedNet:
    """A net with its latencies, for pictures and tables.

    Attributes:
        architecture: the net.
        block_ms: the latency of each of its blocks, in milliseconds.
        total_ms: the latency of the net, which may exceed the sum: a call of a runtime has an overhead.
        device: where they hold.
    """

    architecture: Architecture
    block_ms: tuple[float, ...] = field()
    total_ms: float
    device: str

    @block_ms.validator
    def _check_count(self, attribute: object, block_ms: tuple[float, ...]) -> None:
        if len(block_ms) != len(self.architecture.blocks):
            raise ValueError(f"a net of {len(self.architecture.blocks)} blocks got the prices of {len(block_ms)}")

    def __repr__(self) -> str:
        blocks = counted(len(self.block_ms), "block")
        name = shortened(self.architecture.name)
        return f"<PricedNet {name!r}: {blocks}, {self.total_ms:.3f} ms on {shortened(self.device)}>"

    def __str__(self) -> str:
        return listing(self._title(), self._rows())

    def _repr_html_(self) -> str:
        return html_listing(self._title(), self._rows(), "latency")

    def _title(self) -> str:
        return f"{self.architecture.name}: {self.total_ms:.3f} ms on {self.device}"

    def _rows(self) -> list[tuple[str, ...]]:
        rows = net_rows(self.architecture.blocks, self.architecture.resolution)
        return [(*row, f"{block_ms:.3f} ms") for row, block_ms in zip(rows, self.block_ms, strict=True)]
