"""A slow, obvious interpreter of the original's `net.config`: from the file, and a state dict by the original's keys.

It shares nothing with the packages: no specs, no modules, no names but those of the file.
"""

import json
import math
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

REFERENCE = Path(__file__).resolve().parents[1] / ".." / "shared" / "reference"
MOBILE, CIFAR = REFERENCE / "proxyless_mobile.config", REFERENCE / "proxyless_cifar.config"
REASON = "the files of the released nets lie beside the repository, not in it"


def weights(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Weights that depend on the keys alone, as `proxyless_mobile.out.npy` was made with."""
    made = {}
    for key, shape in shapes.items():
        r = torch.randn(shape, generator=torch.Generator().manual_seed(zlib.crc32(key.encode())))
        match key.rsplit(".", 1)[-1]:
            case "num_batches_tracked":
                made[key] = torch.tensor(0)
            case "running_var":
                made[key] = 0.5 + r.abs()
            case "running_mean" | "bias":
                made[key] = 0.1 * r
            case "weight" if len(shape) == 1:
                made[key] = 1 + 0.1 * r
            case _:
                made[key] = r * (2 / math.prod(shape[1:])) ** 0.5
    return made


class OriginalNet:
    """The net of a file. Without weights it makes them as it meets their keys, and so finds all keys.

    Those of BatchNorm are then the statistics of the first batch, as after a training: a deep net would overflow.
    """

    def __init__(self, path: Path, state: Mapping[str, Tensor] | None = None) -> None:
        self.config: dict[str, Any] = json.loads(path.read_text())
        self.state = dict(state or {})
        self.makes_weights = state is None
        self.read: list[str] = []
        self.eps: float = self.config.get("bn", {"eps": 1e-5})["eps"]

    def __call__(self, x: Tensor) -> Tensor:
        """The logits in evaluation mode: (N, C, H, W) to (N, classes)."""
        self.read = []
        config = self.config
        if config["name"] == "ProxylessNASNets":
            x = self.layer(config["first_conv"], "first_conv", x)
            for index, block in enumerate(config["blocks"]):
                x = self.mobile_block(block, f"blocks.{index}", x)
            x = self.layer(config["feature_mix_layer"], "feature_mix_layer", x).mean((2, 3))
        else:
            for index, block in enumerate(config["blocks"]):
                x = self.block(block, f"blocks.{index}", x)
            x = x.flatten(1)
        end = config["classifier"]
        weight = self.value("classifier.linear.weight", (end["out_features"], end["in_features"]))
        return x @ weight.T + self.value("classifier.linear.bias", (end["out_features"],))

    def value(self, key: str, shape: tuple[int, ...]) -> Tensor:
        if self.makes_weights and key not in self.state:
            self.state |= weights({key: shape})
        self.read.append(key)
        return self.state[key]

    def conv(
        self, key: str, x: Tensor, out: int, size: int, stride: int = 1, dilation: int = 1, groups: int = 1
    ) -> Tensor:
        weight = self.value(f"{key}.weight", (out, x.shape[1] // groups, size, size))
        return F.conv2d(x, weight, None, stride, size // 2 * dilation, dilation, groups)

    def norm(self, key: str, x: Tensor) -> Tensor:
        channels = (x.shape[1],)
        if self.makes_weights:
            var, mean = torch.var_mean(x, (0, 2, 3))
            self.state.setdefault(f"{key}.running_mean", mean)
            self.state.setdefault(f"{key}.running_var", var)
        names = ("weight", "bias", "running_mean", "running_var")
        weight, bias, mean, var = (self.value(f"{key}.{name}", channels).view(-1, 1, 1) for name in names)
        self.value(f"{key}.num_batches_tracked", ())
        return (x - mean) / (var + self.eps).sqrt() * weight + bias

    def layer(self, config: dict[str, Any], key: str, x: Tensor) -> Tensor:
        if config["name"] == "MBInvertedConvLayer":
            return self.inverted_bottleneck(config, key, x)
        for step in config["ops_order"].split("_"):
            if step == "weight":
                x = self.weight(config, key, x)
            elif step == "bn" and config["use_bn"]:
                x = self.norm(f"{key}.bn", x)
            elif step == "act" and config["act_func"] is not None:
                x = x.clamp(0, {"relu": math.inf, "relu6": 6}[config["act_func"]])
        return x

    def weight(self, config: dict[str, Any], key: str, x: Tensor) -> Tensor:
        out = config["out_channels"]
        match config["name"]:
            case "IdentityLayer":
                return x
            case "PoolingLayer":
                size, stride = config["kernel_size"], config["stride"]
                padding = size // 2 if stride == 1 else 0
                if config["pool_type"] == "max":
                    return F.max_pool2d(x, size, stride, padding)
                return F.avg_pool2d(x, size, stride, padding, count_include_pad=False)
        at = {"size": config["kernel_size"], "stride": config["stride"], "dilation": config["dilation"]}
        if config["name"] == "DepthConvLayer":
            deep = self.conv(f"{key}.depth_conv", x, x.shape[1], groups=x.shape[1], **at)
            return self.conv(f"{key}.point_conv", deep, out, 1)
        x = self.conv(f"{key}.conv", x, out, groups=config["groups"], **at)
        if config["has_shuffle"]:
            n, c, h, w = x.shape
            x = x.view(n, config["groups"], -1, h, w).transpose(1, 2).reshape(n, c, h, w)
        return x

    def inverted_bottleneck(self, config: dict[str, Any], key: str, x: Tensor) -> Tensor:
        hidden = config["in_channels"] * config["expand_ratio"]
        if config["expand_ratio"] > 1:
            wide = self.conv(f"{key}.inverted_bottleneck.conv", x, hidden, 1)
            x = self.norm(f"{key}.inverted_bottleneck.bn", wide).clamp(0, 6)
        x = self.conv(f"{key}.depth_conv.conv", x, hidden, config["kernel_size"], config["stride"], groups=hidden)
        x = self.norm(f"{key}.depth_conv.bn", x).clamp(0, 6)
        x = self.conv(f"{key}.point_linear.conv", x, config["out_channels"], 1)
        return self.norm(f"{key}.point_linear.bn", x)

    def mobile_block(self, config: dict[str, Any], key: str, x: Tensor) -> Tensor:
        if config["mobile_inverted_conv"]["name"] == "ZeroLayer":
            return x
        result = self.layer(config["mobile_inverted_conv"], f"{key}.mobile_inverted_conv", x)
        return result if (config["shortcut"] or {"name": "ZeroLayer"})["name"] == "ZeroLayer" else x + result

    def block(self, config: dict[str, Any], key: str, x: Tensor) -> Tensor:
        if config["name"] == "TransitionBlock":
            for index, layer in enumerate(config["layers"]):
                x = self.layer(layer, f"{key}.layers.{index}", x)
            return x
        kept = self.layer(config["shortcut"], f"{key}.shortcut", x)
        x = self.layer(config["in_bottle"], f"{key}.in_bottle", x)
        x = self.node(config["cell"], f"{key}.cell", x)
        x = self.layer(config["out_bottle"], f"{key}.out_bottle", x)
        x = self.norm(f"{key}.final_bn", x)
        missing = torch.zeros(len(x), x.shape[1] - kept.shape[1], *x.shape[2:])
        return x + torch.cat([kept, missing], dim=1)

    def node(self, config: dict[str, Any], key: str, x: Tensor) -> Tensor:
        branches = len(config["edges"])
        inputs = x.chunk(branches, dim=1) if config["split_type"] == "split" else [x] * branches
        total = torch.tensor(0.0)
        for index, (edge, child, part) in enumerate(zip(config["edges"], config["child_nodes"], inputs, strict=True)):
            before = self.layer(edge, f"{key}.edges.{index}", part)
            after = before if child is None else self.node(child, f"{key}.child_nodes.{index}", before)
            if config["has_branch_bn"]:
                after = before + self.norm(f"{key}.branch_bns.{index}", after)
            total = total + after
        return total
