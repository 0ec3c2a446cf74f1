"""How a step is computed: its precision, in how many parts, by how many processes."""

from collections.abc import Callable

import torch
import torch.distributed as dist
from attrs import field, frozen
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import Optimizer

from pnas_ops import PnasError, Range
from pnas_supernet.searching.parallel import average

Loss = Callable[[Tensor, Tensor], Tensor]
"""From outputs (N, classes) and targets to a scalar, the mean over the N samples."""

_SMALLEST_SCALE = 2.0**-10


class DivergenceError(PnasError, ArithmeticError):
    """The loss, a gradient or a weight is not a finite number."""


@frozen(repr=False, eq=False)
class StepResult:
    """What a step saw: the mean loss over all processes, and this one's outputs (N, classes), both without a graph."""

    loss: Tensor
    outputs: Tensor

    def __repr__(self) -> str:
        return f"<StepResult: loss {float(self.loss):.4g}, outputs of shape {tuple(self.outputs.shape)}>"


@frozen(kw_only=True, eq=False)
class Execution:
    """How gradients come about and reach an optimizer; nothing here changes them, but for rounding.

    Attributes:
        autocast: type of the forward pass, such as `torch.bfloat16`; weights, gate products and loss stay float32. None
            leaves all as it is.
        scaler: of the loss, against the underflow of float16's gradients; one for each optimizer.
        micro_batches: parts that a batch is cut into, whose gradients add up, for less memory. (BatchNorm takes its
            statistics from each part.)
        group: processes that each take their own batch, of equal size, and the mean of all gradients.
    """

    autocast: torch.dtype | None = None
    scaler: GradScaler | None = None
    micro_batches: int = field(default=1, validator=Range(1, 100_000, whole=True))
    group: dist.ProcessGroup | None = None

    def gradients(
        self,
        network: nn.Module,
        inputs: Tensor,
        targets: Tensor,
        loss: Loss,
    ) -> StepResult:
        """Adds the gradient of the loss to whatever of the network wants one.

        Raises:
            DivergenceError: where the loss is not finite, in any of the processes.
            ValueError: where the processes' batches differ in size.
        """
        total = torch.zeros((), device=inputs.device)
        outputs = []
        for part, part_targets in zip(inputs.chunk(self.micro_batches), targets.chunk(self.micro_batches), strict=True):
            with torch.autocast(inputs.device.type, dtype=self.autocast, enabled=self.autocast is not None):
                output = network(part)
            value = loss(output.to(torch.promote_types(output.dtype, torch.float32)), part_targets)
            total = total + self._backward(value * (len(part) / len(inputs)))
            outputs.append(output.detach())
        if self.group is not None:
            average_count = torch.full_like(total, len(inputs))
            average([total, average_count], self.group)
            if average_count != len(inputs):
                raise ValueError(
                    f"this process has a batch of {len(inputs)} samples, while the mean of all processes is "
                    f"{float(average_count):g}: give all of them batches of equal size"
                )
        if not torch.isfinite(total):
            raise DivergenceError(f"the loss is {total.item()}")
        return StepResult(total, torch.cat(outputs))

    def scaled(self, value: Tensor) -> Tensor:
        """A loss, or a gradient, as large as the scaler wants it."""
        return value if self.scaler is None else self.scaler.scale(value)

    def average_gradients(self, optimizer: Optimizer) -> None:
        """Gives the optimizer's parameters the mean gradients of all processes."""
        if self.group is not None:
            parameters = (parameter for group in optimizer.param_groups for parameter in group["params"])
            average([parameter.grad for parameter in parameters if parameter.grad is not None], self.group)

    def step(self, optimizer: Optimizer) -> None:
        """A step of the optimizer, which touches only the parameters that have a gradient.

        Raises:
            DivergenceError: with a scaler, which leaves out steps whose gradients overflow, where no scale helps.
        """
        if self.scaler is None:
            optimizer.step()
        else:
            self.scaler.step(optimizer)
            self.scaler.update()
            if self.scaler.get_scale() < _SMALLEST_SCALE:
                raise DivergenceError(f"gradients overflow even with the loss scaled by {self.scaler.get_scale():.1g}")

    def _backward(self, value: Tensor) -> Tensor:
        if value.requires_grad:
            self.scaled(value).backward()  # type: ignore[no-untyped-call]
        return value.detach()
