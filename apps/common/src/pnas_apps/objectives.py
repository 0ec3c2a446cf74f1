"""What a search is asked for: what a net may cost, and how that enters the objective."""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from attrs import field, frozen
from attrs.validators import and_, ge, gt, in_, le, optional

from pnas_latency import (
    MACS,
    PARAMETERS,
    AbsolutePenalty,
    Constraint,
    ExpectedObjective,
    LatencyTable,
    Limit,
    LinearPenalty,
    Metric,
    MovingBaseline,
    MultiplicativeLog,
    Term,
    mnasnet_reward,
    peak_activation_bytes,
    reinforce_loss,
    weight_bytes,
)
from pnas_ops import Architecture, Space
from pnas_supernet import ArchStep, GateStep, ReinforceStep, SearchConfig

Form = Literal["constrained", "linear", "absolute", "mul-log", "reinforce"]
_FORMS: tuple[Form, ...] = ("constrained", "linear", "absolute", "mul-log", "reinforce")


@frozen(kw_only=True)
class Budget:
    """What the net may cost at most; None where it does not matter.

    Attributes:
        latency_ms: the target, on the device of the latency table.
        macs: multiply-accumulates for one image.
        parameters: trainable values.
        weight_bytes: of the weights as they ship, in the device's dtype.
        peak_activation_bytes: of the activations at the worst moment, in the device's dtype.
    """

    latency_ms: float | None = field(default=None, validator=optional(gt(0.0)))
    macs: float | None = field(default=None, validator=optional(gt(0.0)))
    parameters: float | None = field(default=None, validator=optional(gt(0.0)))
    weight_bytes: float | None = field(default=None, validator=optional(gt(0.0)))
    peak_activation_bytes: float | None = field(default=None, validator=optional(gt(0.0)))

    def counts(self, table: LatencyTable) -> tuple[tuple[Metric, float], ...]:
        """The limits beside latency, each with its metric."""
        dtype: Literal["float32", "int8"] = "int8" if table.device.dtype == "int8" else "float32"
        pairs = (
            (MACS, self.macs),
            (PARAMETERS, self.parameters),
            (weight_bytes(dtype), self.weight_bytes),
            (peak_activation_bytes(dtype), self.peak_activation_bytes),
        )
        return tuple((metric, limit) for metric, limit in pairs if limit is not None)

    def limits(
        self, table: LatencyTable, *, latency_ms: float | None = None, least_ms: float | None = None
    ) -> tuple[Limit, ...]:
        """All limits; that of the latency is `latency_ms`, if given, and `least_ms` is its lower end."""
        limits = [Limit(metric=metric, at_most=limit) for metric, limit in self.counts(table)]
        if self.latency_ms is not None:
            at_most = self.latency_ms if latency_ms is None else latency_ms
            limits.insert(0, Limit(metric=table.metric(), at_most=at_most, at_least=least_ms))
        return tuple(limits)


@frozen(kw_only=True)
class ObjectiveConfig:
    """How costs enter the search.

    Attributes:
        form: of the latency. "constrained" finds by itself what a millisecond is worth for the target; the others are
            given it, by `weight` ("linear", "absolute") or by the values of the original ("mul-log") or of MnasNet
            ("reinforce"). Every other limit of the budget is a constraint.
        weight: what a latency of twice the reference adds to the loss. The reference is the target latency, or that of
            the space's average net; without a target "constrained" is "linear", having nothing to land on.
        log_unit_ms: of "mul-log": nets must be slower than this.
        multiplier_rate: of a constraint's multiplier, see `pnas_latency.Constraint`.
        damping: of a constraint.
        tightening: share of the search over which a constraint's limit falls to what is asked for.
        samples: of "reinforce": nets of one architecture step.
        reward_cost: of "reinforce": the table's latency, that of the whole net as measured on the device, or the size
            of its file in bytes, for which `file_bytes` is the reference.
        file_bytes: the size of a file that leaves the accuracy as it is.
    """

    form: Form = field(validator=in_(_FORMS))
    weight: float = field(validator=ge(0.0))
    log_unit_ms: float = field(validator=gt(0.0))
    multiplier_rate: float = field(validator=gt(0.0))
    damping: float = field(validator=gt(0.0))
    tightening: float = field(validator=and_(ge(0.0), le(1.0)))
    samples: int = field(validator=ge(1))
    reward_cost: Literal["table", "measured", "file-bytes"] = field(validator=in_(("table", "measured", "file-bytes")))
    file_bytes: float = field(validator=gt(0.0))


Cost = Callable[[Architecture], float]
"""What a net costs, by any means."""


def make_arch_step(
    space: Space,
    table: LatencyTable,
    search: SearchConfig,
    config: ObjectiveConfig,
    budget: Budget,
    cost: Cost,
    *,
    steps: int,
) -> ArchStep:
    """How alpha learns.

    Args:
        space: of the nets.
        table: with all of the space's workloads.
        search: names the gates.
        config: how costs enter.
        budget: what is asked for.
        cost: of a net, for the rewards of "reinforce".
        steps: of alpha, in the whole search.
    """
    latency = table.metric()
    reference = average_ms(space, table) if budget.latency_ms is None else budget.latency_ms
    if config.form == "reinforce":
        target = config.file_bytes if config.reward_cost == "file-bytes" else reference

        def reward(accuracy: float, choices: Sequence[int]) -> float:
            return mnasnet_reward(accuracy, cost(space.architecture(choices)), target=target)

        return ReinforceStep(reward=reward, estimator=reinforce_loss, baseline=MovingBaseline(), samples=config.samples)

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
    terms = [(latency, term), *((metric, constraint(limit)) for metric, limit in budget.counts(table))]
    return GateStep(search.gate_sampler, ExpectedObjective(space, terms))


def average_ms(space: Space, table: LatencyTable) -> float:
    """The expected latency of a net drawn uniformly."""
    return float(table.metric().expected([torch.full((len(row),), 1 / len(row)) for row in space.mixed], space))
