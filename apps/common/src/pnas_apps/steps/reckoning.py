"""How long a run on photos will take, estimated from a short measurement before it begins."""

from contextlib import suppress

import torch

from pnas_apps.ground.durations import shown_duration
from pnas_apps.photos.photo_source import PhotoSource
from pnas_apps.run.run import Run
from pnas_apps.steps.effort import compare_passes, most_compared, search_passes
from pnas_apps.steps.pace import WAVES, measure_pace
from pnas_apps.steps.search_images import split_search_images
from pnas_ops import counted
from pnas_supernet import has_checkpoint

WORTH_RECKONING = 1_000_000
"""Looks at a photo: a run of fewer is over soon, and measuring takes a minute of it."""


def tell_time(run: Run) -> None:
    """States before a long run how many photos are read and learnt from per second here, and how long it will take."""
    preset, train = run.preset, run.task.train
    weights, _ = split_search_images(train, preset, run.generator)
    trained = preset.train.epochs + compare_passes(preset)
    looks = (preset.search.warmup_epochs + preset.search.epochs) * len(weights) + trained * len(train)
    size, is_new = preset.batch_size, not has_checkpoint(run.folder.search_checkpoint)
    if not isinstance(train, PhotoSource) or not is_new or looks < WORTH_RECKONING or len(train) < WAVES * size:
        return
    with suppress(torch.OutOfMemoryError):  # of which the search says how it goes on
        pace = measure_pace(run)
        search_s = pace.search_s(preset.search, len(weights) // size)
        training_s = pace.training_s(trained, len(train) // size)
        run.reporter.console.print(
            f"  this machine reads {size / pace.reading_s:,.0f} photos a second and trains on "
            f"{size / pace.weights_s:,.0f}: the search will take about {shown_duration(search_s)}, the trainings "
            f"{shown_duration(training_s)}",
            soft_wrap=True,
        )


def tell_comparison(run: Run) -> None:
    """States before a run what its comparison will take, and what the run takes without it."""
    preset, train = run.preset, run.task.train
    count, compare = most_compared(preset), preset.compare
    if not count:
        run.reporter.line("  there will be no verdict on the search: --compare N --compare-epochs E adds one")
    if not count or run.folder.contenders.exists():
        return
    weights, _ = split_search_images(train, preset, run.generator)
    others = search_passes(preset, images=len(train), weights=len(weights)) + preset.train.epochs
    run.reporter.line(
        f"  for the verdict, up to {count} nets x {counted(compare.seeds, 'seed')} will be trained for "
        f"{counted(compare.epochs, 'epoch')}: {compare_passes(preset)} passes over the training images; search and "
        f"training take {others:.0f} (start a run with --compare 0 to skip it)"
    )
