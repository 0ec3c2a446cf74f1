"""What the CPU knows of the architecture parameters, from which paths are drawn."""

from collections.abc import Sequence

from torch import Tensor, nn

from pnas_supernet.gates.transfers import on_cpu


class KnownAlphas:
    """Architecture parameters on the CPU, fetched again only when one of them has been changed."""

    def __init__(self) -> None:
        self._seen: list[tuple[int, int]] | None = None
        self._values: list[Tensor] = []

    def of(self, alphas: Sequence[nn.Parameter]) -> list[Tensor]:
        """What they hold: on a CPU they themselves, from a GPU a copy, which is not to be changed."""
        seen = [(alpha.data_ptr(), alpha._version) for alpha in alphas]
        if seen != self._seen:
            self._values, self._seen = on_cpu(alphas), seen
        return self._values

    def forget(self) -> None:
        """Has them fetched again: PyTorch does not count what a fused optimizer changes."""
        self._seen = None

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        # Of a copy of the network nothing is known: None.
        return type(None), ()
