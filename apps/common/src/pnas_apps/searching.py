"""The search of a run: a checkpoint every minute and every epoch, taken up where it was left."""

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from pnas_apps.checkpoints import told_to_user
from pnas_apps.run import Run
from pnas_apps.run_folder import write_history
from pnas_latency import LatencyTable, LinearPenalty, expected_cost
from pnas_ops import Architecture, SearchSpace, architecture_macs
from pnas_supernet import EpochRecord, ProxylessNAS, SuperNet

SECONDS_BETWEEN_CHECKPOINTS = 60.0


def biggest(space: SearchSpace) -> Architecture:
    """The net that takes the candidate with most multiply-accumulates at every block."""
    choices = [0] * len(space.mixed)
    for index, blocks in enumerate(space.mixed):
        macs = []
        for choice in range(len(blocks)):
            choices[index] = choice
            macs.append(architecture_macs(space.architecture(choices)))
        choices[index] = macs.index(max(macs))
    return space.architecture(choices, name="biggest")


def fastest(space: SearchSpace, table: LatencyTable) -> Architecture:
    """The net that takes the candidate with least latency at every block."""
    return space.architecture([row.index(min(row)) for row in table.costs(space)], name="fastest")


def run_search(run: Run, table: LatencyTable) -> tuple[SuperNet, list[EpochRecord]]:
    """The supernet at the end of its search, and the history; goes on from the run folder's checkpoint, if any.

    Raises:
        UserError: for a checkpoint that cannot be gone on from.
    """
    config, space = run.preset.search, run.task.space
    weights_split, alpha_split = run.task.train.split(run.preset.validation_share, run.generator("split"))
    supernet = SuperNet(space, generator=run.generator("supernet")).to(run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    costs, fixed_ms = table.costs(space), table.fixed_ms(space)

    def expected_ms(probs: Sequence[Tensor]) -> Tensor:
        return fixed_ms + expected_cost(probs, costs)

    average_net_ms = float(expected_ms([torch.full((len(row),), 1 / len(row)) for row in costs]))
    penalty = LinearPenalty(weight=run.preset.latency_weight, reference_ms=average_net_ms)
    search = ProxylessNAS(
        supernet, config, penalty=lambda probs: penalty(expected_ms(probs)), generator=run.generator("paths")
    )
    checkpoint = run.folder.search_checkpoint
    with told_to_user(run.reporter):
        search.resume(checkpoint)
    saved_at = time.monotonic()
    steps = len(run.training_batches(weights_split))
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
            record = search.run_epoch(
                run.training_batches(weights_split, "search", "weights", epoch),
                run.training_batches(alpha_split, "search", "alpha", epoch),
                on_step=after_step,
            )
            search.save(checkpoint)
            write_history(run.folder.history, search.history)
            latency_ms = expected_history_ms([record], space, table)[0]
            advance(
                0,
                text=f"{record.phase}: {record.train_accuracy:.1%}, {latency_ms:.3f} ms, entropy {record.entropy:.2f}",
            )
    return supernet, search.history


def expected_history_ms(history: Sequence[EpochRecord], space: SearchSpace, table: LatencyTable) -> list[float]:
    """The expected latency of a sampled net after each epoch."""
    costs, fixed_ms = table.costs(space), table.fixed_ms(space)
    return [fixed_ms + float(expected_cost([torch.tensor(row) for row in record.probs], costs)) for record in history]
