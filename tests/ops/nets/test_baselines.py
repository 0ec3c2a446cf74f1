"""Named nets are the published ones, by torchvision's modules and by what it publishes of their weights."""

from collections.abc import Callable

import pytest
import timm
import torch
from torch import nn
from torchvision import models

from pnas_ops import (
    BASELINES,
    ArchitectureError,
    BaselineName,
    architecture_macs,
    architecture_parameters,
    baseline,
    build_network,
    count_macs,
    count_parameters,
    workloads,
)

PUBLISHED = {
    "mobilenet_v2": models.MobileNet_V2_Weights.IMAGENET1K_V1,
    "mnasnet_b1": models.MNASNet1_0_Weights.IMAGENET1K_V1,
    "resnet18": models.ResNet18_Weights.IMAGENET1K_V1,
    "resnet50": models.ResNet50_Weights.IMAGENET1K_V1,
    "resnext50_32x4d": models.ResNeXt50_32X4D_Weights.IMAGENET1K_V1,
    "shufflenet_v2_x1_0": models.ShuffleNet_V2_X1_0_Weights.IMAGENET1K_V1,
    "efficientnet_b0": models.EfficientNet_B0_Weights.IMAGENET1K_V1,
}
# By torchvision's module and the multiple of its width.
OTHER_WIDTHS = [
    ("mobilenet_v2", 1.4, lambda: models.mobilenet_v2(width_mult=1.4)),
    ("mobilenet_v2", 0.35, lambda: models.mobilenet_v2(width_mult=0.35)),
    ("mnasnet_b1", 0.5, lambda: models.mnasnet0_5()),
    ("mnasnet_b1", 1.3, lambda: models.mnasnet1_3()),
    ("mnasnet_a1", 0.75, lambda: timm.create_model("semnasnet_075")),
    ("shufflenet_v2_x1_0", 0.5, lambda: models.shufflenet_v2_x0_5()),
    ("shufflenet_v2_x1_0", 1.5, lambda: models.shufflenet_v2_x1_5()),
    ("shufflenet_v2_x1_0", 2.0, lambda: models.shufflenet_v2_x2_0()),
]


def size(module: nn.Module, resolution: int = 224) -> tuple[int, int]:
    """Parameters and MACs of a net for images of three channels."""
    return count_parameters(module), count_macs(module, (1, 3, resolution, resolution))


def test_all_baselines_are_compared() -> None:
    assert {*PUBLISHED, "mnasnet_a1"} == {*BASELINES}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_baseline_has_the_parameters_and_macs_of_torchvisions_module(name: BaselineName) -> None:
    weights = PUBLISHED[name]
    with torch.device("meta"):
        theirs = models.get_model("mnasnet1_0" if name == "mnasnet_b1" else name)
    net = baseline(name)
    assert (architecture_parameters(net), architecture_macs(net)) == size(theirs)
    assert architecture_parameters(net) == weights.meta["num_params"]
    # Their billions are of MACs, to three decimals.
    assert architecture_macs(net) / 1e9 == pytest.approx(weights.meta["_ops"], abs=6e-4)


def test_mnasnet_a1_has_the_parameters_and_macs_of_timms_module() -> None:
    with torch.device("meta"):
        theirs = timm.create_model("semnasnet_100")
    net = baseline("mnasnet_a1")
    assert (architecture_parameters(net), architecture_macs(net)) == size(theirs)


@pytest.mark.parametrize(("name", "width_mult", "make"), OTHER_WIDTHS, ids=lambda value: str(value)[:20])
def test_a_baseline_of_another_width_is_the_published_one(
    name: BaselineName, width_mult: float, make: Callable[[], nn.Module]
) -> None:
    with torch.device("meta"):
        theirs = make()
    net = baseline(name, width_mult=width_mult)
    assert net.name == f"{name}-{width_mult:g}"
    assert (architecture_parameters(net), architecture_macs(net)) == size(theirs)


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("width_mult", [0.1, 0.6, 1.25])
def test_every_width_builds_and_keeps_the_image_and_the_classes(name: BaselineName, width_mult: float) -> None:
    net = baseline(name, width_mult=width_mult, resolution=48, in_channels=1, classes=7)
    assert (net.in_channels, net.classes, net.resolution) == (1, 7, 48)
    with torch.device("meta"):
        network = build_network(net).eval()
        assert network(torch.empty(net.input_shape)).shape == (1, 7)


def test_the_least_resolution_is_said_and_works() -> None:
    with pytest.raises(ArchitectureError, match=r"^resnet18 needs images of at least 17 pixels, got 16$"):
        baseline("resnet18", resolution=16)
    assert workloads(baseline("resnet18", resolution=17))[-1][0].height == 1


@pytest.mark.parametrize(
    ("name", "width_mult", "message"),
    [
        ("mobilenetv2", 1.0, r"no baseline is called 'mobilenetv2': did you mean mobilenet_v2\?$"),
        ("vgg", 1.0, r"no baseline is called 'vgg': there are mobilenet_v2, mnasnet_a1, .*, efficientnet_b0$"),
        ("resnet18", 0.0, "^width_mult must be a positive number, got 0$"),
        ("resnet18", float("nan"), "^width_mult must be a positive number, got nan$"),
    ],
)
def test_what_is_no_net_is_refused(name: BaselineName, width_mult: float, message: str) -> None:
    with pytest.raises(ArchitectureError, match=message):
        baseline(name, width_mult=width_mult)


@pytest.mark.parametrize("what", ["classes", "in_channels", "resolution"])
@pytest.mark.parametrize("count", [0, -3, 2.5, True, "ten"])
def test_what_is_no_number_of_things_is_refused_by_its_name(what: str, count: object) -> None:
    with pytest.raises(ArchitectureError, match=f"^{what} must be a whole number from 1 to .*, got {count!r}$"):
        baseline("resnet18", **{what: count})  # type: ignore[arg-type]
