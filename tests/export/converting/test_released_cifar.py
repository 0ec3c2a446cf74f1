"""The released CIFAR-10 net becomes files that compute the same."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pnas_export import export_onnx, export_tflite, installed_runtimes
from pnas_ops import TreeBlock, build_network, released


@pytest.mark.slow
def test_the_cifar_net_agrees_on_every_runtime(tmp_path: Path) -> None:
    architecture = released("proxyless_cifar")
    generator = torch.Generator().manual_seed(0)
    net = build_network(architecture, generator=generator).train()
    images = torch.randn(8, *architecture.input_shape[1:], generator=generator)
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            # The statistics of a batch, as after a training: 54 blocks would overflow without.
            part.momentum = 1.0
        elif isinstance(part, TreeBlock):
            # Blocks that change little, as after a training: random ones enlarge every rounding error.
            last = list(part.body.children())[-1]
            assert isinstance(last.weight, Tensor)
            nn.init.constant_(last.weight, 0.1)
    with torch.no_grad():
        net(images)
        net.eval()
        # A random net of 54 blocks enlarges rounding, PyTorch's own too: files are judged by what it should compute.
        exact = copy.deepcopy(net).double()(images.double())
    files = [tmp_path / "net.onnx", tmp_path / "net.tflite"]
    export_onnx(net, architecture.input_shape, files[0])
    export_tflite(net, architecture.input_shape, files[1])
    for runtime in installed_runtimes():
        (file,) = filter(runtime.supports, files)
        found = (runtime.load(file)(images) - exact).abs().max() / exact.abs().max()
        print(f"{file.name} on {runtime.name}: {float(found):.1e}")
        assert found < 1e-4, runtime.name
