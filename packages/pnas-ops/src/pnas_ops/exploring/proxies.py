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
    """The logarithm of sum_theta |theta dR / dtheta|: R sums the outputs for an image of ones, weights being |theta|.

    In float64, without BatchNorm and activations: ReLU changes no positive number, and the others would bend what is to
    be the flow through the weights alone. The logarithm orders nets as the sum does, which is soon beyond 1e20.

    Args:
        network: as it was initialized; it stays as it is.
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

    The less the images of a batch look alike to the ReLUs of a net, the larger it is.

    Args:
        network: as it was initialized, with ReLU or ReLU6; BatchNorm takes the statistics of the batch. It stays as it
            is.
        images: (N, C, H, W); the value depends on N.

    Returns:
        Minus infinity where two images look the same.

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
        proxy: of a network and its architecture, the larger the better.
    """

    proxy: Callable[[nn.Module, Architecture], float]

    def judge(self, architecture: Architecture, generator: torch.Generator) -> Judgement:
        """The proxy of the net, freshly initialized; no epoch, since a batch is looked at at most.

        A net of which the proxy is minus infinity, such as one through which nothing flows, is worth -1e9.
        """
        network = build_network(architecture, generator=generator)
        return Judgement(value=max(self.proxy(network, architecture), _WORTHLESS))


def synflow_judge() -> ProxyJudge:
    """Judges by `synflow`."""
    return ProxyJudge(proxy=lambda network, architecture: synflow(network, architecture.input_shape))


def naswot_judge(images: Tensor) -> ProxyJudge:
    """Judges by `naswot`.

    Args:
        images: of the training images, normalized, (N, C, H, W): the same batch for all nets.
    """
    return ProxyJudge(proxy=lambda network, architecture: naswot(network, images))


def _without(network: nn.Module, kinds: tuple[type[nn.Module], ...]) -> nn.Module:
    """The same network, changed: modules of these kinds hand on what they are given."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, kinds):
                setattr(module, name, nn.Identity())
    return network
