"""What a search does beside its steps, so that these need not wait for the GPU; nothing in earlier versions."""

from contextlib import suppress
from typing import Any

import torch
from torch import nn

from benchmarks.gpu_parts.newer import newer
from pnas_supernet import Execution


class Loop:
    """Around the steps of one network, as `ProxylessNAS.run_epoch` is, from now on."""

    def __init__(self, network: nn.Module) -> None:
        self._around: Any = None
        self._known: Any = None
        try:
            known_alphas = newer("known_alphas", "pnas_supernet.gates.sampling")
        except ImportError:
            return
        self._around = known_alphas(network)
        self._known = self._around.__enter__()  # for good: the network ends with the process

    def execution(self, autocast: torch.dtype | None) -> Execution:
        """Whose numbers are read now and then."""
        options: dict[str, Any] = {"autocast": autocast}
        with suppress(ImportError):
            options["readings"] = newer("Readings").on(torch.device("cuda"))
        return Execution(**options)

    def end_step(self, execution: Any, *, alpha_changed: bool) -> None:
        """After each step."""
        if self._known is not None and alpha_changed:
            self._known.forget()
        if hasattr(execution, "readings"):
            execution.readings.end_step()
