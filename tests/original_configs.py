"""Descriptions of small nets, as the original writes them."""

from typing import Any

POST, PRE = "weight_bn_act", "bn_act_weight"


def plain(name: str, channels: int, **changes: Any) -> dict[str, Any]:
    """A layer without weights."""
    options = {"in_channels": channels, "out_channels": channels, "use_bn": False, "act_func": None}
    return {"name": name, **options, "dropout_rate": 0, "ops_order": PRE} | changes


def conv(channels: tuple[int, int], **changes: Any) -> dict[str, Any]:
    """A convolution of the mobile nets."""
    sizes = {"in_channels": channels[0], "out_channels": channels[1], "kernel_size": 3, "stride": 1, "dilation": 1}
    rest = {"groups": 1, "bias": False, "has_shuffle": False, "use_bn": True, "act_func": "relu6", "dropout_rate": 0}
    return {"name": "ConvLayer", **sizes, **rest, "ops_order": POST} | changes


def block(layer: dict[str, Any], shortcut: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"name": "MobileInvertedResidualBlock", "mobile_inverted_conv": layer, "shortcut": shortcut}


def mobile() -> dict[str, Any]:
    """A net of every layer kind."""
    mbconv = {"name": "MBInvertedConvLayer", "in_channels": 4, "out_channels": 4, "kernel_size": 5, "stride": 1}
    pool = plain("PoolingLayer", 4, kernel_size=3, stride=1)
    return {
        "name": "ProxylessNASNets",
        "bn": {"momentum": 0.1, "eps": 0.001},
        "first_conv": conv((3, 4), stride=2),
        "blocks": [
            block(mbconv | {"expand_ratio": 3}, plain("IdentityLayer", 4)),
            block({"name": "ZeroLayer", "stride": 1}, plain("IdentityLayer", 4)),
            block(mbconv | {"expand_ratio": 1, "mid_channels": 4}, {"name": "ZeroLayer", "stride": 1}),
            block(conv((4, 4), act_func="relu", dropout_rate=0.5)),
            block(conv((4, 4), groups=2)),
            block(conv((4, 4), name="DepthConvLayer", dilation=2)),
            block(pool | {"pool_type": "avg"}),
            block(pool | {"pool_type": "max"}, plain("IdentityLayer", 4)),
            block(plain("IdentityLayer", 4)),
        ],
        "feature_mix_layer": conv((4, 6), kernel_size=1),
        "classifier": linear(6),
    }


def linear(channels: int) -> dict[str, Any]:
    sizes = {"in_features": channels, "out_features": 2, "bias": True}
    return {"name": "LinearLayer", **sizes, "use_bn": False, "act_func": None, "dropout_rate": 0.1, "ops_order": POST}
