"""Reads the original's `net.config` as an `Architecture`."""

from pathlib import Path

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.specs import ClassifierSpec, ZeroSpec
from pnas_ops.files.atomic import FilePath
from pnas_ops.files.serialization import FormatError, from_dict, parse_json
from pnas_ops.original.layers import (
    Config,
    ConvLayer,
    LinearLayer,
    MobileInvertedResidualBlock,
    ProxylessNASNets,
    ZeroLayer,
    original_converter,
)
from pnas_ops.original.operations import POST_ACTIVATION, at, demand, demand_identity, of_kind, read_block
from pnas_ops.original.trees import read_tree_net

IMAGENET_RESOLUTION = 224


def read_original_config(path: FilePath, *, resolution: int | None = None) -> Architecture:
    """The net that a `net.config` of the original describes, for ImageNet or CIFAR-10, named after the file.

    Dropout rates are left out: they apply to training and change nothing in evaluation.

    Args:
        path: the original's JSON.
        resolution: of the images, in pixels. The config of a net for ImageNet does not give it: None means 224. That of
            a net for CIFAR-10 does, and no other is allowed.

    Raises:
        FormatError: in one line, naming the file, the place in it, and the layer kind or field that is unknown or that
            an `Architecture` cannot express.
    """
    path = Path(path)
    with at(str(path)):
        try:
            document = parse_json(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError as error:
            raise FormatError(f"not JSON: {error}") from None
        net = from_dict({"net": document}, Config, converter=original_converter()).net
        if isinstance(net, ProxylessNASNets):
            return _read_mobile_net(net, path.stem, IMAGENET_RESOLUTION if resolution is None else resolution)
        architecture = read_tree_net(net, path.stem)
        if resolution not in (None, architecture.resolution):
            raise ValueError(f"its last pooling fits images of {architecture.resolution} pixels, not of {resolution}")
        return architecture


def _read_mobile_net(net: ProxylessNASNets, name: str, resolution: int) -> Architecture:
    with at("bn"):
        # What `conv_norm` has.
        demand(net.bn, momentum=0.1, eps=1e-3)
    with at("first_conv"):
        blocks = [read_block(of_kind(net.first_conv, ConvLayer))]
    for index, block in enumerate(net.blocks):
        with at(f"blocks[{index}]"):
            blocks.append(_read_mobile_block(block, blocks[-1].out_channels))
    return Architecture(name=name, resolution=resolution, blocks=(*blocks, _read_head(net)))


def _read_mobile_block(block: MobileInvertedResidualBlock, in_channels: int) -> BlockSpec:
    layer, shortcut = block.mobile_inverted_conv, block.shortcut
    if isinstance(layer, ZeroLayer):
        # Whatever its shortcut, the original returns the input.
        demand(layer, stride=1)
        return BlockSpec(op=ZeroSpec(), in_channels=in_channels, out_channels=in_channels, residual=True)
    if isinstance(shortcut, ZeroLayer):
        shortcut = None
    with at("shortcut"):
        demand_identity(shortcut)
    with at("mobile_inverted_conv"):
        return read_block(layer, residual=shortcut is not None)


def _read_head(net: ProxylessNASNets) -> BlockSpec:
    with at("classifier"):
        linear = of_kind(net.classifier, LinearLayer)
        demand(linear, bias=True, use_bn=False, act_func=None)
    hidden, in_channels = None, linear.in_features
    if net.feature_mix_layer is not None:
        with at("feature_mix_layer"):
            mix = of_kind(net.feature_mix_layer, ConvLayer)
            demand(mix, kernel_size=1, stride=1, groups=1, act_func="relu6", **POST_ACTIVATION)
            demand(mix, out_channels=linear.in_features)
            hidden, in_channels = mix.out_channels, mix.in_channels
    op = ClassifierSpec(hidden_channels=hidden)
    return BlockSpec(op=op, in_channels=in_channels, out_channels=linear.out_features)
