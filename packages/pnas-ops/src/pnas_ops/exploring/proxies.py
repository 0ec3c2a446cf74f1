"""Zero-cost proxies: how good an untrained net is likely to be."""

from collections.abc import Callable
from copy import deepcopy
from math import inf, log

import torch
from attrs import frozen
from torch import Tensor, nn

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.errors import PnasError
from pnas_ops.exploring.protocols import Judgement
from pnas_ops.modules.build import build_network

_ACTIVATIONS = (nn.ReLU, nn.ReLU6, nn.Hardswish, nn.SiLU)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
_WITH_TWO_STATES = (nn.ReLU, nn.ReLU6)


class ProxyError(PnasError, ValueError):
    """A net for which a proxy is not defined."""


def synflow(network: nn.Module, input_shape: tuple[int, ...]) -> float:
    """The logarithm of sum_theta |theta dR / dtheta|; R sums the outputs for an image of ones and weights |theta|.

    Computed in float64, without BatchNorm and activations: ReLU does not change positive numbers, and others would
    distort the flow through the weights. The logarithm ranks nets like the sum, which soon exceeds 1e20.

    Args:
        network: as initialized; it is not changed.
        input_shape: (1, C, H, W).

    References:
        Tanaka et al., arXiv 2006.05467, equation 1; as a judge of nets: Abdelfattah et al., arXiv 2101.08134.
    """
    linear = _without(deepcopy(network).double().eval(), (*_NORMS, *_ACTIVATIONS))
    weights = list(linear.parameters())
    with torch.no_grad():
        for weight in weights:
            weight.abs_()
    ones = torch.ones(input_shape, dtype=torch.float64, device=weights[0].device)
    slopes = torch.autograd.grad(linear(ones).sum(), weights, allow_unused=True)
    used = ((weight, slope) for weight, slope in zip(weights, slopes, strict=True) if slope is not None)
    flow = sum(float((weight.detach() * slope).sum()) for weight, slope in used)
    return log(flow) if flow > 0 else -inf


def naswot(network: nn.Module, images: Tensor) -> float:
    """Log |det K|, where K_ij counts the ReLUs that are on for both images i and j, or off for both.

    The less alike the images of a batch are to the ReLUs of a net, the larger it is.

    Args:
        network: as initialized, with ReLU or ReLU6; BatchNorm uses batch statistics. It is not changed.
        images: (N, C, H, W); the value depends on N.

    Returns:
        The value; minus infinity if two images have the same pattern.

    Raises:
        ProxyError: for a net without ReLU.

    References:
        Mellor et al., "Neural Architecture Search without Training", arXiv 2006.04647, equation 2.
    """
    network = deepcopy(network).train()
    counts = images.new_zeros(len(images), len(images), dtype=torch.float64)

    def count(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        on = (output > 0).flatten(1).double()
        counts.add_(on @ on.T + (1 - on) @ (1 - on).T)

    rectifiers = [module for module in network.modules() if isinstance(module, _WITH_TWO_STATES)]
    if not rectifiers:
        raise ProxyError("NASWOT counts ReLUs, and the net has none", "judge it by synflow")
    for module in rectifiers:
        module.register_forward_hook(count)
    with torch.no_grad():
        network(images)
    return float(torch.linalg.slogdet(counts).logabsdet)


_WORTHLESS = -1e9


@frozen(kw_only=True, eq=False)
class ProxyJudge:
    """A `Judge` by a zero-cost proxy of the untrained net.

    Attributes:
        proxy: of a network and its architecture; larger is better.
    """

    proxy: Callable[[nn.Module, Architecture], float]

    def judge(self, architecture: Architecture, generator: torch.Generator) -> Judgement:
        """The proxy of the freshly initialized net; it counts as no epoch, since it needs at most a batch.

        A proxy of minus infinity, such as that of a net through which nothing flows, becomes -1e9.
        """
        network = build_network(architecture, generator=generator)
        return Judgement(value=max(self.proxy(network, architecture), _WORTHLESS))


def synflow_judge() -> ProxyJudge:
    """Judges by `synflow`."""
    return ProxyJudge(proxy=lambda network, architecture: synflow(network, architecture.input_shape))


def naswot_judge(images: Tensor) -> ProxyJudge:
    """Judges by `naswot`.

    Args:
        images: a batch of training images, normalized, (N, C, H, W); the same for all nets.
    """
    return ProxyJudge(proxy=lambda network, architecture: naswot(network, images))


def _without(network: nn.Module, kinds: tuple[type[nn.Module], ...]) -> nn.Module:
    """The same network, changed in place: modules of these kinds become identities."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, kinds):
                setattr(module, name, nn.Identity())
    return network
