"""Torchvision's nets, small: their own blocks, few of them and narrow."""

from functools import partial

import torch
from torch import Tensor, nn
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.mobilenetv2 import MobileNetV2
from torchvision.models.mobilenetv3 import InvertedResidualConfig, MobileNetV3
from torchvision.models.resnet import BasicBlock, Bottleneck
from torchvision.models.segmentation.lraspp import LRASPP, IntermediateLayerGetter


def small_resnet(block: type[BasicBlock] | type[Bottleneck] = BasicBlock) -> nn.Module:
    """A stage of two blocks, and one of a block with stride."""
    width = 16 * block.expansion

    def shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels))

    net = nn.Sequential()
    net.stem = nn.Sequential(nn.Conv2d(3, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
    net.layer1 = nn.Sequential(block(width, 16), block(width, 16))
    net.layer2 = nn.Sequential(block(width, 32, 2, shortcut(width, 2 * width, 2)))
    net.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * width, 5))
    return net


def small_mobilenet_v2() -> nn.Module:
    """A block without expansion, one with stride and one with a shortcut."""
    return MobileNetV2(num_classes=5, inverted_residual_setting=[[1, 16, 1, 1], [6, 24, 2, 2]])


def small_mobilenet_v3() -> nn.Module:
    """Blocks with and without squeeze-excitation, expansion and shortcut, one of them dilated."""
    setting = partial(InvertedResidualConfig, width_mult=1.0)
    blocks = [
        setting(16, 3, 16, 16, True, "RE", 2, 1),
        setting(16, 3, 72, 24, False, "RE", 2, 1),
        setting(24, 5, 96, 24, True, "HS", 1, 2),
    ]
    return MobileNetV3(blocks, last_channel=32, num_classes=5)


def small_convnext() -> nn.Module:
    """Two stages, with what is learned of each block large enough to count."""
    return ConvNeXt([CNBlockConfig(32, 64, 1), CNBlockConfig(64, None, 1)], num_classes=5, layer_scale=0.5)


def small_lraspp() -> nn.Module:
    """A segmentation net, whose output is a dictionary, on `small_mobilenet_v3`."""
    features = small_mobilenet_v3().features
    backbone = IntermediateLayerGetter(features, return_layers={"2": "low", "3": "high"})
    return LRASPP(backbone, low_channels=24, high_channels=24, num_classes=3, inter_channels=16)


SMALL_NETS = {
    "resnet": small_resnet,
    "mobilenet_v2": small_mobilenet_v2,
    "mobilenet_v3": small_mobilenet_v3,
    "convnext": small_convnext,
    "lraspp": small_lraspp,
}


def settled(network: nn.Module) -> nn.Module:
    """A net with statistics that are not those that BatchNorm starts with, in evaluation mode."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(torch.randn(module.num_features, generator=generator) / 4)
            module.running_var.copy_(torch.rand(module.num_features, generator=generator) + 0.5)
            module.weight.data.copy_(torch.rand(module.num_features, generator=generator) + 0.5)
            module.bias.data.copy_(torch.randn(module.num_features, generator=generator) / 4)
    return network.eval()


def output(network: nn.Module, x: Tensor) -> Tensor:
    """A classifier's output, or the only one in a dictionary; without gradients."""
    with torch.no_grad():
        given = network(x)
    return given["out"] if isinstance(given, dict) else given
