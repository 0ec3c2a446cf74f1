"""The search of a run: one checkpoint an epoch, taken up where it was left."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pnas_apps.checkpoints import load_checkpoint, save_checkpoint
from pnas_apps.images import ImageBatches, Normalization, seeded_generator
from pnas_apps.progress import Reporter
from pnas_apps.run_folder import RunFolder, write_history
from pnas_apps.settings import Preset, Task
from pnas_latency import LatencyTable, LinearPenalty, expected_cost
from pnas_ops import Architecture, SearchSpace, architecture_macs
from pnas_supernet import EpochRecord, Search, SuperNet


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


def run_search(
    task: Task,
    preset: Preset,
    table: LatencyTable,
    normalization: Normalization,
    folder: RunFolder,
    *,
    seed: int,
    reporter: Reporter,
) -> tuple[SuperNet, list[EpochRecord]]:
    """The supernet at the end of its search, and the history; goes on from the run folder's checkpoint, if any."""
    weights_split, alpha_split = task.train.split(preset.validation_share, seeded_generator(seed, "split"))
    supernet = SuperNet(task.space, generator=seeded_generator(seed, "supernet")).to(memory_format=torch.channels_last)
    costs, fixed_ms = table.costs(task.space), table.fixed_ms(task.space)

    def expected_ms(probs: Sequence[Tensor]) -> Tensor:
        return fixed_ms + expected_cost(probs, costs)

    average_net_ms = float(expected_ms([torch.full((len(row),), 1 / len(row)) for row in costs]))
    penalty = LinearPenalty(weight=preset.latency_weight, reference_ms=average_net_ms)

    search = Search(
        supernet,
        preset.search,
        penalty=lambda probs: penalty(expected_ms(probs)),
        generator=seeded_generator(seed, "paths"),
    )
    if folder.search_checkpoint.exists():
        search.load_state_dict(load_checkpoint(folder.search_checkpoint))
    epochs = preset.search.warmup_epochs + preset.search.epochs

    def batches(split: str, epoch: int) -> ImageBatches:
        return ImageBatches(
            weights_split if split == "weights" else alpha_split,
            normalization,
            batch_size=preset.batch_size,
            generator=seeded_generator(seed, "search", split, epoch),
            augmentation=preset.augmentation,
        )

    steps = len(batches("weights", 0))
    with reporter.bar("searching", epochs * steps) as advance:
        advance((epochs - search.epochs_left) * steps)
        while search.epochs_left:
            epoch = epochs - search.epochs_left
            record = search.run_epoch(batches("weights", epoch), batches("alpha", epoch), on_step=advance)
            save_checkpoint(search.state_dict(), folder.search_checkpoint)
            write_history(folder.history, search.history)
            latency_ms = expected_history_ms([record], task.space, table)[0]
            advance(
                0,
                text=f"{record.phase}: {record.train_accuracy:.1%}, {latency_ms:.3f} ms, entropy {record.entropy:.2f}",
            )
    return supernet, search.history


def expected_history_ms(history: Sequence[EpochRecord], space: SearchSpace, table: LatencyTable) -> list[float]:
    """The expected latency of a sampled net after each epoch."""
    costs, fixed_ms = table.costs(space), table.fixed_ms(space)
    return [fixed_ms + float(expected_cost([torch.tensor(row) for row in record.probs], costs)) for record in history]
