"""The search as a whole: warm-up of the weights, then weights and architecture in turn."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.nn import functional

from pnas_ops import Batches, FilePath
from pnas_supernet.gates.mixed_op import alpha_parameters, mixed_ops, sample_paths
from pnas_supernet.gates.path import sample_single, sample_uniform
from pnas_supernet.gates.surroundings import seeded
from pnas_supernet.running.checkpoint import has_checkpoint, load_checkpoint, save_checkpoint, taking_state
from pnas_supernet.running.search_state import Progress, SearchState, refuse_not_finite
from pnas_supernet.searching.arch_steps import ArchStep, GateStep
from pnas_supernet.searching.execution import DivergenceError, Execution
from pnas_supernet.searching.history import EpochRecord, history_as_html
from pnas_supernet.searching.optimizers import lay_out_momentum, make_alpha_optimizer, make_weight_optimizer
from pnas_supernet.searching.parallel import check_identical
from pnas_supernet.searching.search_config import SearchConfig
from pnas_supernet.searching.steps import weight_step

Batch = tuple[Tensor, Tensor]


class ProxylessNAS:
    """A search that can be left and taken up between any two steps.

    Args:
        network: any module that holds `MixedOp`s.
        config: hyper-parameters.
        arch_step: how alpha learns; by the gradient of the gates that `config` names, and of the loss alone, if None.
        generator: source of the sampled paths and of dropout, on the CPU, in the same state in every process.
        group: processes that search as one, each on its own part of every batch.

    Raises:
        ValueError: for a network without a `MixedOp`.
    """

    def __init__(
        self,
        network: nn.Module,
        config: SearchConfig,
        *,
        arch_step: ArchStep | None = None,
        generator: torch.Generator,
        group: dist.ProcessGroup | None = None,
    ) -> None:
        if not mixed_ops(network):
            raise ValueError("the network holds no MixedOp: there is nothing to search")
        self.network = network
        self.config = config
        self.arch_step = GateStep(config.gate_sampler) if arch_step is None else arch_step
        self.generator = generator
        self.group = group
        self.weight_optimizer = make_weight_optimizer(network, config)
        self.alpha_optimizer = make_alpha_optimizer(network, config)
        self._device = alpha_parameters(network)[0].device
        self._weight_execution = self._make_execution()
        self._alpha_execution = self._make_execution()
        self._progress = Progress()
        self._checkpoint: Path | None = None

    def __repr__(self) -> str:
        done = f"{len(self.history)} of {self.config.warmup_epochs + self.config.epochs} epochs"
        network = f"{type(self.network).__name__} with {len(mixed_ops(self.network))} mixed operations"
        return f"<ProxylessNAS of a {network}: {done} and {self.step} steps>"

    def _repr_html_(self) -> str:
        return history_as_html(repr(self), self.history)

    @property
    def history(self) -> list[EpochRecord]:
        """A record of every finished epoch."""
        return self._progress.history

    @property
    def step(self) -> int:
        """Weight steps of the epoch that is under way."""
        return self._progress.step

    @property
    def epochs_left(self) -> int:
        """Epochs until the search is complete, warm-up included."""
        return self.config.warmup_epochs + self.config.epochs - len(self.history)

    def run_epoch(
        self, train: Batches, validation: Batches, *, on_step: Callable[[], None] | None = None
    ) -> EpochRecord:
        """The next epoch, or what is left of one that was interrupted.

        Each batch of `train` gives one weight step, and after the warm-up one architecture step follows every few.

        Args:
            train: the batches of this epoch.
            validation: batches for the architecture, gone through again when they are used up.
            on_step: called after every weight step and the architecture step that belongs to it; the place to save the
                search.

        Raises:
            DivergenceError: where a loss is not finite, naming the step, its paths and the last checkpoint.
            DesynchronizedError, LostProcessError: where the processes do not hold together.
            ValueError: where there is no batch.
        """
        if not len(train) or not len(validation):
            raise ValueError("there is no training or no validation batch: are there fewer images than in one batch?")
        config, progress = self.config, self._progress
        warm_up = config.is_warm_up(progress.epoch)
        self.network.train()
        self._check_processes(batches=len(train))
        lay_out_momentum(self.weight_optimizer)
        arch_steps = 0 if warm_up else progress.step // config.arch_interval
        validation_stream = islice(_repeat(validation), arch_steps, None)
        for inputs, labels in islice(train, progress.step, None):
            self._weight_step(inputs, labels, progress=progress.step / len(train))
            progress.step += 1
            if not warm_up and progress.step % config.arch_interval == 0:
                self._arch_step(*next(validation_stream))
            if on_step is not None:
                on_step()
        self._check_processes(batches=len(train))
        return progress.finish_epoch(config, self.network)

    def save(self, path: FilePath) -> None:
        """Writes all that changes in a search, with a checksum, and keeps the checkpoint before it.

        With several processes, which all hold the same, one of them writes.

        Raises:
            DivergenceError: where a weight or a statistic is not finite; the checkpoint before is still there.
        """
        with self._named_on_divergence(f"epoch {len(self.history)}, after weight step {self.step - 1}"):
            refuse_not_finite(self.network)
        if self.group is None or self.group.rank() == 0:
            save_checkpoint(self.state_dict(), path, kind="search")
        self._checkpoint = Path(path)

    def resume(self, path: FilePath) -> bool:
        """Goes on from a checkpoint, bit for bit, if there is one.

        A damaged checkpoint gives a warning, and the one before it is taken. The number of processes may differ.

        Returns:
            Whether there was a checkpoint.

        Raises:
            CheckpointError: for one of another search, and where nothing undamaged is left.
        """
        path = Path(path)
        if not has_checkpoint(path):
            return False
        state = load_checkpoint(path, kind="search")
        with taking_state(path, kind="search"):
            self.load_state_dict(state)
        self._checkpoint = path
        return True

    def state_dict(self) -> dict[str, Any]:
        """All that changes in a search, as tensors and plain values: enough to go on bit for bit."""
        return self._state.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from what `state_dict` returned.

        Raises:
            ValueError: for the state of another configuration, space or network; nothing has changed.
        """
        self._state.load_state_dict(state)

    @property
    def _state(self) -> SearchState:
        executions = (self._weight_execution, self._alpha_execution)
        return SearchState(
            config=self.config,
            network=self.network,
            weight_optimizer=self.weight_optimizer,
            alpha_optimizer=self.alpha_optimizer,
            arch_step=self.arch_step,
            scalers=tuple(execution.scaler for execution in executions if execution.scaler is not None),
            generator=self.generator,
            progress=self._progress,
        )

    def _weight_step(self, inputs: Tensor, labels: Tensor, *, progress: float) -> None:
        epoch = len(self.history)
        self.weight_optimizer.param_groups[0]["lr"] = self.config.weight_lr_at(epoch + progress)
        sampler = sample_uniform if self.config.is_warm_up(epoch) else sample_single
        paths = sample_paths(self.network, sampler, self.generator)
        with (
            seeded(self._dropout_seed(), self._device),
            self._named_on_divergence(f"epoch {epoch}, weight step {self.step}"),
        ):
            result = weight_step(
                self.network,
                inputs,
                labels,
                paths=paths,
                loss=self._loss,
                optimizer=self.weight_optimizer,
                execution=self._weight_execution,
            )
        self._progress.train.add(result, labels, self.group)

    def _arch_step(self, inputs: Tensor, labels: Tensor) -> None:
        where = f"epoch {len(self.history)}, architecture step after weight step {self.step - 1}"
        with seeded(self._dropout_seed(), self._device), self._named_on_divergence(where):
            result = self.arch_step(
                self.network,
                inputs,
                labels,
                loss=self._loss,
                optimizer=self.alpha_optimizer,
                generator=self.generator,
                execution=self._alpha_execution,
            )
        self._progress.validation.add(result, labels, self.group)

    def _check_processes(self, *, batches: int) -> None:
        if self.group is not None:
            check_identical(self.state_dict() | {"batches of the epoch": batches}, self.group)

    def _loss(self, outputs: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(outputs, labels, label_smoothing=self.config.label_smoothing)

    def _make_execution(self) -> Execution:
        scaler = GradScaler(self._device.type) if self.config.precision == "float16" else None
        return Execution(
            autocast=self.config.autocast, scaler=scaler, micro_batches=self.config.micro_batches, group=self.group
        )

    def _dropout_seed(self) -> int:
        """One more draw of `generator`; another number in each process."""
        seed = int(torch.randint(2**62, (), generator=self.generator))
        return seed if self.group is None else seed + self.group.rank()

    @contextmanager
    def _named_on_divergence(self, where: str) -> Iterator[None]:
        try:
            yield
        except DivergenceError as error:
            last = (
                "no checkpoint was written"
                if self._checkpoint is None
                else f"the last good checkpoint is {self._checkpoint}"
            )
            raise DivergenceError(
                f"{error.what}, {where}; {last}", "lower the learning rate or look at the data"
            ) from None


def _repeat(batches: Iterable[Batch]) -> Iterator[Batch]:
    while True:
        yield from batches
