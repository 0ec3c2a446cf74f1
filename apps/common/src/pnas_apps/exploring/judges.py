"""Judges by their names on a command line."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from pnas_apps.exploring.inherited_judge import as_searched, inherited_judge
from pnas_apps.exploring.predictor_judge import predictor_judge, read_nets
from pnas_apps.exploring.scratch_judge import ScratchJudge
from pnas_apps.ground.errors import UserError
from pnas_apps.run.exploration_settings import ExplorationSettings, JudgeName
from pnas_apps.run.run import Run
from pnas_apps.steps.weights_judge import judged_by_weights
from pnas_latency import MACS
from pnas_ops import (
    AccuracyTable,
    Judge,
    Space,
    TableJudge,
    build_network,
    naswot,
    naswot_judge,
    read_nas_bench_macro,
    synflow_judge,
)

VALUES: Mapping[JudgeName, str] = {
    "scratch": "accuracy on {images} held-out training images",
    "inherited": "accuracy on {images} held-out training images, with inherited weights",
    "predictor": "predicted accuracy",
    "table": "test accuracy in the table",
    "naswot": "NASWOT",
    "synflow": "synflow",
}
"""What their values are."""


def value_name(judge: JudgeName, images: int | None) -> str:
    """What a judge's values are, with the number of images that `judged_images` gives."""
    return VALUES[judge].format(images=images)


def judged_images(run: Run, settings: ExplorationSettings) -> int | None:
    """The number of held-out images that a value is the accuracy on; None where it is no such thing."""
    if settings.judge == "scratch":
        return len(ScratchJudge(run=run, epochs=settings.judge_epochs, folder=run.folder.path).held_out)
    if settings.judge == "inherited":
        assert settings.weights is not None
        return judged_by_weights(as_searched(run, settings.weights))
    return None


def make_judge(
    run: Run,
    settings: ExplorationSettings,
    *,
    accuracies: Path | None,
    folder: Path,
    on_step: Callable[[], None] = lambda: None,
) -> Judge:
    """The judge of an exploration.

    Args:
        run: with its images and its space.
        settings: name the judge.
        accuracies: the file of one that looks them up, or learns from them.
        folder: for the checkpoint of the net that is being judged.
        on_step: called after every step of a training.

    Raises:
        UserError, PnasError: for a table, or an exploration, that is not of the space's nets, weights of another space,
            and nets that a proxy cannot judge.
    """
    match settings.judge:
        case "scratch":
            return ScratchJudge(run=run, epochs=settings.judge_epochs, folder=folder, on_step=on_step)
        case "inherited":
            assert settings.weights is not None
            return inherited_judge(run, settings.weights)
        case "predictor":
            assert accuracies is not None
            return predictor_judge(accuracies, run)
        case "table":
            assert accuracies is not None
            return table_judge(accuracies, run.task.space)
        case "naswot":
            _check_naswot(run.task.space)
            images, _ = next(iter(run.shuffled_batches(run.task.train, "naswot")))
            return naswot_judge(images.cpu())
        case "synflow":
            return synflow_judge()


def check_accuracies(judge: JudgeName, path: Path) -> None:
    """Refuses a file that a judge cannot read, before there are images and a space.

    Raises:
        UserError, PnasError: as `make_judge`, but for what is of another space.
    """
    if judge == "predictor":
        read_nets(path)
    else:
        _read_table(path)


def table_judge(path: Path, space: Space) -> TableJudge:
    """The judge that looks up the nets of a space.

    Raises:
        UserError: for a file that is not there, and for a table that lacks nets of the space, or is of others.
        AccuracyTableError: for a file that is none.
    """
    table = _read_table(path)
    if (known := table.known(space)) < space.size():
        way_out = "use the file as published" if known else "search its --space"
        raise UserError(
            f"{path} has {known:,} of the {space.size():,} nets of space {space.name!r}: {way_out}, or use --judge "
            "scratch"
        )
    _check_macs(path, table, space)
    return TableJudge(table=table, space=space)


def _read_table(path: Path) -> AccuracyTable:
    try:
        return read_nas_bench_macro(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): name a table with --accuracies") from None


def _check_naswot(space: Space) -> None:
    """Raises a ProxyError where the largest net has no ReLU: before any table is measured."""
    net = space.architecture(MACS.most_choices(space))
    naswot(build_network(net), torch.zeros(2, *net.input_shape[1:]))


def _check_macs(path: Path, table: AccuracyTable, space: Space) -> None:
    """Raises a UserError where the nets have other sizes: those of a wider space, or for larger images."""
    choices = MACS.most_choices(space)
    found, expected = MACS.of(space.architecture(choices)), table.nets[choices].macs
    if found != expected:
        raise UserError(
            f"{path} is for nets with up to {expected:,} MACs, the space has {found:,.0f}: leave out --width-mult, "
            "--resolution and --blocks-per-stage"
        )
