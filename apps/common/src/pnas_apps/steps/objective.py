"""What alpha learns by in a run."""

from collections.abc import Callable, Sequence

import torch

from pnas_apps.ground.errors import UserError
from pnas_apps.run.objective_config import ObjectiveConfig
from pnas_latency import (
    AbsolutePenalty,
    Budget,
    Constraint,
    ExpectedObjective,
    LatencyTable,
    LinearPenalty,
    MovingBaseline,
    MultiplicativeLog,
    Term,
    mnasnet_reward,
    reinforce_loss,
)
from pnas_ops import AnyNet, AnySpace, Score
from pnas_supernet import ArchStep, GateStep, ReinforceStep, SearchConfig, accuracy

Cost = Callable[[AnyNet], float]
"""What a net costs, by any means."""


def make_arch_step(
    space: AnySpace,
    table: LatencyTable,
    search: SearchConfig,
    config: ObjectiveConfig,
    budget: Budget,
    cost: Cost,
    *,
    steps: int,
    score: Score = accuracy,
) -> ArchStep:
    """How alpha learns.

    Args:
        space: of the nets.
        table: with all of the space's workloads.
        search: names the gates.
        config: how costs enter.
        budget: what is requested.
        cost: of a net, for the rewards of "reinforce".
        steps: of alpha, in the whole search.
        score: of outputs and targets, for the same rewards.
    """
    latency = table.metric()
    reference = average_ms(space, table) if budget.latency_ms is None else budget.latency_ms
    if config.form == "reinforce":
        target = config.file_bytes if config.reward_cost == "file-bytes" else reference

        def reward(accuracy: float, choices: Sequence[int]) -> float:
            return mnasnet_reward(accuracy, cost(space.architecture(space.of_choices(choices))), target=target)

        return ReinforceStep(
            reward=reward, estimator=reinforce_loss, baseline=MovingBaseline(), score=score, samples=config.samples
        )

    def constraint(at_most: float) -> Constraint:
        return Constraint(
            at_most=at_most,
            rate=config.multiplier_rate,
            damping=config.damping,
            tightening=round(config.tightening * steps),
        )

    term: Term
    match config.form:
        case "constrained" if budget.latency_ms is not None:
            term = constraint(budget.latency_ms)
        case "absolute":
            term = AbsolutePenalty(weight=config.weight, target=reference)
        case "mul-log":
            term = MultiplicativeLog(reference=reference, unit=config.log_unit_ms)
        case _:
            term = LinearPenalty(weight=config.weight, reference=reference)
    terms = [(latency, term), *((limit.metric, constraint(limit.at_most)) for limit in budget.counts(table))]
    return GateStep(search.gate_sampler, ExpectedObjective(space, terms))


def check_objective(config: ObjectiveConfig, space: AnySpace, table: LatencyTable, budget: Budget) -> None:
    """Refuses before a search what it would fail on.

    Raises:
        UserError: for a unit of latencies that nets are not slower than.
    """
    if config.form == "mul-log":
        fastest_ms = table.metric().of(table.metric().cheapest(space))
        least_ms = min(fastest_ms, budget.latency_ms or fastest_ms)
        if least_ms <= config.log_unit_ms:
            raise UserError(
                f"objective.log_unit_ms of {config.log_unit_ms:g} is not below {least_ms:.4g} ms, the smallest latency "
                "it divides: give a smaller --objective-log-unit-ms"
            )


def objective_line(config: ObjectiveConfig, space: AnySpace, table: LatencyTable, budget: Budget) -> str:
    """What a search without a requested latency aims at, in a line."""
    reference = f"{average_ms(space, table):.4g} ms"
    match config.form:
        case "reinforce":
            what = "the highest rewards for a good score at a low cost"
        case "mul-log":
            what = f"the lowest loss times a power of log(latency) / log({reference})"
        case "absolute":
            what = f"the lowest loss + {config.weight:g} * |latency / {reference} - 1|"
        case _:
            what = f"the lowest loss + {config.weight:g} * (latency / {reference} - 1)"
    limits = [f"{limit.metric.name} of {limit.at_most:,.10g}" for limit in budget.counts(table)]
    within = f", within {' and '.join(limits)}" if limits else ""
    return f"  no --target-latency-ms: the search seeks {what}{within}; {reference} is the latency of the average net"


def average_ms(space: AnySpace, table: LatencyTable) -> float:
    """The expected latency of a net drawn uniformly."""
    return float(table.metric().expected([torch.full((count,), 1 / count) for count in space.options], space))
