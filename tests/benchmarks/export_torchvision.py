"""Which of torchvision's nets export and verify, as people have them: wrapped, compiled, in channel-last order.

    python tests/benchmarks/export_torchvision.py [NET ...]

Prints a line a net and format: the largest difference on each runtime, or the line that refuses it. Weights are random,
with statistics of BatchNorm as after a training, without which activations vanish. Some minutes.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
import torchvision
from torch import nn

from pnas_export import export_onnx, export_tflite, verify_files
from pnas_ops import PnasError

SIZES = {"inception_v3": 96, "vgg11": 32}
NETS = (
    "squeezenet1_1",
    "mobilenet_v2",
    "shufflenet_v2_x0_5",
    "resnet18",
    "mobilenet_v3_small",
    "mnasnet0_5",
    "googlenet",
    "efficientnet_b0",
    "regnet_y_400mf",
    "inception_v3",
    "vgg11",
    "densenet121",
)
WRAPPERS: tuple[Callable[[nn.Module], nn.Module], ...] = (
    nn.DataParallel,
    torch.compile,  # type: ignore[assignment]
    lambda net: net.to(memory_format=torch.channels_last),
)


def main(names: list[str]) -> None:
    for index, name in enumerate(names):
        torch.manual_seed(0)
        options = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
        net = torchvision.models.get_model(name, weights=None, num_classes=10, **options).train()
        size = SIZES.get(name, 64)
        for _ in range(5):
            net(torch.randn(8, 3, size, size))
        wrapped = WRAPPERS[index % len(WRAPPERS)](net)
        for export, suffix in ((export_tflite, ".tflite"), (export_onnx, ".onnx")):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, name + suffix)
                try:
                    export(wrapped, (1, 3, size, size), path)
                    images = torch.randn(4, 3, size, size)
                    proofs = verify_files(wrapped, [path], images)
                    told = ", ".join(f"{proof.runtime} {proof.max_relative_difference:.1e}" for proof in proofs)
                except PnasError as error:
                    told = f"{type(error).__name__}: {error}"
            print(f"{name} as {type(wrapped).__name__}, {size} pixels, {suffix[1:]}: {told}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(NETS))
