"""What compiling a network with gates gains: its parts between the places, its candidates, or both, side by side.

    uv run python tests/benchmarks/compile_gates.py --resolution 64 --batch 16 --threads 1

prints a line of JSON for each way: the medians over rounds of a weight step and of an exact architecture step, and
their quotients with the eager ones of the same round, on a torchvision ResNet-18 that searches second convolutions.
"""

import copy
import json
import time
from collections.abc import Callable
from statistics import median

import click
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torchvision.models import resnet18
from torchvision.models.resnet import BasicBlock

from pnas_supernet import (
    MixedOp,
    alpha_parameters,
    arch_step,
    mixed_ops,
    sample_exact_gate,
    sample_paths,
    sample_single,
    weight_parameters,
    weight_step,
)


def make_network() -> nn.Module:
    """ResNet-18 with three kernel sizes for the second convolution of each block."""
    network: nn.Module = resnet18(num_classes=10)
    for block in [module for module in network.modules() if isinstance(module, BasicBlock)]:
        width = block.conv2.out_channels
        block.conv2 = MixedOp(nn.Conv2d(width, width, size, padding=size // 2, bias=False) for size in (1, 3, 5))
    return network


def compile_network(network: nn.Module) -> None:
    """What lies between the places."""
    network.compile()


def compile_candidates(network: nn.Module) -> None:
    """Each candidate on its own."""
    for op in mixed_ops(network):
        for candidate in op.candidates:
            candidate.compile()


WAYS: dict[str, tuple[Callable[[nn.Module], None], ...]] = {
    "eager": (),
    "network": (compile_network,),
    "candidates": (compile_candidates,),
    "both": (compile_candidates, compile_network),
}


def seconds(network: nn.Module, batch: tuple[Tensor, Tensor], generator: torch.Generator) -> tuple[float, float]:
    """Of a weight step and of an architecture step."""
    weights = torch.optim.SGD(weight_parameters(network), lr=0.0)
    alphas = torch.optim.SGD(alpha_parameters(network), lr=0.0)
    found = []
    for step, sampler, optimizer in ((weight_step, sample_single, weights), (arch_step, sample_exact_gate, alphas)):
        paths = sample_paths(network, sampler, generator)
        start = time.perf_counter()
        step(network, *batch, paths=paths, loss=cross_entropy, optimizer=optimizer)
        found.append(time.perf_counter() - start)
    return found[0], found[1]


@click.command()
@click.option("--resolution", default=64, show_default=True)
@click.option("--batch", "batch_size", default=16, show_default=True)
@click.option("--threads", default=1, show_default=True)
@click.option("--rounds", default=30, show_default=True)
@click.option("--warm-up", default=25, show_default=True, help="Rounds before, in which everything is compiled.")
def main(resolution: int, batch_size: int, threads: int, rounds: int, warm_up: int) -> None:
    """Times every way in turn, on the same paths."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    batch = torch.randn(batch_size, 3, resolution, resolution), torch.randint(10, (batch_size,))
    eager = make_network()
    networks = {}
    for way, actions in WAYS.items():
        networks[way] = copy.deepcopy(eager)
        for action in actions:
            action(networks[way])
    times: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for index in range(warm_up + rounds):
        for way, network in networks.items():
            measured = seconds(network, batch, torch.Generator().manual_seed(index))
            if index >= warm_up:
                times[way].append(measured)
    for way, measured_of_way in times.items():
        line: dict[str, object] = {"compiled": way}
        for position, step in enumerate(("weight", "arch")):
            line[f"{step}_s"] = round(median(pair[position] for pair in measured_of_way), 4)
            quotients = [a[position] / b[position] for a, b in zip(measured_of_way, times["eager"], strict=True)]
            line[f"{step}_ratio"] = round(median(quotients), 3)
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
