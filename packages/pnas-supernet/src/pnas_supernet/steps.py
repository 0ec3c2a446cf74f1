"""The two steps that a search alternates (ProxylessNAS, section 3.2)."""

from collections.abc import Callable, Sequence

from attrs import frozen
from torch import Tensor, nn
from torch.optim import Optimizer

from pnas_supernet.freezing import batch_statistics_untouched, frozen_parameters
from pnas_supernet.mixed_op import active_paths, alpha_parameters, mixed_ops, weight_parameters
from pnas_supernet.path import Path

Loss = Callable[[Tensor, Tensor], Tensor]
"""From outputs (N, classes) and targets to a scalar."""
Penalty = Callable[[Sequence[Tensor]], Tensor]
"""From the probabilities of every `MixedOp`, each of shape (candidates,), to a scalar that is added to the loss."""


@frozen
class StepResult:
    """What a step saw: the loss, penalty included, and the outputs (N, classes), both without a graph."""

    loss: Tensor
    outputs: Tensor


def weight_step(
    network: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    *,
    paths: Sequence[Path],
    loss: Loss,
    optimizer: Optimizer,
) -> StepResult:
    """One step of the weights on the sampled paths, on a batch of the training split; alpha is left alone."""
    optimizer.zero_grad()
    with active_paths(network, paths), frozen_parameters(alpha_parameters(network)):
        outputs = network(inputs)
        value = loss(outputs, targets)
        value.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return StepResult(value.detach(), outputs.detach())


def arch_step(
    network: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    *,
    paths: Sequence[Path],
    loss: Loss,
    optimizer: Optimizer,
    penalty: Penalty | None = None,
) -> StepResult:
    """One step of alpha on a batch of the validation split; no weight and no running statistic changes.

    Args:
        network: any module that holds `MixedOp`s.
        inputs: a batch, (N, C, H, W).
        targets: its targets.
        paths: sampled by `sample_exact_gate` or `sample_two_path_gate`.
        loss: the task's loss.
        optimizer: of `alpha_parameters(network)`.
        penalty: of the probabilities, such as a weighted expected latency.
    """
    ops = mixed_ops(network)
    before = [op.alpha.detach().clone() for op in ops]
    optimizer.zero_grad()
    with (
        active_paths(network, paths),
        frozen_parameters(weight_parameters(network)),
        batch_statistics_untouched(network),
    ):
        outputs = network(inputs)
        value = loss(outputs, targets)
        if penalty is not None:
            value = value + penalty([path.probs(op.alpha) for op, path in zip(ops, paths, strict=True)])
        value.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    for op, path, alpha in zip(ops, paths, before, strict=True):
        path.settle(op.alpha, alpha)
    return StepResult(value.detach(), outputs.detach())
