"""A small net that has learned real digits, for what only a trained net can show."""

from pathlib import Path
from typing import get_args

import torch
from attrs import frozen
from sklearn.datasets import load_digits
from torch import Tensor, nn

from pnas_export import Scheme, export_onnx, export_tflite
from pnas_ops import Architecture, BlockSpec, ClassifierSpec, ConvSpec, MBConvSpec, build_network

SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
INT8: tuple[Scheme, ...] = ("int8", "int8-float-io")
TRAINING, CALIBRATION = slice(0, 1200), slice(0, 256)


@frozen
class Digits:
    """A net trained on the first 1200 digits, its float files, and the other digits."""

    net: nn.Module
    tflite: Path
    onnx: Path
    calibration: Tensor
    images: Tensor
    labels: Tensor


def make_digits(folder: Path, *, cache: Path | None = None) -> Digits:
    """Trains the net and exports its float files into the folder; the cache keeps what was converted."""
    data = load_digits()
    images, labels = torch.tensor(data.images, dtype=torch.float32)[:, None] / 8 - 1, torch.tensor(data.target)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    images, labels = images[order], labels[order]
    blocks = (
        BlockSpec(op=ConvSpec(kernel_size=3), in_channels=1, out_channels=16),
        BlockSpec(op=MBConvSpec(kernel_size=3, expansion=3), in_channels=16, out_channels=24, stride=2),
        BlockSpec(op=MBConvSpec(kernel_size=5, expansion=3), in_channels=24, out_channels=24, residual=True),
        BlockSpec(op=ClassifierSpec(hidden_channels=64), in_channels=24, out_channels=10),
    )
    generator = torch.Generator().manual_seed(0)
    net = build_network(Architecture(name="digits", resolution=8, blocks=blocks), generator=generator)
    train(net, images[TRAINING], labels[TRAINING], generator)
    export_tflite(net, (1, 1, 8, 8), folder / "net.tflite", cache=cache)
    export_onnx(net, (1, 1, 8, 8), folder / "net.onnx", cache=cache)
    return Digits(net, folder / "net.tflite", folder / "net.onnx", images[CALIBRATION], images[1200:], labels[1200:])


def train(net: nn.Module, images: Tensor, labels: Tensor, generator: torch.Generator) -> None:
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, nesterov=True)
    for _ in range(6):
        for batch in torch.randperm(len(images), generator=generator).split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
            optimizer.step()
