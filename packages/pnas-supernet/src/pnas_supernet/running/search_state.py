"""What of a search is saved, compared and refused; what happens between two saves is `ProxylessNAS`."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import attrs
import torch
from attrs import Factory, asdict, define, frozen
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import Optimizer

from pnas_ops import FormatError, ModuleSpace, Space, from_dict, from_json, to_json
from pnas_supernet.gates.fair_paths import FairPaths
from pnas_supernet.gates.mixed_op import alpha_parameters, mixed_ops
from pnas_supernet.gates.supernet import SuperNet
from pnas_supernet.running.state_checks import (
    refuse_not_finite_state,
    refuse_other_optimizer,
    refuse_unlike_state,
)
from pnas_supernet.searching.arch_steps import ArchStep, HasMultipliers
from pnas_supernet.searching.history import EpochMean, EpochRecord, relative_entropy
from pnas_supernet.searching.readings import DivergenceError
from pnas_supernet.searching.search_config import SearchConfig
from pnas_supernet.spaces.module_supernet import ModuleSuperNet


@define
class Progress:
    """How far a search is.

    Attributes:
        history: a record of every finished epoch.
        step: weight steps of the epoch that is under way.
        train, validation: means over that epoch's steps, of the weights and of the architecture.
        confirmed: how many of these steps are known to have been finite.
    """

    history: list[EpochRecord] = Factory(list)
    step: int = 0
    train: EpochMean = Factory(EpochMean)
    validation: EpochMean = Factory(EpochMean)
    confirmed: int = 0

    @property
    def epoch(self) -> int:
        """The epoch that is under way, counted from 0 over both phases."""
        return len(self.history)

    def confirm(self, step: int) -> None:
        """All was finite up to and with the weight step that made it so many."""
        self.confirmed = step

    def go_back(self) -> None:
        """Leaves out the weight steps that have not been confirmed: they have changed nothing."""
        self.step = self.confirmed

    def finish_epoch(self, config: SearchConfig, network: nn.Module, arch_step: ArchStep) -> EpochRecord:
        """Puts the epoch on record, with the probabilities and multipliers that it led to, and begins the next."""
        record = EpochRecord(
            epoch=self.epoch,
            phase="warm-up" if config.is_warm_up(self.epoch) else "search",
            train_loss=self.train.loss,
            train_accuracy=self.train.accuracy,
            validation_loss=self.validation.loss if self.validation.count else None,
            validation_accuracy=self.validation.accuracy if self.validation.count else None,
            entropy=relative_entropy(network),
            probs=tuple(tuple(op.probs.tolist()) for op in mixed_ops(network)),
            multipliers=dict(arch_step.multipliers) if isinstance(arch_step, HasMultipliers) else {},
        )
        self.history.append(record)
        self.step = self.confirmed = 0
        self.train, self.validation = EpochMean(), EpochMean()
        return record


@frozen(kw_only=True, eq=False)
class SearchState:
    """All that decides how a search goes on: what it was begun with, and what has changed since."""

    config: SearchConfig
    network: nn.Module
    weight_optimizer: Optimizer
    alpha_optimizer: Optimizer
    arch_step: ArchStep
    scalers: tuple[GradScaler, ...]
    generator: torch.Generator
    fair_paths: FairPaths
    progress: Progress

    def state_dict(self) -> dict[str, Any]:
        """The state as tensors and plain values: enough to go on bit for bit."""
        return {
            "config": asdict(self.config),
            "spaces": [*map(to_json, _spaces(self.network))],
            "network": self.network.state_dict(),
            "weight_optimizer": self.weight_optimizer.state_dict(),
            "alpha_optimizer": self.alpha_optimizer.state_dict(),
            "arch_step": self.arch_step.state_dict(),
            "scalers": [scaler.state_dict() for scaler in self.scalers],
            "generator": self.generator.get_state(),
            "fair_paths": self.fair_paths.state_dict(),
            "history": [asdict(record) for record in self.progress.history],
            "step": self.progress.step,
            "means": [asdict(self.progress.train), asdict(self.progress.validation)],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Changes all parts to what `state_dict` returned.

        Raises:
            ValueError: for the state of another configuration, space or network, and for numbers that are not finite;
                nothing has changed.
        """
        refuse_another_search(self.config, self.network, state)
        for name in _not_finite(self.network, state["network"]):
            raise ValueError(f"network.{name} is not finite")
        refuse_not_finite_state({part: content for part, content in state.items() if part != "network"})
        now = self.state_dict()
        for part in ("arch_step", "scalers", "generator"):
            refuse_unlike_state(now[part], state[part], part)
        refuse_other_optimizer(self.weight_optimizer, state["weight_optimizer"])
        refuse_other_optimizer(self.alpha_optimizer, state["alpha_optimizer"])
        history, step, (train, validation) = _progress(self.config, state)
        self.arch_step.load_state_dict(state["arch_step"])
        self.network.load_state_dict(state["network"])
        self.weight_optimizer.load_state_dict(state["weight_optimizer"])
        self.alpha_optimizer.load_state_dict(state["alpha_optimizer"])
        for scaler, scaler_state in zip(self.scalers, state["scalers"], strict=True):
            scaler.load_state_dict(scaler_state)
        self.generator.set_state(state["generator"])
        self.fair_paths.load_state_dict(state.get("fair_paths", []))  # not in what earlier versions saved
        self.progress.history, self.progress.step, self.progress.confirmed = history, step, step
        self.progress.train, self.progress.validation = train, validation


def _progress(config: SearchConfig, state: dict[str, Any]) -> tuple[list[EpochRecord], int, tuple[EpochMean, ...]]:
    """The records of all epochs, the step of the one under way, and its two means."""
    history, step = epoch_records(config, state["history"]), state["step"]
    if type(step) is not int or step < 0:
        raise ValueError(f"its step is {step!r}")
    return history, step, tuple(from_dict(mean, EpochMean) for mean in state["means"])


def epoch_records(config: SearchConfig, history: Sequence[dict[str, Any]]) -> list[EpochRecord]:
    """The records of all epochs, from plain values.

    Raises:
        ValueError: where they are not those of a search's first epochs.
    """
    records, most = [from_dict(record, EpochRecord) for record in history], config.warmup_epochs + config.epochs
    if [record.epoch for record in records] != list(range(len(records))) or len(records) > most:
        raise ValueError(f"its history is not one of at most {most} epochs")
    return records


def refuse_another_search(config: SearchConfig, network: nn.Module, state: dict[str, Any]) -> None:
    """Compares a state with the configuration, the spaces and the tensors of the search that is to go on from it.

    Raises:
        ValueError: naming the first thing that differs, as it is and as it was.
    """
    fields = attrs.fields(SearchConfig)
    # What an earlier version did not know was as it is by default.
    options, options_before = asdict(config), {option.name: option.default for option in fields}
    options_before.update(state["config"].items())
    may_change = {option.name for option in fields if not option.eq}
    changed = [key for key, before in options_before.items() if key not in may_change and options.get(key) != before]
    if changed:
        raise ValueError(", ".join(f"{key} is {options.get(key)!r}, was {options_before[key]!r}" for key in changed))
    for space, text in zip(_spaces(network), state["spaces"], strict=False):
        if not _is(space, text):
            now, before = json.loads(to_json(space)), json.loads(text)
            differing = [key for key in now if now[key] != before.get(key)]
            raise ValueError(f"the search space is another, in {', '.join(differing)}")
    tensors, tensors_before = network.state_dict(), state["network"]
    for name in sorted(tensors.keys() | tensors_before.keys()):
        if name not in tensors or name not in tensors_before:
            raise ValueError(f"only one of the networks has {name}")
        now, before = ((tuple(t.shape), t.dtype) for t in (tensors[name], tensors_before[name]))
        if now != before:
            raise ValueError(f"{name} is {now[0]} in {now[1]}, was {before[0]} in {before[1]}")


def refuse_not_finite(network: nn.Module) -> None:
    """Looks through all weights, buffers and alphas.

    Raises:
        DivergenceError: naming the first that holds a number that is not finite.
    """
    tensors = network.state_dict()
    for name in _not_finite(network, tensors):
        raise DivergenceError(f"{name} is not finite")


def _not_finite(network: nn.Module, tensors: dict[str, Any]) -> Iterator[str]:
    """The names of tensors that hold what a search cannot go on with.

    -inf is a ban in an alpha, and in a buffer a mask, as attention has them.
    """
    weights = {name for name, _ in network.named_parameters(remove_duplicate=False)}
    alphas = set(alpha_parameters(network))
    bans = {name for name, parameter in network.named_parameters(remove_duplicate=False) if parameter in alphas}
    for name, tensor in tensors.items():
        if isinstance(tensor, Tensor):
            usable = tensor.isfinite() if name in weights - bans else tensor.isfinite() | tensor.isneginf()
            if not usable.all():
                yield name


def _spaces(network: nn.Module) -> list[Space | ModuleSpace]:
    return [module.space for module in network.modules() if isinstance(module, SuperNet | ModuleSuperNet)]


def _is(space: Space | ModuleSpace, text: str) -> bool:
    """Whether a document is that of the space, with or without what the spaces of its day had not yet."""
    try:
        return from_json(text, type(space)) == space
    except FormatError:
        return False
