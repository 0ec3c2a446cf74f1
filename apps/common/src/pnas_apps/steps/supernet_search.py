"""The supernet of a run, searched: a checkpoint every minute and every epoch, taken up where it was left."""

import time
from collections.abc import Sequence

import torch

from pnas_apps.run.folder import history_lines
from pnas_apps.run.run import Run
from pnas_apps.steps.objective import Cost, make_arch_step
from pnas_apps.steps.search_images import split_search_images
from pnas_latency import LatencyTable
from pnas_ops import Space
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
    checkpoint = run.folder.search_checkpoint
    with run.reporter.warnings_as_lines():
        search.resume(checkpoint)
    if run.processes.is_first and search.history:
        # A kill may have come between the checkpoint and the history, and that may be damaged.
        run.folder.files.write(run.folder.history, history_lines(search.history))
    saved_at = time.monotonic()
    with run.reporter.bar("searching", (config.warmup_epochs + config.epochs) * steps) as advance:
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
                run.training_batches(weights_split, "search", "weights", epoch, start=search.step),
                run.training_batches(alpha_split, "search", "alpha", epoch, start=arch_steps),
                on_step=after_step,
            )
            search.save(checkpoint)
            if run.processes.is_first:
                run.folder.files.write(run.folder.history, history_lines(search.history))
            latency_ms = expected_history_ms([record], space, table)[0]
            advance(
                0,
                text=f"{record.phase}: {record.train_accuracy:.1%}, {latency_ms:.3f} ms, entropy {record.entropy:.2f}",
            )
    return supernet, search.history


def expected_history_ms(history: Sequence[EpochRecord], space: Space, table: LatencyTable) -> list[float]:
    """The expected latency of a sampled net after each epoch."""
    expected_ms = table.metric().expectation(space)
    return [float(expected_ms([torch.tensor(row) for row in record.probs])) for record in history]
