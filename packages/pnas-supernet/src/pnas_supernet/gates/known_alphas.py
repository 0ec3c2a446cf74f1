"""What the CPU knows of the architecture parameters, from which paths are drawn."""

from collections.abc import Sequence

from torch import Tensor, nn

from pnas_supernet.gates.transfers import on_cpu


class KnownAlphas:
    """Architecture parameters on the CPU, fetched again only when one of them has been changed.

    Of several sets that take turns in a network, see `active_alphas`, each is known.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], tuple[tuple[int, ...], list[Tensor]]] = {}

    def of(self, alphas: Sequence[nn.Parameter]) -> list[Tensor]:
        """What they hold: on a CPU they themselves, from a GPU a copy, which is not to be changed."""
        where, versions = tuple(alpha.data_ptr() for alpha in alphas), tuple(alpha._version for alpha in alphas)
        found = self._known.get(where)
        if found is None or found[0] != versions:
            found = self._known[where] = versions, on_cpu(alphas)
        return found[1]

    def forget(self) -> None:
        """Has them fetched again: PyTorch does not count what a fused optimizer changes."""
        self._known = {}

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        # Of a copy of the network nothing is known: None.
        return type(None), ()
