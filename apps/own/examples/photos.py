"""Photographs in folders, one for each class, by torchvision's MobileNetV3."""

import os
from urllib.error import URLError

from torch import nn
from torchvision.models import MobileNet_V3_Small_Weights, mobilenet_v3_small

from pnas_ops import load_weights


def make(classes: int) -> nn.Module:
    """ImageNet's net, or that of the file PRETRAINED, with a new last layer."""
    local = os.environ.get("PRETRAINED")
    if local:
        net = mobilenet_v3_small(num_classes=10)
        load_weights(net, local)
    else:
        try:
            net = mobilenet_v3_small(weights=MobileNet_V3_Small_Weights.DEFAULT)
        except URLError as error:
            raise RuntimeError(
                f"no weights ({error}): set PRETRAINED to those of tests/benchmarks/pretrain.py"
            ) from None
    net.classifier[3] = nn.Linear(net.classifier[3].in_features, classes)
    return net
