"""How alpha learns: the steps of a search on a validation batch, as interchangeable objects."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from attrs import define, field
from torch import Tensor, nn
from torch.optim import Optimizer

from pnas_ops import Range, Score
from pnas_supernet.gates.freezing import buffers_untouched
from pnas_supernet.gates.mixed_op import active_modules, active_paths, alpha_parameters, mixed_ops
from pnas_supernet.gates.path import GatePath, Sampler, sample_single
from pnas_supernet.gates.sampling import sample_paths
from pnas_supernet.searching.classification import accuracy
from pnas_supernet.searching.execution import Execution, Loss, StepResult
from pnas_supernet.searching.nested_batches import device_of
from pnas_supernet.searching.parallel import average
from pnas_supernet.searching.steps import Objective, arch_step, take_alpha_step


class ArchStep(Protocol):
    """One step of alpha on a batch of the validation split; it changes no weights and no buffers."""

    def __call__(
        self,
        network: nn.Module,
        inputs: Any,
        targets: Any,
        *,
        loss: Loss,
        optimizer: Optimizer,
        generator: torch.Generator,
        execution: Execution,
    ) -> StepResult:
        """Draws paths from `generator`, and changes alpha by a step of `optimizer`."""

    def state_dict(self) -> dict[str, Any]:
        """What has changed since the first step, as plain values."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from what `state_dict` returned.

        Raises:
            ValueError: for the state of another kind of step; nothing has changed.
        """


@runtime_checkable
class AdaptiveObjective(Protocol):
    """An `Objective` that changes with the search, such as one whose multipliers adapt."""

    def __call__(self, loss: Tensor, probs: Sequence[Tensor]) -> Tensor: ...

    def adapt(self, probs: Sequence[Tensor]) -> None:
        """Adapts to the new probabilities; called once after every architecture step."""

    def state_dict(self) -> dict[str, Any]:
        """What has changed, as plain values."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from what `state_dict` returned."""


@runtime_checkable
class HasMultipliers(Protocol):
    """An objective, or an `ArchStep`, that keeps costs within limits by adaptive multipliers, for the records."""

    @property
    def multipliers(self) -> Mapping[str, float]:
        """The present multipliers, in units of the loss, by the names of the limited costs."""


class GateStep:
    """Learns by the gradient of the gates (eq. 4).

    Args:
        sampler: `sample_exact_gate` or `sample_two_path_gate`.
        objective: to be minimized; the task's loss if None. An `AdaptiveObjective` adapts after every step.
    """

    def __init__(self, sampler: Sampler, objective: Objective | None = None) -> None:
        self.sampler = sampler
        self.objective = objective

    def __call__(
        self,
        network: nn.Module,
        inputs: Any,
        targets: Any,
        *,
        loss: Loss,
        optimizer: Optimizer,
        generator: torch.Generator,
        execution: Execution,
    ) -> StepResult:
        result = arch_step(
            network,
            inputs,
            targets,
            paths=sample_paths(network, self.sampler, generator),
            loss=loss,
            optimizer=optimizer,
            objective=self.objective,
            execution=execution,
        )
        if isinstance(self.objective, AdaptiveObjective):
            self.objective.adapt([op.probs.detach() for op in mixed_ops(network)])
        return result

    @property
    def multipliers(self) -> Mapping[str, float]:
        """The multipliers of the objective, if it has any."""
        return self.objective.multipliers if isinstance(self.objective, HasMultipliers) else {}

    def state_dict(self) -> dict[str, Any]:
        return self.objective.state_dict() if isinstance(self.objective, AdaptiveObjective) else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if isinstance(self.objective, AdaptiveObjective):
            self.objective.load_state_dict(state)


class RewardBaseline(Protocol):
    """What rewards are compared with."""

    def step(self, rewards: Tensor) -> Tensor:
        """The baselines of the rewards of a step, both (M,); no baseline depends on its own reward."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


Reward = Callable[[float, Sequence[int]], float]
"""From the score of a sampled net on a batch and its choice at every `MixedOp` to the reward, which is maximized."""

Estimator = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From log-probabilities, rewards and baselines of M paths, each (M,), to a scalar whose gradient is a step's."""


@define(kw_only=True, eq=False)
class ReinforceStep:
    """Learns only by the rewards of sampled nets (eq. 8), which need not be differentiable.

    Attributes:
        reward: of a net; called once for every sampled path, so it should cache what is slow to measure.
        estimator: of the gradient, such as `pnas_latency.reinforce_loss`.
        baseline: such as `pnas_latency.MovingBaseline`.
        score: of outputs and targets; `reward` gets its mean.
        samples: number of paths M in a step, all judged on the same batch.
    """

    reward: Reward
    estimator: Estimator
    baseline: RewardBaseline
    score: Score = accuracy
    samples: int = field(default=10, validator=Range(1, 10_000, whole=True))

    def __call__(
        self,
        network: nn.Module,
        inputs: Any,
        targets: Any,
        *,
        loss: Loss,
        optimizer: Optimizer,
        generator: torch.Generator,
        execution: Execution,
    ) -> StepResult:
        """As `ArchStep`; the result holds the mean loss of the paths, and the outputs of the last."""
        sampled = [sample_paths(network, sample_single, generator) for _ in range(self.samples)]
        judged = [self._judge(network, inputs, targets, paths, loss, execution) for paths in sampled]
        choices = [[path.members[0] for path in paths] for paths in sampled]
        rewards = torch.tensor(
            [self.reward(found, taken) for (_, found), taken in zip(judged, choices, strict=True)],
            dtype=torch.float64,
            device=device_of(inputs),
        )
        if execution.group is not None:  # a reward may be measured, and every process measures for itself
            average([rewards], execution.group)
        optimizer.zero_grad()
        alphas = alpha_parameters(network)
        log_probs = [alpha.log_softmax(dim=0) for alpha in alphas]
        places = {op.alpha: index for index, op in enumerate(mixed_ops(network))}  # one of each choice
        of_paths = torch.stack(
            [
                torch.stack([row[taken[places[alpha]]] for alpha, row in zip(alphas, log_probs, strict=True)]).sum()
                for taken in choices
            ]
        )
        surrogate = self.estimator(of_paths, rewards, self.baseline.step(rewards))
        surrogate.backward()  # type: ignore[no-untyped-call]
        take_alpha_step(alphas, optimizer)
        results = [result for result, _ in judged]
        return StepResult(torch.stack([result.loss for result in results]).mean(), results[-1].outputs)

    def state_dict(self) -> dict[str, Any]:
        return self.baseline.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.baseline.load_state_dict(state)

    def _judge(
        self,
        network: nn.Module,
        inputs: Any,
        targets: Any,
        paths: Sequence[GatePath],
        loss: Loss,
        execution: Execution,
    ) -> tuple[StepResult, float]:
        with torch.no_grad(), active_paths(network, paths), buffers_untouched(active_modules(network)):
            result = execution.gradients(network, inputs, targets, loss)
        score = torch.as_tensor(self.score(result.outputs, targets), dtype=result.loss.dtype, device=result.loss.device)
        if execution.group is not None:
            average([score], execution.group)
        return result, float(score)
