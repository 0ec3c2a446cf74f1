"""The two steps that a search alternates (ProxylessNAS, section 3.2)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from attrs import evolve
from torch import Tensor, nn
from torch.optim import Optimizer

from pnas_supernet.gates.freezing import batch_statistics_untouched, frozen_parameters
from pnas_supernet.gates.mixed_op import MixedOp, active_modules, active_paths, alpha_parameters, mixed_ops
from pnas_supernet.gates.path import GatePath
from pnas_supernet.searching.execution import DivergenceError, Execution, Loss, StepResult
from pnas_supernet.searching.parallel import average_statistics

Objective = Callable[[Tensor, Sequence[Tensor]], Tensor]
"""From the task's loss and the probabilities of every `MixedOp`, each (candidates,), to what alpha minimizes."""


def weight_step(
    network: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    *,
    paths: Sequence[GatePath],
    loss: Loss,
    optimizer: Optimizer,
    execution: Execution = Execution(),  # noqa: B008 (frozen)
) -> StepResult:
    """One step of the weights on the sampled paths, on a batch of the training split; alpha is left alone.

    Args:
        network: any module that holds `MixedOp`s.
        inputs: a batch, (N, C, H, W).
        targets: its targets.
        paths: such as `sample_uniform` or `sample_single` draw.
        loss: the task's loss, a mean over the batch.
        optimizer: of `weight_parameters(network)`.
        execution: precision, micro-batches, processes.

    Raises:
        DivergenceError: where the loss is not finite; no parameter has changed.
    """
    optimizer.zero_grad()
    with active_paths(network, paths), _named_on_divergence(paths):
        with frozen_parameters(alpha_parameters(network)):
            result = execution.gradients(network, inputs, targets, loss)
        execution.average_gradients(optimizer)
        execution.step(optimizer)
        if execution.group is not None:
            average_statistics(active_modules(network), execution.group)
    return result


def arch_step(
    network: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    *,
    paths: Sequence[GatePath],
    loss: Loss,
    optimizer: Optimizer,
    objective: Objective | None = None,
    execution: Execution = Execution(),  # noqa: B008 (frozen)
) -> StepResult:
    """One step of alpha on a batch of the validation split; no weight and no running statistic changes.

    Args:
        network: any module that holds `MixedOp`s.
        inputs: a batch, (N, C, H, W).
        targets: its targets.
        paths: such as `sample_exact_gate` or `sample_two_path_gate` draw.
        loss: the task's loss, a mean over the batch.
        optimizer: of `alpha_parameters(network)`.
        objective: of loss and probabilities, such as the loss plus a weighted expected latency; the loss if None.
        execution: precision, micro-batches, processes.

    Raises:
        DivergenceError: where the loss or a gradient of alpha is not finite; no parameter has changed.
        ValueError: where neither paths nor objective let any alpha learn.
    """
    ops = mixed_ops(network)
    before = [op.alpha.detach().clone() for op in ops]
    optimizer.zero_grad()
    with active_paths(network, paths), _named_on_divergence(paths):
        modules = active_modules(network)
        with frozen_parameters(_weights(modules)), batch_statistics_untouched(modules):
            result = execution.gradients(network, inputs, targets, loss)
        execution.average_gradients(optimizer)
        if objective is not None:
            probs = [path.probs(op.alpha) for op, path in zip(ops, paths, strict=True)]
            result = evolve(result, loss=_through(objective, result.loss, probs, ops, execution))
        take_alpha_step(ops, optimizer, execution)
    for op, path, alpha in zip(ops, paths, before, strict=True):
        path.settle(op.alpha, alpha)
    return result


def take_alpha_step(
    ops: Sequence[MixedOp],
    optimizer: Optimizer,
    execution: Execution = Execution(),  # noqa: B008 (frozen)
) -> None:
    """A step of the optimizer by the gradients that the alphas have.

    Raises:
        DivergenceError: for a gradient that is not finite; no alpha has changed.
        ValueError: where there is none.
    """
    _check_gradients(ops, execution)
    execution.step(optimizer)


def _through(
    objective: Objective, loss: Tensor, probs: Sequence[Tensor], ops: Sequence[MixedOp], execution: Execution
) -> Tensor:
    """The objective's value; turns the gradients of the loss that the alphas hold into those of the objective.

    The loss comes out of several micro-batches and processes, whose graphs are gone by now. Since only alpha learns,
    the chain rule is all that is left: dJ/dalpha = dJ/dloss * dloss/dalpha + dJ/dprobs * dprobs/dalpha.
    """
    leaf = loss.clone().requires_grad_()
    value = objective(leaf, probs)
    if not torch.isfinite(value):
        raise DivergenceError(f"the objective is {value.item()}")
    alphas = [op.alpha for op in ops]
    by_loss, *by_alpha = torch.autograd.grad(value, [leaf, *alphas], allow_unused=True)
    for alpha, direct in zip(alphas, by_alpha, strict=True):
        parts = [] if direct is None else [execution.scaled(direct)]
        if alpha.grad is not None and by_loss is not None:
            parts.append(by_loss * alpha.grad)
        alpha.grad = sum(parts[1:], parts[0]) if parts else None
    return value.detach()


def _weights(modules: Sequence[nn.Module]) -> Iterator[nn.Parameter]:
    """The weights that belong to these modules themselves, for much less than `parameters(recurse=False)` takes."""
    for module in modules:
        if not isinstance(module, MixedOp):
            yield from (parameter for parameter in module._parameters.values() if parameter is not None)


def _check_gradients(ops: Sequence[MixedOp], execution: Execution) -> None:
    gradients = [op.alpha.grad for op in ops if op.alpha.grad is not None]
    if not gradients:
        raise ValueError("no alpha gets a gradient: draw the paths of an architecture step with sample_exact_gate")
    finite = torch.cat(gradients).isfinite().all()
    if execution.scaler is None and not finite:  # a scaler leaves out the step, and tries a smaller scale
        raise DivergenceError("a gradient of alpha is not finite")


@contextmanager
def _named_on_divergence(paths: Sequence[GatePath]) -> Iterator[None]:
    try:
        yield
    except DivergenceError as error:
        raise DivergenceError(f"{error.what} on the paths {' '.join(map(_short, paths))}") from None


def _short(path: GatePath) -> str:
    return "/".join(map(str, path.members))
