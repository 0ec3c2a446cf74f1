"""Strategies that train a supernet when they are first asked, and then give the nets that it holds for best."""

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import chain
from typing import Literal

import torch
from attrs import evolve
from torch import Tensor

from pnas_apps.run.run import Run
from pnas_apps.steps.choice_by_weights import fit_of_trials, judge_by_weights, trials_by_weights
from pnas_apps.steps.search_images import split_search_images
from pnas_latency import (
    Constraint,
    ExpectedObjective,
    Limit,
    most_probable_near_limit,
    most_probable_within_budget,
    narrowed_limits,
)
from pnas_ops import Architecture, Batches
from pnas_supernet import GateStep, ProxylessNAS, SuperNet, SupernetStrategy

_JUDGED_NETS = 100
"""Of "one-shot", where the preset names no number."""


def supernet_strategy(name: str, run: Run, limits: Sequence[Limit]) -> SupernetStrategy[Architecture]:
    """A strategy of `SUPERNET_STRATEGIES`, which goes on with a search in the run's folder.

    The supernet learns as the preset's [search] says. Gates learn with each limit as a constraint, and give the most
    probable nets that keep all of them, first those that make use of the limit that held them back. Where `judged_nets`
    are to be judged by the weights of the supernet, a fit of these says which are probable. "one-shot" gives as many
    random nets, first those that are the best by the weights.

    Args:
        name: of the strategy.
        run: with its images and its space.
        limits: the limits that each net keeps.
    """
    space, preset = run.task.space, run.preset
    config = evolve(preset.search, gate=_gate(name, preset.search.gate))
    weights, held_out = split_search_images(run.task.train, preset, run.generator)
    supernet = SuperNet(space, generator=run.generator("supernet")).to(run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    steps = len(run.training_batches(weights))
    alpha_steps = 0 if name == "one-shot" else config.epochs * (steps // config.arch_interval)
    tightening = round(preset.objective.tightening * alpha_steps)
    constraints = [(limit.metric, Constraint(at_most=limit.at_most, tightening=tightening)) for limit in limits]
    judge = judge_by_weights(run, supernet)
    judged = preset.judged_nets or (_JUDGED_NETS if name == "one-shot" else 0)

    def most_probable(probs: Sequence[Tensor]) -> Iterable[Architecture]:
        return most_probable_near_limit(probs, space, limits)

    def best_by_fit(probs: Sequence[Tensor]) -> Iterable[Architecture]:
        near = narrowed_limits(probs, space, limits)
        fitted = fit_of_trials(space, trials_by_weights(run, judge, near, count=judged, known={})) or probs
        return chain.from_iterable(most_probable_within_budget(fitted, space, within) for within in (near, limits))

    def best_by_weights(probs: Sequence[Tensor]) -> Iterable[Architecture]:
        trials = trials_by_weights(run, judge, limits, count=judged, known={})
        return [space.architecture(trial.choices) for trial in sorted(trials, key=lambda trial: -trial.value)]

    def batches(part: Literal["weights", "alpha"], epoch: int) -> Batches:
        images = weights if part == "weights" else held_out
        return run.training_batches(images, "search", part, epoch)

    looks = preset.batch_size * (steps * (config.warmup_epochs + config.epochs) + alpha_steps)
    if judged:  # a forward pass is a third of what learning takes
        looks += judged * (len(judge.statistics) + len(judge.validation)) * preset.batch_size // 3
    return SupernetStrategy(
        supernet=supernet,
        search=ProxylessNAS(
            supernet,
            config,
            arch_step=GateStep(config.gate_sampler, ExpectedObjective(space, constraints)),
            generator=run.generator("paths"),
        ),
        train=partial(batches, "weights"),
        validation=partial(batches, "alpha"),
        ranked=best_by_weights if name == "one-shot" else best_by_fit if judged else most_probable,
        passes=looks / len(run.task.train),
        checkpoint=run.folder.search_checkpoint,
    )


def _gate(strategy: str, asked: str) -> Literal["exact", "two-path", "darts", "one-shot"]:
    """The gate that a strategy searches with: of "gates" that of the preset, where it is one of the paper's."""
    match strategy:
        case "darts" | "one-shot":
            return strategy
        case _:
            return "two-path" if asked == "two-path" else "exact"
