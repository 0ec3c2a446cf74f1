"""Slow, obvious versions of what the packages do."""

import copy
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class SyncBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm with the statistics of all processes' samples together; `nn.SyncBatchNorm` refuses CPUs.

    Takes its options, state and mode from `norm`, and (N, C, H, W) with any N in each process.
    """

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__(
            norm.num_features, norm.eps, norm.momentum, affine=norm.affine, track_running_stats=norm.track_running_stats
        )
        self.to(next(iter(norm.state_dict().values()), torch.empty(0)))
        self.load_state_dict(norm.state_dict())
        self.train(norm.training)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        count = _SumOverProcesses.apply(x.new_tensor(x.numel() / self.num_features))
        mean = _SumOverProcesses.apply(x.sum((0, 2, 3))) / count
        centered = x - mean[:, None, None]
        variance = _SumOverProcesses.apply(centered.square().sum((0, 2, 3))) / count
        if self.track_running_stats:
            self._track(mean.detach(), variance.detach() * count / (count - 1))
        normalized: Tensor = centered * (variance + self.eps).rsqrt()[:, None, None]
        return normalized * self.weight[:, None, None] + self.bias[:, None, None] if self.affine else normalized

    def _track(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        batches = self.get_buffer("num_batches_tracked").add_(1)
        share = 1 / int(batches) if self.momentum is None else self.momentum
        self.get_buffer("running_mean").lerp_(mean, share)
        self.get_buffer("running_var").lerp_(unbiased_variance, share)


def synchronized(network: nn.Module) -> nn.Module:
    """A copy of `network` with a `SyncBatchNorm2d` in the place of every `nn.BatchNorm2d`."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    return copy.deepcopy(network, {id(norm): SyncBatchNorm2d(norm) for norm in norms})


class _SumOverProcesses(torch.autograd.Function):
    """The gradient is that of the sum of all processes' losses."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        total = tensor.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total
