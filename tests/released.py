"""A net that ProxylessNAS released, from its own description."""

from pathlib import Path
from typing import Any

from pnas_ops import Architecture, BlockSpec, ClassifierSpec, ConvSpec, MBConvSpec, OpSpec, ZeroSpec

CONFIG = Path(__file__).resolve().parents[1] / ".." / "shared" / "reference" / "proxyless_mobile.config"


def proxyless_mobile(config: dict[str, Any]) -> Architecture:
    """The net that the file `CONFIG` describes."""
    first, mix, end = config["first_conv"], config["feature_mix_layer"], config["classifier"]
    stem = BlockSpec(
        op=ConvSpec(kernel_size=first["kernel_size"]),
        in_channels=first["in_channels"],
        out_channels=first["out_channels"],
        stride=first["stride"],
    )
    blocks = [stem]
    for description in config["blocks"]:
        conv, residual = description["mobile_inverted_conv"], description["shortcut"] is not None
        zero = conv["name"] == "ZeroLayer"
        op: OpSpec = ZeroSpec() if zero else MBConvSpec(kernel_size=conv["kernel_size"], expansion=conv["expand_ratio"])
        blocks.append(
            BlockSpec(
                op=op,
                in_channels=blocks[-1].out_channels,
                out_channels=blocks[-1].out_channels if zero else conv["out_channels"],
                stride=conv["stride"],
                residual=residual,
            )
        )
    head = BlockSpec(
        op=ClassifierSpec(hidden_channels=mix["out_channels"]),
        in_channels=mix["in_channels"],
        out_channels=end["out_features"],
    )
    return Architecture(name="proxyless_mobile", resolution=224, blocks=(*blocks, head))
