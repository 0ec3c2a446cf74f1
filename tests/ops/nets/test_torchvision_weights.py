"""With torchvision's weights a baseline computes what torchvision's module does."""

import pytest
import torch
from torch import nn
from torchvision.models import get_model

from pnas_ops import (
    BASELINES,
    ArchitectureError,
    BaselineName,
    FormatError,
    baseline,
    build_network,
    released,
    torchvision_weights,
)

THEIRS = {name: name for name in BASELINES if name != "mnasnet_a1"} | {"mnasnet_b1": "mnasnet1_0"}


def their_module(name: str, classes: int = 10, seed: int = 0) -> nn.Module:
    """Torchvision's net with random weights and random statistics, in evaluation mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module: nn.Module = get_model(THEIRS[name], num_classes=classes)
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                assert part.running_mean is not None
                assert part.running_var is not None
                nn.init.uniform_(part.weight, 0.5, 1.5)
                nn.init.normal_(part.bias, std=0.1)
                nn.init.normal_(part.running_mean, std=0.1)
                # Some as small as BatchNorm's own eps, which is another one here.
                nn.init.uniform_(part.running_var, 1e-3, 2.0)
    return module.eval()


@pytest.mark.parametrize("name", THEIRS)
def test_outputs_are_those_of_torchvisions_module(name: BaselineName) -> None:
    theirs = their_module(name)
    net = baseline(name, resolution=64, classes=10)
    ours = build_network(net).eval()
    ours.load_state_dict(torchvision_weights(theirs.state_dict(), net))
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected, found = theirs(images), ours(images)
    assert expected.std() > 1e-3
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_the_order_of_the_keys_does_not_matter_nor_do_counts_of_batches() -> None:
    state = their_module("shufflenet_v2_x1_0").state_dict()
    net = baseline("shufflenet_v2_x1_0", classes=10)
    shuffled = {key: state[key] for key in sorted(state) if not key.endswith("num_batches_tracked")}
    one, other = (torchvision_weights(values, net) for values in (state, shuffled))
    assert one.keys() == other.keys()
    assert all(one[key].equal(other[key]) for key in one)


@pytest.mark.parametrize(
    ("name", "width_mult", "classes", "message"),
    [
        (
            "resnet50",
            1.0,
            10,
            r"^weights do not fit 'resnet50': keys missing \(\d+\): layer1\.0\.conv3\.weight, .*: name the net, ",
        ),
        (
            "resnet18",
            0.5,
            10,
            r"keys of another shape \(\d+\): conv1\.weight is \(64, 3, 7, 7\) instead of \(32, 3, 7, 7",
        ),
        (
            "resnet18",
            1.0,
            7,
            r"keys of another shape \(2\): fc\.weight is \(10, 512\) instead of \(7, 512\), fc\.bias is",
        ),
        (
            "mobilenet_v2",
            1.0,
            10,
            r"missing \(\d+\): features\.0\.0\.weight, .*; keys unexpected \(\d+\): conv1\.weight, bn1",
        ),
    ],
)
def test_weights_of_another_net_are_refused_with_what_is_wrong(
    name: BaselineName, width_mult: float, classes: int, message: str
) -> None:
    net = baseline(name, width_mult=width_mult, classes=classes)
    with pytest.raises(FormatError, match=message):
        torchvision_weights(their_module("resnet18").state_dict(), net)


def test_nets_that_torchvision_does_not_have_are_refused() -> None:
    for net in (baseline("mnasnet_a1"), released("proxyless_mobile")):
        with pytest.raises(
            ArchitectureError, match=rf"^'{net.name}' is no net of torchvision's: it has mobilenet_v2, "
        ):
            torchvision_weights({}, net)
