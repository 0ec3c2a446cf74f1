"""Photographs in folders, one for each class, by torchvision's ResNet-18, whose blocks may be narrower or left out."""

import os
from urllib.error import URLError

from torch import nn
from torchvision.models import ResNet18_Weights, resnet18

from pnas_ops import load_weights
from pnas_supernet import inner_widths, with_skip

rule = with_skip(inner_widths(ratios=(0.25, 0.5, 0.75)))


def make(classes: int) -> nn.Module:
    """ImageNet's net, or that of the file PRETRAINED, with a new last layer."""
    local = os.environ.get("PRETRAINED")
    if local:
        net = resnet18(num_classes=10)
        load_weights(net, local)
    else:
        try:
            net = resnet18(weights=ResNet18_Weights.DEFAULT)
        except URLError as error:
            raise RuntimeError(
                f"no weights ({error}): set PRETRAINED to those of tests/benchmarks/pretrain.py"
            ) from None
    net.fc = nn.Linear(net.fc.in_features, classes)
    return net
