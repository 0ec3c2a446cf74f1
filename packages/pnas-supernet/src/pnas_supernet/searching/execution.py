"""How a step is computed: its precision, the number of parts and of processes."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.distributed as dist
from attrs import field, frozen
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import Optimizer

from pnas_ops import Range
from pnas_supernet.gates.nested import tensors_in
from pnas_supernet.searching.nested_batches import (
    at_least_float32,
    call,
    cut,
    device_of,
    join,
    sample_count,
    without_graph,
)
from pnas_supernet.searching.parallel import average
from pnas_supernet.searching.readings import DivergenceError, Readings

Loss = Callable[[Any, Any], Tensor]
"""From a network's outputs, such as (N, classes), and the targets to a scalar, the mean over the N samples."""

_SMALLEST_SCALE = 2.0**-10


@frozen(repr=False, eq=False)
class StepResult:
    """What a step saw: the mean loss over all processes, and this one's outputs, both without a graph.

    Attributes:
        outputs: as the network gives them, such as (N, classes).
    """

    loss: Tensor
    outputs: Any

    def __repr__(self) -> str:
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors_in(self.outputs))
        return f"<StepResult: loss {float(self.loss):.4g}, outputs of shape {shapes}>"


@frozen(kw_only=True, eq=False)
class Execution:
    """How gradients are computed and reach an optimizer; their values are the same, up to rounding.

    Attributes:
        autocast: dtype of the forward pass, such as `torch.bfloat16`; weights, gate products and loss stay float32.
            None for no autocast.
        scaler: of the loss, against underflow of float16 gradients; one for each optimizer.
        micro_batches: parts that a batch is cut into, to save memory; their gradients add up. (BatchNorm takes its
            statistics from each part.)
        group: processes that each take their own batch, of equal size, and the mean of all gradients.
        readings: when the CPU checks whether a step was finite: at once, unless `Readings(every=...)` raises the step's
            errors later.
    """

    autocast: torch.dtype | None = None
    scaler: GradScaler | None = None
    micro_batches: int = field(default=1, validator=Range(1, 100_000, whole=True))
    group: dist.ProcessGroup | None = None
    readings: Readings = field(factory=Readings)

    def gradients(self, network: nn.Module, inputs: Any, targets: Any, loss: Loss) -> StepResult:
        """Adds the gradient of the loss to all parameters of the network that require one.

        Args:
            network: called as `network(*inputs)` for a tuple, `network(**inputs)` for a dict, else `network(inputs)`.
            inputs: a batch: a tensor (N, ...), a list of N samples, or a tuple or dict of several of these.
            targets: in a form of the same kinds.
            loss: of the outputs and the targets.

        Raises:
            DivergenceError: if the loss is not finite in any of the processes.
            ValueError: if the processes' batches differ in size, and for a loss that is no scalar or has no graph.
        """
        count, device = sample_count(inputs), device_of(inputs)
        total = torch.zeros((), device=device)
        outputs = []
        for part, part_targets in self._parts(inputs, targets):
            with torch.autocast(device.type, dtype=self.autocast, enabled=self.autocast is not None):
                output = call(network, part)
            value = loss(at_least_float32(output), part_targets)
            if not isinstance(value, Tensor) or value.numel() != 1:
                raise ValueError(f"a loss is a scalar tensor, got {value!r}: give its mean over the batch")
            if not value.requires_grad and any(tensor.requires_grad for tensor in tensors_in(output)):
                raise ValueError(
                    "the loss has no graph while the network's outputs have one, so that nothing can learn from it: "
                    "compute it from them without no_grad, detach, item or argmax"
                )
            total = total + self._backward(value.reshape(()) * (sample_count(part) / count))
            outputs.append(without_graph(output))
        if self.group is not None:
            average_count = torch.full_like(total, count)
            average([total, average_count], self.group)
            self.readings.check(
                average_count.masked_fill(average_count != count, torch.nan),
                lambda _: ValueError(
                    f"this process has a batch of {count} samples, another one has not: "
                    "give all of them batches of equal size"
                ),
            )
        self.readings.check(total, lambda loss: DivergenceError(f"the loss is {loss}"))
        return StepResult(total, join(outputs))

    def _parts(self, inputs: Any, targets: Any) -> Iterator[tuple[Any, Any]]:
        if self.micro_batches == 1:
            return iter([(inputs, targets)])
        if sample_count(targets) != sample_count(inputs):
            raise ValueError(f"a batch has {sample_count(inputs)} inputs and {sample_count(targets)} targets")
        return zip(cut(inputs, self.micro_batches), cut(targets, self.micro_batches), strict=True)

    def scaled(self, value: Tensor) -> Tensor:
        """A loss, or a gradient, multiplied by the scaler's scale."""
        return value if self.scaler is None else self.scaler.scale(value)

    def average_gradients(self, optimizer: Optimizer) -> None:
        """Gives the optimizer's parameters the mean gradients of all processes."""
        if self.group is not None:
            parameters = (parameter for group in optimizer.param_groups for parameter in group["params"])
            average([parameter.grad for parameter in parameters if parameter.grad is not None], self.group)

    def step(self, optimizer: Optimizer) -> None:
        """A step of the optimizer, for parameters that have a gradient; none if `readings` doubt that all was finite.

        Raises:
            DivergenceError: with a scaler, which skips steps whose gradients overflow, if no scale helps.
        """
        doubt = self.readings.doubt
        if self.scaler is not None:
            self._scaled_step(optimizer, self.scaler, doubt)
        elif doubt is None:
            optimizer.step()
        elif getattr(optimizer, "_step_supports_amp_scaling", False):  # so a `GradScaler` knows fused optimizers
            optimizer.found_inf = doubt.float()  # type: ignore[attr-defined]
            try:
                optimizer.step()
            finally:
                del optimizer.found_inf  # type: ignore[attr-defined]
        elif not doubt:  # only the CPU can keep this optimizer from its step
            optimizer.step()

    def _scaled_step(self, optimizer: Optimizer, scaler: GradScaler, doubt: Tensor | None) -> None:
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if doubt is not None and gradients:
            gradients[0].masked_fill_(doubt, torch.nan)  # the scaler finds it, and skips the step
        scaler.step(optimizer)
        scaler.update()
        scale: Tensor = scaler.scale(torch.ones((), device=optimizer.param_groups[0]["params"][0].device))
        self.readings.check(
            scale.masked_fill(scale < _SMALLEST_SCALE, torch.nan),
            lambda _: DivergenceError(f"gradients overflow even with the loss scaled by {_SMALLEST_SCALE:.1g}"),
        )

    def _backward(self, value: Tensor) -> Tensor:
        if value.requires_grad:
            self.scaled(value).backward()  # type: ignore[no-untyped-call]
        return value.detach()
