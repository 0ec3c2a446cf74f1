"""The whole search: warm-up of the weights, then alternating steps of weights and architecture."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.amp import GradScaler
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer

from pnas_ops import Batches, FilePath, Score
from pnas_supernet.gates.fair_paths import FairPaths
from pnas_supernet.gates.mixed_op import alpha_parameters, mixed_ops
from pnas_supernet.gates.modes import TrainingMode
from pnas_supernet.gates.path import GatePath
from pnas_supernet.gates.sampling import known_alphas, sample_paths
from pnas_supernet.gates.surroundings import seeded
from pnas_supernet.replaying.replays import RecordedCandidates
from pnas_supernet.running.checkpoint import has_checkpoint, load_checkpoint, save_checkpoint, taking_state
from pnas_supernet.running.search_state import Progress, SearchState, refuse_not_finite
from pnas_supernet.searching.arch_steps import ArchStep, GateStep
from pnas_supernet.searching.classification import CrossEntropy, accuracy
from pnas_supernet.searching.execution import Execution, Loss, StepResult
from pnas_supernet.searching.history import EpochMean, EpochRecord, history_as_html
from pnas_supernet.searching.nested_batches import sample_count
from pnas_supernet.searching.optimizers import lay_out_momentum, make_alpha_optimizer, make_weight_optimizer
from pnas_supernet.searching.parallel import average, check_identical
from pnas_supernet.searching.passes import check_batches, one_pass
from pnas_supernet.searching.readings import DivergenceError, Readings
from pnas_supernet.searching.search_config import SearchConfig
from pnas_supernet.searching.steps import weight_step
from pnas_supernet.searching.tuning import warn_of_slow_kernels

_TRAINING, _VALIDATION = "training batches", "validation batches"


class ProxylessNAS:
    """A search that can be interrupted and resumed between any two steps.

    Args:
        network: any module that holds `MixedOp`s.
        config: hyper-parameters.
        loss: of the network's outputs and the targets, a mean over the batch; if None, cross entropy with the label
            smoothing of `config`.
        score: of outputs and targets, a mean over the batch, for the records; if None, the accuracy over images or
            pixels.
        arch_step: how alpha learns; if None, by the gradient of the gates that `config` names, from the loss alone.
        generator: for the sampled paths and dropout, on the CPU, in the same state in every process.
        group: processes that search as one, each on its own part of every batch.
        read_every: weight steps between two readings of losses, scores and whether all was finite; in between, the CPU
            does not wait for the device. If None, as in `Readings.on`.
        recorded: whether candidates are run from recordings, see `RecordedCandidates`; if None, on a GPU only, and not
            with the gate "darts".

    Attributes:
        kind: of its checkpoints.

    Raises:
        ValueError: for a network without a `MixedOp`, or with a lazy module that has not run yet.
    """

    kind = "search"

    def __init__(
        self,
        network: nn.Module,
        config: SearchConfig,
        *,
        loss: Loss | None = None,
        score: Score | None = None,
        arch_step: ArchStep | None = None,
        generator: torch.Generator,
        group: dist.ProcessGroup | None = None,
        read_every: int | None = None,
        recorded: bool | None = None,
    ) -> None:
        if not mixed_ops(network):
            raise ValueError("the network holds no MixedOp: there is nothing to search")
        lazy = [name for name, parameter in network.named_parameters() if is_lazy(parameter)]
        if lazy:
            raise ValueError(f"{lazy[0]} has no shape yet, as in a lazy module: run the network once before its search")
        self.network = network
        self.config = config
        self.loss = CrossEntropy(config.label_smoothing) if loss is None else loss
        self.score = accuracy if score is None else score
        self.arch_step = GateStep(config.gate_sampler) if arch_step is None else arch_step
        self.generator = generator
        self.group = group
        self.weight_optimizer = make_weight_optimizer(network, config)
        self.alpha_optimizer = make_alpha_optimizer(network, config)
        self._device = alpha_parameters(network)[0].device
        self._readings = Readings.on(self._device) if read_every is None else Readings(read_every)
        # A recording is of one candidate; for a mixture, the memory of all would be kept for good.
        recorded = self._device.type == "cuda" and config.gate != "darts" if recorded is None else recorded
        self._recorded = RecordedCandidates(network) if recorded else nullcontext()
        self._weight_execution = self._make_execution()
        self._alpha_execution = self._make_execution()
        self._fair_paths = FairPaths()
        self._progress = Progress()
        self._checkpoint: Path | None = None
        self._training_mode = TrainingMode(network)
        self._has_begun = False

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
        """Weight steps so far in the present epoch."""
        return self._progress.step

    @property
    def epochs_left(self) -> int:
        """Epochs until the search is complete, warm-up included."""
        return self.config.warmup_epochs + self.config.epochs - len(self.history)

    def run_epoch(
        self, train: Batches, validation: Batches, *, on_step: Callable[[], None] | None = None
    ) -> EpochRecord:
        """Runs the next epoch, or the rest of an interrupted one, and returns its record.

        Each batch of `train` gives one weight step; after the warm-up, an architecture step follows every few of them.
        The network is put into training mode, except for parts that were put into evaluation mode on purpose, such as
        BatchNorm that keeps its pretrained statistics.

        Args:
            train: the batches of this epoch, inputs and targets. Inputs in a tuple are positional arguments of the
                network, those in a dict keyword arguments; anything else is the only argument.
            validation: batches for the architecture; iterated again when they are used up.
            on_step: called after every weight step and the architecture step that belongs to it; the place to save the
                search.

        Raises:
            DivergenceError: if a loss, a gradient or a statistic is not finite, naming the step, its paths and the last
                checkpoint. It may be raised some steps later (see `read_every`), which have changed nothing and do not
                count in `step`.
            DesynchronizedError, LostProcessError: if processes differ, or one is lost.
            BatchesError: for no batch, and for batches that are used up after one pass.
        """
        check_batches(train, _TRAINING)
        check_batches(validation, _VALIDATION)
        if not self._has_begun:
            warn_of_slow_kernels(self.network, self._device, self.config.precision)
            self._has_begun = True
        config, progress = self.config, self._progress
        warm_up = config.is_warm_up(progress.epoch)
        self._training_mode.enter()
        self._check_processes(batches=len(train))
        lay_out_momentum(self.weight_optimizer)
        arch_steps = 0 if warm_up else progress.step // config.arch_interval
        validation_stream = islice(_repeat(validation), arch_steps, None)
        with known_alphas(self.network) as known, self._recorded:
            for inputs, targets in islice(one_pass(train, _TRAINING), progress.step, None):
                with self._advised():
                    self._weight_step(inputs, targets, progress=progress.step / len(train))
                    progress.step += 1
                    self._readings.then([], partial(progress.confirm, progress.step))
                    if not warm_up and progress.step % config.arch_interval == 0:
                        self._arch_steps(*next(validation_stream))
                        known.forget()
                    self._readings.end_step()
                if on_step is not None:
                    on_step()
        self._check_processes(batches=len(train))
        self._read()
        return progress.finish_epoch(config, self.network, self.arch_step)

    def save(self, path: FilePath) -> None:
        """Writes the state of the search, with a checksum, and keeps the previous checkpoint.

        With several processes, which all have the same state, one of them writes.

        Raises:
            DivergenceError: if a weight, a statistic or an earlier step is not finite; the previous checkpoint is
                kept.
        """
        self._read()
        where = f", epoch {len(self.history)}, after weight step {self.step - 1}"
        with self._advised(), self._readings.named(lambda: where):
            self._refuse_not_finite()
        if self.group is None or self.group.rank() == 0:
            save_checkpoint(self.state_dict(), path, kind=self.kind)
        self._checkpoint = Path(path)

    def resume(self, path: FilePath) -> bool:
        """Resumes from a checkpoint, bit for bit, if there is one.

        For a damaged checkpoint it warns, and takes the previous one. The number of processes may differ.

        Returns:
            Whether there was a checkpoint.

        Raises:
            CheckpointError: for that of another search, and if all are damaged.
        """
        path = Path(path)
        if not has_checkpoint(path):
            return False
        state = load_checkpoint(path, kind=self.kind)
        with taking_state(path, kind=self.kind):
            self.load_state_dict(state)
        self._checkpoint = path
        return True

    def state_dict(self) -> dict[str, Any]:
        """The state of the search, as tensors and plain values: enough to resume bit for bit.

        Raises:
            DivergenceError: if an earlier step was not finite.
        """
        self._read()
        return self._state.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resumes from what `state_dict` returned.

        Raises:
            ValueError: for the state of another configuration, space or network; nothing has changed.
        """
        self._state.load_state_dict(state)
        self._readings.forget()

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
            fair_paths=self._fair_paths,
            progress=self._progress,
        )

    def _weight_step(self, inputs: Any, targets: Any, *, progress: float) -> None:
        epoch = len(self.history)
        self.weight_optimizer.param_groups[0]["lr"] = self.config.weight_lr_at(epoch + progress)
        if self.config.is_fair(epoch):
            paths: tuple[GatePath, ...] = self._fair_paths.draw(self.network, self.generator)
        else:
            paths = sample_paths(self.network, self.config.weight_sampler(epoch), self.generator)
        where = f", epoch {epoch}, weight step {self.step}"
        with seeded(self._dropout_seed(), self._device), self._readings.named(lambda: where):
            result = weight_step(
                self.network,
                inputs,
                targets,
                paths=paths,
                loss=self.loss,
                optimizer=self.weight_optimizer,
                execution=self._weight_execution,
            )
        self._record(self._progress.train, result, inputs, targets)

    def _arch_steps(self, inputs: Any, targets: Any) -> None:
        """All architecture steps that are due after `arch_interval` weight steps."""
        self._arch_step(
            inputs,
            targets,
            arch_step=self.arch_step,
            optimizer=self.alpha_optimizer,
            execution=self._alpha_execution,
            mean=self._progress.validation,
        )

    def _arch_step(
        self,
        inputs: Any,
        targets: Any,
        *,
        arch_step: ArchStep,
        optimizer: Optimizer,
        execution: Execution,
        mean: EpochMean,
    ) -> None:
        where = f", epoch {len(self.history)}, architecture step after weight step {self.step - 1}"
        with seeded(self._dropout_seed(), self._device), self._readings.named(lambda: where):
            result = arch_step(
                self.network,
                inputs,
                targets,
                loss=self.loss,
                optimizer=optimizer,
                generator=self.generator,
                execution=execution,
            )
        self._record(mean, result, inputs, targets)

    def _refuse_not_finite(self) -> None:
        refuse_not_finite(self.network)

    def _check_processes(self, *, batches: int) -> None:
        if self.group is not None:
            check_identical(self.state_dict() | {"batches of the epoch": batches}, self.group)

    def _record(self, mean: EpochMean, result: StepResult, inputs: Any, targets: Any) -> None:
        count = sample_count(inputs)
        score = torch.as_tensor(self.score(result.outputs, targets), dtype=torch.float64)
        if self.group is not None:
            score = score.to(result.loss.device)
            average([score], self.group)
            count *= self.group.size()  # the same number in every process
        self._readings.then([result.loss, score], lambda loss, score: mean.add(loss, score, count))

    def _read(self) -> None:
        with self._advised():
            self._readings.read()

    def _make_execution(self) -> Execution:
        scaler = GradScaler(self._device.type) if self.config.precision == "float16" else None
        return Execution(
            autocast=self.config.autocast,
            scaler=scaler,
            micro_batches=self.config.micro_batches,
            group=self.group,
            readings=self._readings,
        )

    def _dropout_seed(self) -> int:
        """A seed from one draw of `generator`, different in each process."""
        seed = int(torch.randint(2**62, (), generator=self.generator))
        return seed if self.group is None else seed + self.group.rank()

    @contextmanager
    def _advised(self) -> Iterator[None]:
        try:
            yield
        except DivergenceError as error:
            self._progress.go_back()
            last = (
                "no checkpoint was written"
                if self._checkpoint is None
                else f"the last good checkpoint is {self._checkpoint}"
            )
            raise DivergenceError(f"{error.what}; {last}", "lower the learning rate or look at the data") from None


def _repeat(batches: Batches) -> Iterator[tuple[Any, Any]]:
    while True:
        yield from one_pass(batches, _VALIDATION)
