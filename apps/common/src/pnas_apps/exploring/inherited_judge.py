"""Judging a net by the weights of a search that is finished."""

from pathlib import Path

import torch
from attrs import evolve

from pnas_apps.run.run import Run
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.search_start import SearchStart
from pnas_apps.steps.start import Start, begin_with
from pnas_apps.steps.weights_judge import WeightsJudge
from pnas_supernet import SuperNet


def inherited_judge(run: Run, weights: SearchStart) -> WeightsJudge:
    """A judge by the weights of a search's supernet, on the training images that the search held out from them.

    Args:
        run: with the same images and space.
        weights: the search.

    Raises:
        UserError: for a search of other images or another space, and one that is not there any more.
    """
    searched = as_searched(run, weights)
    supernet = SuperNet(run.task.space, generator=run.generator("supernet"))
    supernet.to(run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    begin_with(supernet, weights)
    return WeightsJudge(run=searched, supernet=supernet)


def as_searched(run: Run, weights: SearchStart) -> Run:
    """The run with the seed and the shares of a search: what its weights have learnt and what not is what it was.

    Raises:
        UserError: as `inherited_judge`.
    """
    settings = RunFolder(Path(weights.run)).read_settings()
    start = Start(start=weights, settings=settings)
    start.check(run.task)
    start.check_images(run.task, run.loading)
    return evolve(run, seed=settings.seed, preset=settings.preset)
