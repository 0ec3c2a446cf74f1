"""The supernet of a run, searched: a checkpoint every minute and between epochs, taken up where it was left."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Any, TypeVar

import torch
from attrs import evolve
from torch import Tensor

from pnas_apps.ground.processes import Processes
from pnas_apps.ground.progress import Reporter
from pnas_apps.run.folder import KeptRun, history_lines
from pnas_apps.run.run import Run
from pnas_apps.showing.events import search_events
from pnas_apps.steps.memory import within_memory
from pnas_apps.steps.mixture_memory import mixture_memory_line
from pnas_apps.steps.objective import Cost, make_arch_step
from pnas_apps.steps.saving import Saves
from pnas_apps.steps.search_images import split_search_images
from pnas_apps.steps.start import begin_with
from pnas_apps.training.judging import shown_score
from pnas_latency import LatencyTable
from pnas_ops import AnySpace, Batches
from pnas_supernet import EpochRecord, ProxylessNAS, SuperNet, has_checkpoint

AnySearch = TypeVar("AnySearch", bound=ProxylessNAS)

SECONDS_BETWEEN_CHECKPOINTS = 60.0

_TRIED_STEPS = 3


def run_search(run: Run, table: LatencyTable, cost: Cost) -> tuple[SuperNet, list[EpochRecord]]:
    """The supernet at the end of its search, and the history; resumes from the run folder's checkpoint, if any.

    Args:
        run: images, space, options, folder.
        table: with all of the space's workloads.
        cost: of a net, for rewards; see `ObjectiveConfig.form`.

    Raises:
        CheckpointError: for a checkpoint that cannot be resumed from.
        UserError: where the memory of a GPU does not suffice, with the way on.
    """
    config, space = run.preset.search, run.task.space

    def make(supernet: SuperNet, steps: int) -> ProxylessNAS:
        return ProxylessNAS(
            supernet,
            config,
            arch_step=make_arch_step(space, table, config, run.preset.objective, run.budget, cost, steps=steps),
            generator=run.generator("paths"),
            group=run.processes.group,
        )

    supernet, search = searched_supernet(run, make, expected_ms=expected_ms_of(space, table))
    return supernet, search.history


def searched_supernet(
    run: Run, make: Callable[[SuperNet, int], AnySearch], *, expected_ms: Callable[[Sequence[Tensor]], Tensor]
) -> tuple[SuperNet, AnySearch]:
    """The supernet of a run at the end of a search of any kind; resumes from the run folder's checkpoint, if any.

    Args:
        run: images, space, options, folder.
        make: the search, by the supernet and the number of its rounds of architecture steps.
        expected_ms: of a sampled net, by the probabilities.

    Raises:
        CheckpointError, UserError: as `run_search`.
    """
    preset, config = run.preset, run.preset.search
    weights_split, alpha_split = split_search_images(run.task.train, preset, run.generator)
    supernet = SuperNet(run.task.space, generator=run.generator("supernet"))
    if run.start is not None and not has_checkpoint(run.folder.search_checkpoint):
        begin_with(supernet, run.start)
    supernet = supernet.to(run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    steps = len(run.training_batches(weights_split))
    search = make(supernet, config.epochs * (steps // config.arch_interval))

    def weights_batches(epoch: int, start: int) -> Batches:
        return run.training_batches(weights_split, "search", "weights", epoch, start=start)

    if config.gate == "darts" and run.processes.is_first:
        images, _ = next(iter(weights_batches(0, 0)))
        run.reporter.line(mixture_memory_line(supernet, images))

    def step_in(parts: int) -> None:
        # A step of either kind, and another, since no two paths want the same memory.
        config = evolve(search.config, warmup_epochs=0, epochs=1, arch_interval=1, micro_batches=parts)
        tried = ProxylessNAS(supernet, config, arch_step=search.arch_step, generator=search.generator)
        batches = [*islice(weights_batches(0, 0), _TRIED_STEPS)]
        tried.run_epoch(batches, batches)

    def go_on() -> None:
        with _watching(run, expected_ms) as watch:
            go_on_searching(
                search,
                weights_batches,
                lambda epoch, start: run.training_batches(alpha_split, "search", "alpha", epoch, start=start),
                run.folder,
                expected_ms=expected_ms,
                processes=run.processes,
                reporter=run.reporter,
                watch=watch,
            )

    within_memory(
        go_on,
        flag="--search-micro-batches",
        parts=config.micro_batches,
        images=preset.batch_size // run.processes.size,
        attempt=step_in,
    )
    return supernet, search


def _watching(
    run: Run, expected_ms: Callable[[Sequence[Tensor]], Tensor]
) -> AbstractContextManager[Callable[[EpochRecord], None] | None]:
    """A function that writes the search's epochs for TensorBoard; None where that is not requested."""
    if not run.tensorboard or not run.processes.is_first:
        return nullcontext()
    return search_events(run.folder.events / "search", run.task.space, expected_ms)


def go_on_searching(
    search: ProxylessNAS,
    weights_batches: Callable[[int, int], Batches],
    alpha_batches: Callable[[int, int], Batches],
    folder: KeptRun[Any],
    *,
    expected_ms: Callable[[Sequence[Tensor]], Tensor],
    processes: Processes,
    reporter: Reporter,
    watch: Callable[[EpochRecord], None] | None = None,
) -> None:
    """A search to its end, from the checkpoint in the run's folder, where there is one.

    Args:
        search: a search that has not begun.
        weights_batches, alpha_batches: for the weights, and for the architecture, of an epoch, of which nobody looks at
            so many first ones.
        folder: of the run.
        expected_ms: of a sampled net, by the probabilities.
        processes: the processes that search as one.
        reporter: shows progress.
        watch: is given the record of every epoch, of those before an interruption first.

    Raises:
        CheckpointError: for a checkpoint that cannot be resumed from.
        DivergenceError: where a loss or a weight is not finite.
    """
    config, checkpoint = search.config, folder.search_checkpoint
    with reporter.warnings_as_lines():
        search.resume(checkpoint)
    if processes.is_first and search.history:
        # A kill may have come between the checkpoint and the history, and that may be damaged.
        folder.files.write(folder.history, history_lines(search.history))
    if watch is not None:
        for record in search.history:
            watch(record)
    saves = Saves()
    steps = len(weights_batches(0, 0))
    with reporter.bar("searching", (config.warmup_epochs + config.epochs) * steps, "steps") as advance:
        advance(len(search.history) * steps + search.step)

        def save() -> None:
            saves.write(lambda: search.save(checkpoint))

        def after_step() -> None:
            if saves.elapsed_s > SECONDS_BETWEEN_CHECKPOINTS:
                save()
            advance()

        while search.epochs_left:
            epoch = len(search.history)
            arch_steps = 0 if config.is_warm_up(epoch) else search.step // config.arch_interval
            record = search.run_epoch(
                weights_batches(epoch, search.step), alpha_batches(epoch, arch_steps), on_step=after_step
            )
            if saves.is_worth_it or not search.epochs_left:
                save()
            if processes.is_first:
                folder.files.write(folder.history, history_lines(search.history))
            if watch is not None:
                watch(record)
            latency_ms = float(expected_ms([torch.tensor(row) for row in record.probs]))
            score = f"sampled nets {shown_score(record.train_accuracy)} in training"
            advance(0, text=f"{record.phase}: {score}, {latency_ms:.3f} ms, entropy {record.entropy:.2f}")


def expected_history_ms(history: Sequence[EpochRecord], space: AnySpace, table: LatencyTable) -> list[float]:
    """The expected latency of a sampled net after each epoch."""
    expected_ms = expected_ms_of(space, table)
    return [float(expected_ms([torch.tensor(row) for row in record.probs])) for record in history]


def expected_ms_of(space: AnySpace, table: LatencyTable) -> Callable[[Sequence[Tensor]], Tensor]:
    """The expected latency by the probabilities of every `MixedOp`, of which several may share a choice."""
    expectation = table.metric().expectation(space)
    return lambda probs: expectation(space.of_choices(probs))
