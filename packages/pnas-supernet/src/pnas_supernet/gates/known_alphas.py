"""The CPU's copy of the architecture parameters, from which paths are drawn."""

from collections.abc import Sequence

from torch import Tensor, nn

from pnas_supernet.gates.transfers import on_cpu


class KnownAlphas:
    """Architecture parameters on the CPU, fetched again only when one of them has been changed.

    If several sets take turns in a network, see `active_alphas`, each is kept.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], tuple[tuple[int, ...], list[Tensor]]] = {}

    def of(self, alphas: Sequence[nn.Parameter]) -> list[Tensor]:
        """Their values: on a CPU the parameters themselves, from a GPU a copy, which must not be changed."""
        where, versions = tuple(alpha.data_ptr() for alpha in alphas), tuple(alpha._version for alpha in alphas)
        found = self._known.get(where)
        if found is None or found[0] != versions:
            found = self._known[where] = versions, on_cpu(alphas)
        return found[1]

    def forget(self) -> None:
        """Makes the next call fetch them again: PyTorch does not count changes by a fused optimizer."""
        self._known = {}

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        # A copy of the network starts without any: None.
        return type(None), ()
