"""The two steps that a search alternates (ProxylessNAS, section 3.2)."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from attrs import evolve
from torch import Tensor, nn
from torch.optim import Optimizer

from pnas_supernet.gates.freezing import buffers_kept_on_error, buffers_untouched, frozen_parameters
from pnas_supernet.gates.mixed_op import MixedOp, active_modules, active_paths, alpha_parameters, mixed_ops
from pnas_supernet.gates.path import GatePath, SettlingPath
from pnas_supernet.gates.transfers import on_cpu, put_back
from pnas_supernet.searching.execution import Execution, Loss, StepResult
from pnas_supernet.searching.parallel import average_statistics, running_statistics
from pnas_supernet.searching.readings import DivergenceError

Objective = Callable[[Tensor, Sequence[Tensor]], Tensor]
"""From the task's loss and the probabilities of every `MixedOp`, each (candidates,), to what alpha minimizes.

`MixedOp`s that share a choice have the same probabilities; a sum over the places counts them at each place.
"""


def weight_step(
    network: nn.Module,
    inputs: Any,
    targets: Any,
    *,
    paths: Sequence[GatePath],
    loss: Loss,
    optimizer: Optimizer,
    execution: Execution = Execution(),  # noqa: B008 (frozen)
) -> StepResult:
    """One step of the weights on the sampled paths, on a batch of the training split; alpha does not change.

    Args:
        network: any module that holds `MixedOp`s.
        inputs: a batch, such as (N, C, H, W); see `Execution.gradients` for lists, tuples and dicts.
        targets: its targets.
        paths: such as `sample_uniform` or `sample_single` draw.
        loss: the task's loss, a mean over the batch.
        optimizer: of `weight_parameters(network)`.
        execution: precision, micro-batches, processes, and when the CPU checks whether the step was finite.

    Raises:
        DivergenceError: if the loss, a gradient or a running statistic is not finite; no parameter and no buffer has
            changed. With `Execution(readings=Readings(every=...))` it is raised later.
        ValueError: for an optimizer of alphas.
    """
    alphas = alpha_parameters(network)
    held = _parameters(optimizer)
    if held and set(alphas).issuperset(held):
        raise ValueError(
            "weight_step got the optimizer of alphas: give it one of weight_parameters(network), and arch_step this one"
        )
    optimizer.zero_grad()
    with active_paths(network, paths), execution.readings.named(lambda: _on_the(paths)):
        modules = active_modules(network)
        with buffers_kept_on_error(modules) as before:
            with frozen_parameters(alphas):
                result = execution.gradients(network, inputs, targets, loss)
            execution.average_gradients(optimizer)
            if execution.group is not None:
                average_statistics(modules, execution.group)
            _check_finite(network, modules, held, execution)
        if execution.readings.doubt is not None:
            before.restore_if(execution.readings.doubt)
        execution.step(optimizer)
    return result


def arch_step(
    network: nn.Module,
    inputs: Any,
    targets: Any,
    *,
    paths: Sequence[GatePath],
    loss: Loss,
    optimizer: Optimizer,
    objective: Objective | None = None,
    execution: Execution = Execution(),  # noqa: B008 (frozen)
) -> StepResult:
    """One step of alpha on a batch of the validation split; no weight and no buffer, such as statistics, changes.

    Args:
        network: any module that holds `MixedOp`s.
        inputs: a batch, such as (N, C, H, W); see `Execution.gradients` for lists, tuples and dicts.
        targets: its targets.
        paths: such as `sample_exact_gate` or `sample_two_path_gate` draw.
        loss: the task's loss, a mean over the batch.
        optimizer: of `alpha_parameters(network)`.
        objective: of loss and probabilities, such as the loss plus a weighted expected latency; the loss if None.
        execution: precision, micro-batches, processes, and when the CPU checks whether the step was finite.

    Raises:
        DivergenceError: if the loss or a gradient of alpha is not finite; no parameter has changed. With
            `Execution(readings=Readings(every=...))` it is raised later.
        ValueError: if neither paths nor objective give any alpha a gradient, and for an optimizer without an alpha.
    """
    ops = mixed_ops(network)
    alphas = alpha_parameters(network)
    if set(alphas).isdisjoint(_parameters(optimizer)):
        raise ValueError("arch_step got an optimizer without an alpha: give it one of alpha_parameters(network)")
    optimizer.zero_grad()
    with active_paths(network, paths), execution.readings.named(lambda: _on_the(paths)):
        path_of = {op.alpha: path for op, path in zip(ops, paths, strict=True)}
        settling = {alpha: path for alpha, path in path_of.items() if isinstance(path, SettlingPath)}
        before = [alpha.detach().clone() for alpha in settling]
        modules = active_modules(network)
        with frozen_parameters(_weights(modules)), buffers_untouched(modules):
            result = execution.gradients(network, inputs, targets, loss)
        execution.average_gradients(optimizer)
        if objective is not None:
            probs = {alpha: path.probs(alpha) for alpha, path in path_of.items()}
            of_places = [probs[op.alpha] for op in ops]
            result = evolve(result, loss=_through(objective, result.loss, of_places, alphas, execution))
        take_alpha_step(alphas, optimizer, execution)
    _settle(settling, before)
    return result


def take_alpha_step(
    alphas: Sequence[nn.Parameter],
    optimizer: Optimizer,
    execution: Execution = Execution(),  # noqa: B008 (frozen)
) -> None:
    """A step of the optimizer with the present gradients of the alphas; none if no choice has two candidates left.

    Raises:
        DivergenceError: for a gradient that is not finite; no alpha has changed.
        ValueError: if there is no gradient.
    """
    gradients = [alpha.grad for alpha in alphas if alpha.grad is not None]
    learning = [alpha for alpha in alphas if alpha.requires_grad]
    if not learning:
        raise ValueError("every alpha is frozen, so that nothing can be learnt: alpha.requires_grad_() thaws one")
    if not gradients and any(int(alpha.isneginf().logical_not().sum()) > 1 for alpha in learning):
        raise ValueError("no alpha gets a gradient: draw the paths of an architecture step with sample_exact_gate")
    if not gradients:
        return
    if execution.scaler is None:  # a scaler skips the step, and tries a smaller scale
        largest = torch.cat(gradients).abs().max()
        execution.readings.check(largest, lambda _: DivergenceError("a gradient of alpha is not finite"))
    execution.step(optimizer)


def _settle(paths: Mapping[nn.Parameter, SettlingPath], before: Sequence[Tensor]) -> None:
    # On the CPU, since the paths of the next step are drawn there from the result.
    alphas = list(paths)
    values = on_cpu([*alphas, *before])
    after, before = values[: len(alphas)], values[len(alphas) :]
    for path, alpha, alpha_before in zip(paths.values(), after, before, strict=True):
        path.settle(alpha, alpha_before)
    put_back(alphas, after)


def _through(
    objective: Objective,
    loss: Tensor,
    probs: Sequence[Tensor],
    alphas: Sequence[nn.Parameter],
    execution: Execution,
) -> Tensor:
    """The objective's value; turns the gradients of the loss in the alphas into those of the objective.

    The loss is that of several micro-batches and processes, whose graphs are gone by now. Since only alpha learns, the
    chain rule suffices: dJ/dalpha = dJ/dloss * dloss/dalpha + dJ/dprobs * dprobs/dalpha.
    """
    leaf = loss.clone().requires_grad_()
    value = objective(leaf, probs)
    execution.readings.check(value, lambda number: DivergenceError(f"the objective is {number}"))
    learning = [alpha for alpha in alphas if alpha.requires_grad]
    by_loss, *by_alpha = torch.autograd.grad(value, [leaf, *learning], allow_unused=True)
    for alpha, direct in zip(learning, by_alpha, strict=True):
        parts = [] if direct is None else [execution.scaled(direct)]
        if alpha.grad is not None and by_loss is not None:
            parts.append(by_loss * alpha.grad)
        alpha.grad = sum(parts[1:], parts[0]) if parts else None
    return value.detach()


def _weights(modules: Sequence[nn.Module]) -> Iterator[nn.Parameter]:
    """The weights that belong to these modules themselves, much faster than by `parameters(recurse=False)`."""
    for module in modules:
        if not isinstance(module, MixedOp):
            yield from (parameter for parameter in module._parameters.values() if parameter is not None)


def _check_finite(
    network: nn.Module,
    modules: Sequence[nn.Module],
    parameters: Sequence[nn.Parameter],
    execution: Execution,
) -> None:
    """Checks the gradients of a step, unless a scaler does so, and the running statistics of `modules`."""
    gradients = [] if execution.scaler else [p.grad for p in parameters if p.grad is not None]
    statistics = running_statistics(modules)
    dense = [gradient.coalesce().values() if gradient.is_sparse else gradient for gradient in gradients]
    tensors = [*dense, *statistics]
    if execution.readings.every == 1:
        # A norm of squares takes a tenth of the time of the largest value. If it overflows, all values are checked.
        if not torch.nn.utils.get_total_norm(tensors).isfinite():
            _refuse_not_finite(network, gradients, statistics)
        return
    largest = torch.nn.utils.get_total_norm([tensor for tensor in tensors if tensor.numel()], math.inf)
    # The gradients are gone when this is read, so the error cannot name the one.
    execution.readings.check(largest, lambda _: DivergenceError("a gradient or a running statistic is not finite"))


def _refuse_not_finite(network: nn.Module, gradients: Sequence[Tensor], statistics: Sequence[Tensor]) -> None:
    named = [(f"the gradient of {name}", parameter.grad) for name, parameter in network.named_parameters()]
    suspects = {id(tensor) for tensor in (*gradients, *statistics)}
    for name, tensor in (*named, *network.named_buffers()):
        if id(tensor) in suspects and tensor is not None and not tensor.isfinite().all():
            raise DivergenceError(f"{name} is not finite")


def _parameters(optimizer: Optimizer) -> list[nn.Parameter]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _on_the(paths: Sequence[GatePath]) -> str:
    return f" on the paths {' '.join(map(_short, paths))}"


def _short(path: GatePath) -> str:
    return "/".join(map(str, path.members))
