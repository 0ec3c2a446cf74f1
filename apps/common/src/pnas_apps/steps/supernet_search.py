"""The supernet of a run, searched: a checkpoint every minute and every epoch, taken up where it was left."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from pnas_apps.ground.processes import Processes
from pnas_apps.ground.progress import Reporter
from pnas_apps.run.folder import KeptRun, history_lines
from pnas_apps.run.run import Run
from pnas_apps.steps.objective import Cost, make_arch_step
from pnas_apps.steps.search_images import split_search_images
from pnas_apps.training.judging import shown_score
from pnas_latency import LatencyTable
from pnas_ops import Batches, Space
from pnas_supernet import EpochRecord, ProxylessNAS, SuperNet

SECONDS_BETWEEN_CHECKPOINTS = 60.0


def run_search(run: Run, table: LatencyTable, cost: Cost) -> tuple[SuperNet, list[EpochRecord]]:
    """The supernet at the end of its search, and the history; goes on from the run folder's checkpoint, if any.

    Args:
        run: images, space, options, folder.
        table: with all of the space's workloads.
        cost: of a net, for rewards; see `ObjectiveConfig.form`.

    Raises:
        CheckpointError: for a checkpoint that cannot be gone on from.
    """
    preset, space = run.preset, run.task.space
    config = preset.search
    weights_split, alpha_split = split_search_images(run.task.train, preset, run.generator)
    supernet = SuperNet(space, generator=run.generator("supernet")).to(run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    steps = len(run.training_batches(weights_split))
    search = ProxylessNAS(
        supernet,
        config,
        arch_step=make_arch_step(
            space,
            table,
            config,
            preset.objective,
            run.budget,
            cost,
            steps=config.epochs * (steps // config.arch_interval),
        ),
        generator=run.generator("paths"),
        group=run.processes.group,
    )
    go_on_searching(
        search,
        lambda epoch, start: run.training_batches(weights_split, "search", "weights", epoch, start=start),
        lambda epoch, start: run.training_batches(alpha_split, "search", "alpha", epoch, start=start),
        run.folder,
        expected_ms=table.metric().expectation(space),
        processes=run.processes,
        reporter=run.reporter,
    )
    return supernet, search.history


def go_on_searching(
    search: ProxylessNAS,
    weights_batches: Callable[[int, int], Batches],
    alpha_batches: Callable[[int, int], Batches],
    folder: KeptRun[Any],
    *,
    expected_ms: Callable[[Sequence[Tensor]], Tensor],
    processes: Processes,
    reporter: Reporter,
) -> None:
    """A search to its end, from the checkpoint in the run's folder, where there is one.

    Args:
        search: that has not begun.
        weights_batches, alpha_batches: for the weights, and for the architecture, of an epoch, of which nobody looks at
            so many first ones.
        folder: of the run.
        expected_ms: of a sampled net, by the probabilities.
        processes: that search as one.
        reporter: shows progress.

    Raises:
        CheckpointError: for a checkpoint that cannot be gone on from.
        DivergenceError: where a loss or a weight is not finite.
    """
    config, checkpoint = search.config, folder.search_checkpoint
    with reporter.warnings_as_lines():
        search.resume(checkpoint)
    if processes.is_first and search.history:
        # A kill may have come between the checkpoint and the history, and that may be damaged.
        folder.files.write(folder.history, history_lines(search.history))
    saved_at = time.monotonic()
    steps = len(weights_batches(0, 0))
    with reporter.bar("searching", (config.warmup_epochs + config.epochs) * steps) as advance:
        advance(len(search.history) * steps + search.step)

        def after_step() -> None:
            nonlocal saved_at
            if time.monotonic() - saved_at > SECONDS_BETWEEN_CHECKPOINTS:
                search.save(checkpoint)
                saved_at = time.monotonic()
            advance()

        while search.epochs_left:
            epoch = len(search.history)
            arch_steps = 0 if config.is_warm_up(epoch) else search.step // config.arch_interval
            record = search.run_epoch(
                weights_batches(epoch, search.step), alpha_batches(epoch, arch_steps), on_step=after_step
            )
            search.save(checkpoint)
            if processes.is_first:
                folder.files.write(folder.history, history_lines(search.history))
            latency_ms = float(expected_ms([torch.tensor(row) for row in record.probs]))
            score = shown_score(record.train_accuracy)
            advance(0, text=f"{record.phase}: {score}, {latency_ms:.3f} ms, entropy {record.entropy:.2f}")


def expected_history_ms(history: Sequence[EpochRecord], space: Space, table: LatencyTable) -> list[float]:
    """The expected latency of a sampled net after each epoch."""
    expected_ms = table.metric().expectation(space)
    return [float(expected_ms([torch.tensor(row) for row in record.probs])) for record in history]
