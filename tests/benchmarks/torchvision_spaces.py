"""What `pnas-own` makes of torchvision's nets: where they may change, and whether their files are right.

    python tests/benchmarks/torchvision_spaces.py [NET ...] [--files]

Prints a line of JSON a net: its places and candidates by the rule for those who give none, how far the original's
choice is from the net itself, how far a random net's files are from that net, each as a share of the largest output;
or the line that refuses it. Weights are random, with statistics of BatchNorm as after a training, without which
activations vanish. Some seconds a net, and as many minutes with `--files`.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor, nn
from torchvision.models import get_model

from pnas_export import export_onnx, export_tflite, verify_files
from pnas_ops import PnasError
from pnas_own.rules import default_rule
from pnas_supernet import search_space_of

SIZE = 64
SIZES = {"inception_v3": 96, "maxvit_t": 224}
_INCEPTION = {"aux_logits": False, "init_weights": False}
OPTIONS: dict[str, dict[str, Any]] = {
    "googlenet": _INCEPTION,
    "inception_v3": _INCEPTION,
    "vit_b_16": {"image_size": SIZE},
}
NETS = (
    "alexnet",
    "convnext_tiny",
    "densenet121",
    "efficientnet_b0",
    "efficientnet_v2_s",
    "googlenet",
    "inception_v3",
    "maxvit_t",
    "mnasnet0_5",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "regnet_y_400mf",
    "resnet18",
    "resnext50_32x4d",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "swin_t",
    "swin_v2_t",
    "vgg11_bn",
    "vit_b_16",
    "wide_resnet50_2",
)


def trained_alike(name: str, size: int) -> nn.Module:
    """The net, whose BatchNorm has seen something and whose every branch counts, in evaluation mode."""
    torch.manual_seed(0)
    net: nn.Module = get_model(name, weights=None, num_classes=10, **OPTIONS.get(name, {}))
    with torch.no_grad():
        for part in net.modules():
            if isinstance(part, nn.Linear) and not part.weight.any():
                nn.init.xavier_uniform_(part.weight)  # of a transformer's head, which would give zeros alone
        for parameter in net.parameters():
            if len(parameter.unique()) == 1 and 0 < parameter.abs().max() < 1e-3:
                parameter.fill_(1)  # the scale of a block that a training lets in: none of it would be seen
        for _ in range(3):
            net(torch.randn(4, 3, size, size))
    return net.eval()


def largest_share(given: Tensor, wanted: Tensor) -> float:
    """The largest difference, as a share of the largest output."""
    return float((given - wanted).abs().max() / wanted.abs().max())


def differences_of_files(net: nn.Module, images: Tensor, folder: Path) -> dict[str, float]:
    """How far the net's files are from it, on every runtime."""
    shape = (1, *images.shape[1:])
    export_tflite(net, shape, folder / "model.tflite")
    export_onnx(net, shape, folder / "model.onnx")
    proofs = verify_files(net, [folder / "model.tflite", folder / "model.onnx"], images)
    return {proof.runtime: proof.max_relative_difference for proof in proofs}


def looked_at(name: str, *, files: bool) -> dict[str, object]:
    """The line of a net."""
    size = SIZES.get(name, SIZE)
    net, images = trained_alike(name, size), torch.randn(4, 3, size, size)
    try:
        supernet = search_space_of(net, torch.zeros(1, 3, size, size), default_rule(), name=name)
    except PnasError as error:
        return {"net": name, "size": size, "refused": str(error)}
    space, generator = supernet.space, torch.Generator().manual_seed(0)
    with torch.no_grad():
        off = largest_share(supernet.build(space.original)(images), net(images))
    line: dict[str, object] = {
        "net": name,
        "size": size,
        "places": len(space.places),
        "candidates": sum(map(len, space.mixed)),
        "original_off": off,
    }
    if files:
        picks = [int(torch.randint(len(row), (), generator=generator)) for row in space.mixed]
        with tempfile.TemporaryDirectory() as folder:
            line["files_off"] = differences_of_files(supernet.build(space.architecture(picks)), images, Path(folder))
    return line


@click.command()
@click.argument("names", nargs=-1, metavar="[NET ...]")
@click.option("--files", is_flag=True, help="Convert a random net of each, and compare its files with it.")
def main(names: tuple[str, ...], files: bool) -> None:
    """Looks at each of the nets, or at all of them."""
    for name in names or NETS:
        click.echo(json.dumps(looked_at(name, files=files)))


if __name__ == "__main__":
    main()
