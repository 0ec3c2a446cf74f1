"""Steps one kernel after the other, as PyTorch has them, and steps from captured CUDA graphs."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from inspect import signature
from typing import Any

from torch import nn

from benchmarks.gpu_parts.newer import newer
from pnas_supernet import ProxylessNAS

MODES = ("eager", "captured")


def switch_of(mode: str) -> Callable[[nn.Module], AbstractContextManager[object]]:
    """Of a network, which works that way inside the `with` block.

    Raises:
        ImportError: where the packages know no captured graphs.
    """
    switch: Callable[[nn.Module], AbstractContextManager[object]] = nullcontext
    return switch if mode == "eager" else newer("RecordedCandidates")


def seldom_read() -> dict[str, Any]:
    """Has an `Execution` read its numbers every 50 steps, as a search on a GPU does, where it can."""
    try:
        from pnas_supernet import Readings
    except ImportError:
        return {}
    return {"readings": Readings(50)}


@contextmanager
def remembered_alphas(network: nn.Module) -> Iterator[Callable[[], None]]:
    """Inside the `with` block alpha is fetched once, and again where what is yielded has been called."""
    try:
        from pnas_supernet.gates.sampling import known_alphas
    except ImportError:
        yield lambda: None
        return
    with known_alphas(network) as known:
        yield known.forget


def not_recorded() -> dict[str, Any]:
    """Has a `ProxylessNAS` leave recordings to `switch_of`."""
    return {"recorded": False} if "recorded" in signature(ProxylessNAS).parameters else {}
