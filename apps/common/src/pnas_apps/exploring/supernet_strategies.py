"""Strategies that train a supernet when they are first asked, and then give the nets that it considers best."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import Literal

import torch
from attrs import evolve
from torch import Tensor

from pnas_apps.exploring.page import passes_over_images
from pnas_apps.run.preset import Preset
from pnas_apps.run.run import Run
from pnas_apps.steps.choice_by_weights import fit_of_trials, random_nets
from pnas_apps.steps.search_images import split_search_images
from pnas_apps.steps.weights_judge import batches_by_weights
from pnas_latency import (
    Constraint,
    ExpectedObjective,
    Limit,
    most_probable_near_limit,
    most_probable_within_budget,
    narrowed_limits,
)
from pnas_ops import Architecture, Batches, Trial
from pnas_supernet import GateStep, ProxylessNAS, SearchConfig, SuperNet, SupernetStrategy

_JUDGED_NETS = 100
"""Of "one-shot", where the preset names no number."""


def supernet_strategy(name: str, run: Run, limits: Sequence[Limit]) -> SupernetStrategy[Architecture]:
    """A strategy of `SUPERNET_STRATEGIES`, which resumes a search in the run's folder.

    The supernet learns as the preset's [search] says. Gates learn with each limit as a constraint, and give the most
    probable nets that keep all of them, first those that make use of the limit that held them back. Where `judged_nets`
    are to be judged by the weights of the supernet, a fit of these says which are probable. "one-shot" gives as many
    random nets, first those that are the best by the weights.

    Args:
        name: of the strategy.
        run: with its images and its space.
        limits: the limits that each net keeps.
    """
    space, preset, config = run.task.space, run.preset, strategy_config(name, run.preset.search)
    weights, held_out = split_search_images(run.task.train, preset, run.generator)
    supernet = SuperNet(space, generator=run.generator("supernet")).to(run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    steps = len(run.training_batches(weights))
    alpha_steps = _alpha_steps(config, steps)
    count = judged_by_strategy(name, preset)
    nets = evolve(random_nets(run, supernet), count=count)

    def trials(within: Sequence[Limit]) -> list[Trial]:
        return run.processes.first_sharing(lambda shared: nets.trials(within, shared), nets.value)

    def most_probable(probs: Sequence[Tensor]) -> Iterable[Architecture]:
        return most_probable_near_limit(probs, space, limits)

    def best_by_fit(probs: Sequence[Tensor]) -> Iterable[Architecture]:
        near = narrowed_limits(probs, space, limits)
        fitted = fit_of_trials(space, trials(near)) or probs
        return chain.from_iterable(most_probable_within_budget(fitted, space, within) for within in (near, limits))

    def best_by_weights(probs: Sequence[Tensor]) -> Iterable[Architecture]:
        return [space.architecture(trial.choices) for trial in sorted(trials(limits), key=lambda trial: -trial.value)]

    def batches(part: Literal["weights", "alpha"], epoch: int) -> Batches:
        images = weights if part == "weights" else held_out
        return run.training_batches(images, "search", part, epoch)

    @contextmanager
    def shown() -> Iterator[Callable[[], None]]:
        run.reporter.line(f"  the supernet of {name} takes {passes_over_images(passes)}")
        with run.reporter.bar("searching", (config.warmup_epochs + config.epochs) * steps, "steps") as advance:
            advance(len(search.history) * steps)
            yield advance

    looks = preset.batch_size * (steps * (config.warmup_epochs + config.epochs) + alpha_steps)
    if count:  # a forward pass is a third of what learning takes
        looks += count * batches_by_weights(run) * preset.batch_size // 3
    passes = looks / len(run.task.train)
    search = strategy_search(run, supernet, limits, config, steps=steps)
    return SupernetStrategy(
        supernet=supernet,
        search=search,
        train=partial(batches, "weights"),
        validation=partial(batches, "alpha"),
        ranked=best_by_weights if name == "one-shot" else best_by_fit if count else most_probable,
        passes=passes,
        checkpoint=run.folder.search_checkpoint,
        shown=shown,
    )


def strategy_config(name: str, config: SearchConfig) -> SearchConfig:
    """The preset's search with the gates of a strategy; of "gates" those of the preset, where they are the paper's."""
    match name:
        case "darts" | "one-shot":
            return evolve(config, gate=name)
        case _:
            return evolve(config, gate="two-path" if config.gate == "two-path" else "exact")


def judged_by_strategy(name: str, preset: Preset) -> int:
    """The number of nets that a strategy judges by the weights of its supernet, before it gives its first one."""
    return preset.judged_nets or (_JUDGED_NETS if name == "one-shot" else 0)


def strategy_search(
    run: Run, supernet: SuperNet, limits: Sequence[Limit], config: SearchConfig, *, steps: int
) -> ProxylessNAS:
    """The search of a strategy, with each limit as a constraint.

    Args:
        run: fixes what is random.
        supernet: that learns.
        limits: that each net keeps.
        config: of the search, with the gates of the strategy.
        steps: of the weights, in an epoch.
    """
    tightening = round(run.preset.objective.tightening * _alpha_steps(config, steps))
    constraints = [(limit.metric, Constraint(at_most=limit.at_most, tightening=tightening)) for limit in limits]
    return ProxylessNAS(
        supernet,
        config,
        arch_step=GateStep(config.gate_sampler, ExpectedObjective(run.task.space, constraints)),
        generator=run.generator("paths"),
    )


def _alpha_steps(config: SearchConfig, steps: int) -> int:
    return 0 if config.gate == "one-shot" else config.epochs * (steps // config.arch_interval)
