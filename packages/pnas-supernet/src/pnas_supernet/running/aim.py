"""One of several aims of a search: its own alpha, and its progress."""

from typing import Any

import torch
from attrs import asdict, define, field
from torch import nn
from torch.optim import Optimizer

from pnas_ops import from_dict
from pnas_supernet.running.search_state import Progress, epoch_records
from pnas_supernet.running.state_checks import refuse_not_finite_state, refuse_other_optimizer, refuse_unlike_state
from pnas_supernet.searching.arch_steps import ArchStep
from pnas_supernet.searching.execution import Execution
from pnas_supernet.searching.history import EpochMean
from pnas_supernet.searching.search_config import SearchConfig


@define(kw_only=True, eq=False)
class Aim:
    """One of several aims that are searched for with the same weights.

    Attributes:
        alphas: architecture parameters, one for each choice of the network.
        arch_step: how they learn.
        optimizer: of the alphas.
        execution: of their architecture steps.
        progress: records of the epochs, and the mean over architecture steps; weight steps are shared by all aims.
    """

    alphas: tuple[nn.Parameter, ...]
    arch_step: ArchStep
    optimizer: Optimizer
    execution: Execution
    progress: Progress = field(factory=Progress)

    def state_dict(self) -> dict[str, Any]:
        """The state of this aim only, as tensors and plain values."""
        scaler = self.execution.scaler
        return {
            "alphas": [alpha.detach() for alpha in self.alphas],
            "alpha_optimizer": self.optimizer.state_dict(),
            "arch_step": self.arch_step.state_dict(),
            "scaler": None if scaler is None else scaler.state_dict(),
            "history": [asdict(record) for record in self.progress.history],
            "mean": asdict(self.progress.validation),
        }

    def refuse_other(self, config: SearchConfig, state: dict[str, Any]) -> None:
        """Checks a state before `load_state_dict` takes it.

        Raises:
            ValueError: for the state of something else, and for numbers that are not finite.
        """
        shapes, shapes_before = ([tuple(alpha.shape) for alpha in one] for one in (self.alphas, state["alphas"]))
        if shapes != shapes_before:
            raise ValueError(f"an aim's alphas are {shapes}, were {shapes_before}")
        # -inf is a ban.
        if not all((alpha.isfinite() | alpha.isneginf()).all() for alpha in state["alphas"]):
            raise ValueError("an aim's alpha is not finite")
        refuse_not_finite_state({part: content for part, content in state.items() if part != "alphas"}, "aim")
        now = self.state_dict()
        for part in ("arch_step", "scaler"):
            refuse_unlike_state(now[part], state[part], part)
        refuse_other_optimizer(self.optimizer, state["alpha_optimizer"])
        epoch_records(config, state["history"])
        from_dict(state["mean"], EpochMean)

    def load_state_dict(self, config: SearchConfig, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned, which `refuse_other` must have checked."""
        with torch.no_grad():
            for alpha, value in zip(self.alphas, state["alphas"], strict=True):
                alpha.copy_(value)
        self.optimizer.load_state_dict(state["alpha_optimizer"])
        self.arch_step.load_state_dict(state["arch_step"])
        if self.execution.scaler is not None:
            self.execution.scaler.load_state_dict(state["scaler"])
        self.progress.history = epoch_records(config, state["history"])
        self.progress.validation = from_dict(state["mean"], EpochMean)
