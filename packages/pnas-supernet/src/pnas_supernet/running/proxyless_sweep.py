"""A search for several aims at once: shared weights, and an alpha for each aim."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from attrs import evolve
from torch import nn

from pnas_ops import Batches, FilePath, Score
from pnas_supernet.gates.alphas import active_alphas, copied_alphas
from pnas_supernet.gates.mixed_op import alpha_parameters
from pnas_supernet.running.aim import Aim
from pnas_supernet.running.checkpoint import save_checkpoints
from pnas_supernet.running.proxyless_nas import ProxylessNAS
from pnas_supernet.running.search_state import refuse_not_finite
from pnas_supernet.searching.arch_steps import ArchStep
from pnas_supernet.searching.execution import Loss
from pnas_supernet.searching.history import EpochRecord
from pnas_supernet.searching.optimizers import make_alpha_optimizer
from pnas_supernet.searching.search_config import SearchConfig


class ProxylessSweep(ProxylessNAS):
    """A search for several aims, such as budgets and devices, that share the weights.

    The warm-up is shared too. After it, each weight step draws its paths from the alpha of the next aim in turn, and
    after every `arch_interval` weight steps each aim takes an architecture step, all on the same batch. Each aim has
    its own alpha, optimizer state and `ArchStep` state. With one aim this is a `ProxylessNAS`, bit for bit.

    Args:
        network: any module that holds `MixedOp`s; its own alphas are those of the first aim, and the others start as
            copies of them.
        config: hyper-parameters.
        arch_steps: how the alpha of each aim learns.
        loss, score, generator, group, read_every, recorded: as `ProxylessNAS` takes them.

    Attributes:
        alphas: of each aim, one for each choice of the network; see `aimed`.

    Raises:
        ValueError: for no aim, for two with the same `ArchStep`, and as `ProxylessNAS`.
    """

    kind = "sweep"

    def __init__(
        self,
        network: nn.Module,
        config: SearchConfig,
        *,
        arch_steps: Sequence[ArchStep],
        loss: Loss | None = None,
        score: Score | None = None,
        generator: torch.Generator,
        group: dist.ProcessGroup | None = None,
        read_every: int | None = None,
        recorded: bool | None = None,
    ) -> None:
        if not arch_steps:
            raise ValueError("a sweep needs an aim: give it an ArchStep for each")
        if len({id(arch_step) for arch_step in arch_steps}) < len(arch_steps):
            raise ValueError("two aims have the same ArchStep, which keeps what it has learnt: make one for each")
        super().__init__(
            network,
            config,
            loss=loss,
            score=score,
            arch_step=arch_steps[0],
            generator=generator,
            group=group,
            read_every=read_every,
            recorded=recorded,
        )
        first = Aim(
            alphas=tuple(alpha_parameters(network)),
            arch_step=self.arch_step,
            optimizer=self.alpha_optimizer,
            execution=self._alpha_execution,
            progress=self._progress,
        )
        self._aims = (first, *map(self._another_aim, arch_steps[1:]))
        self._turn = 0

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]} for {len(self._aims)} aims>"

    @property
    def alphas(self) -> tuple[tuple[nn.Parameter, ...], ...]:
        """The architecture parameters of each aim."""
        return tuple(aim.alphas for aim in self._aims)

    @property
    def histories(self) -> tuple[list[EpochRecord], ...]:
        """The records of each aim; they differ in what depends on alpha. `history` is that of the first."""
        return tuple(aim.progress.history for aim in self._aims)

    @contextmanager
    def aimed(self, index: int) -> Iterator[None]:
        """In the `with` block the network has the alpha of one aim, for example to `derive` its net."""
        with active_alphas(self.network, self._aims[index].alphas):
            yield

    def run_epoch(
        self, train: Batches, validation: Batches, *, on_step: Callable[[], None] | None = None
    ) -> EpochRecord:
        """As `ProxylessNAS.run_epoch`; the record is the first aim's, and `histories` have those of all."""
        of_weights = self._progress.train
        record = super().run_epoch(train, validation, on_step=on_step)
        for aim in self._aims[1:]:
            aim.progress.train = of_weights
            with active_alphas(self.network, aim.alphas):
                aim.progress.finish_epoch(self.config, self.network, aim.arch_step)
        return record

    def search_state(self, index: int) -> dict[str, Any]:
        """The state that a `ProxylessNAS` for one aim would have now, to resume it or to derive the aim's net.

        Raises:
            DivergenceError: if an earlier step was not finite.
        """
        self._read()
        aim, now = self._aims[index], self._progress
        aim.progress.step, aim.progress.train = now.step, now.train
        scalers = (self._weight_execution.scaler, aim.execution.scaler)
        with self.aimed(index):
            return evolve(
                self._state,
                alpha_optimizer=aim.optimizer,
                arch_step=aim.arch_step,
                scalers=tuple(scaler for scaler in scalers if scaler is not None),
                progress=aim.progress,
            ).state_dict()

    def save_searches(self, paths: Mapping[int, FilePath]) -> None:
        """Writes the `search_state` of each aim as a separate checkpoint, with the shared weights on the disk once.

        Each folder is self-contained: `load_checkpoint` and `ProxylessNAS.resume` read it wherever it is copied to, and
        whatever happens to the others.

        Args:
            paths: by the indices of the aims, each in a folder of its own.

        Raises:
            DivergenceError: if an earlier step was not finite.
        """
        alphas = set(alpha_parameters(self.network))
        named = self.network.named_parameters(remove_duplicate=False)
        own = {name for name, parameter in named if parameter in alphas}
        states = [self.search_state(index) for index in paths]
        common = {
            "network": {name: tensor for name, tensor in states[0]["network"].items() if name not in own},
            "weight_optimizer": states[0]["weight_optimizer"],
        }
        of_each = [
            {part: content for part, content in state.items() if part not in common}
            | {"network": {name: state["network"][name] for name in own}}
            for state in states
        ]
        save_checkpoints(of_each, [*paths.values()], common=common, kind=ProxylessNAS.kind)

    def state_dict(self) -> dict[str, Any]:
        """As `ProxylessNAS.state_dict`, for all aims."""
        others = [aim.state_dict() for aim in self._aims[1:]]
        return super().state_dict() | {"others": others, "turn": self._turn}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """As `ProxylessNAS.load_state_dict`, for all aims."""
        others, turn = state["others"], state["turn"]
        if len(others) != len(self._aims) - 1:
            raise ValueError(f"the number of aims is {len(self._aims)}, was {len(others) + 1}")
        if type(turn) is not int or not 0 <= turn < len(self._aims):
            raise ValueError(f"its turn is {turn!r}")
        for aim, own in zip(self._aims[1:], others, strict=True):
            aim.refuse_other(self.config, own)
        super().load_state_dict({part: content for part, content in state.items() if part not in ("others", "turn")})
        for aim, own in zip(self._aims[1:], others, strict=True):
            aim.load_state_dict(self.config, own)
        self._turn = turn

    def _another_aim(self, arch_step: ArchStep) -> Aim:
        alphas = copied_alphas(self.network)
        with active_alphas(self.network, alphas):
            optimizer = make_alpha_optimizer(self.network, self.config)
        return Aim(alphas=alphas, arch_step=arch_step, optimizer=optimizer, execution=self._make_execution())

    def _weight_step(self, inputs: Any, targets: Any, *, progress: float) -> None:
        if self.config.is_warm_up(len(self.history)):  # on paths that do not depend on alpha
            super()._weight_step(inputs, targets, progress=progress)
            return
        with self.aimed(self._turn):
            super()._weight_step(inputs, targets, progress=progress)
        self._turn = (self._turn + 1) % len(self._aims)

    def _arch_steps(self, inputs: Any, targets: Any) -> None:
        super()._arch_steps(inputs, targets)
        for aim in self._aims[1:]:
            with active_alphas(self.network, aim.alphas):
                self._arch_step(
                    inputs,
                    targets,
                    arch_step=aim.arch_step,
                    optimizer=aim.optimizer,
                    execution=aim.execution,
                    mean=aim.progress.validation,
                )

    def _refuse_not_finite(self) -> None:
        for index in range(len(self._aims)):
            with self.aimed(index):
                refuse_not_finite(self.network)
