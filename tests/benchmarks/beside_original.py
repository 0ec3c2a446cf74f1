"""The three steps of a search beside those of ProxylessNAS's own code: seconds, in turns.

    uv run python tests/benchmarks/beside_original.py --resolution 96 --batch 16 --threads 1

What the original's search/modules/mix_op.py and search/nas_manager.py do is done anew here, on the same candidates with
the same weights: gates are parameters; which candidates run stands in attributes; for every step, unused candidates are
taken out of the network and put back after it. An exact step (its "full_v2") runs each block on a detached input, a
two-path step ("two") runs both candidates of a pair in the forward pass, with gradients for the weights that nobody
takes. Where Zero is the active candidate, it leaves out the block, and its alphas do not learn.

First one step of each kind is done by both, in float64, and outputs and gradients are compared. Then both take each
step along the same sampled paths, in turns, on the default ImageNet space. A line of JSON for each step tells the
median seconds of both, and how many times faster ours is: the median of the quotients round by round, and their
quartiles. The original keeps PyTorch's order of an image in memory; with --channels-last it has ours.
"""

import copy
import json
import math
import time
from collections.abc import Sequence
from statistics import median, quantiles
from typing import Any, Literal, get_args

import click
import torch
from attrs import frozen
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

from pnas_ops import Block, Zero, imagenet_mbconv_space
from pnas_supernet import (
    ExactGate,
    GatePath,
    ProxylessNAS,
    Sampler,
    SearchConfig,
    SinglePath,
    SuperNet,
    TwoPathGate,
    alpha_parameters,
    arch_step,
    mixed_ops,
    sample_exact_gate,
    sample_paths,
    sample_single,
    sample_two_path_gate,
    weight_parameters,
    weight_step,
)

Kind = Literal["weight", "exact", "two-path"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SAMPLERS: dict[Kind, Sampler] = {
    "weight": sample_single,
    "exact": sample_exact_gate,
    "two-path": sample_two_path_gate,
}
MOST_DIFFERENCE = 1e-6


class DetachedBlock(torch.autograd.Function):
    """A candidate run inside of a forward pass, with a graph of its own, which backward goes through."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gates: Tensor, candidates: Sequence[nn.Module], active: int) -> Tensor:
        ctx.candidates, ctx.active = candidates, active
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            output = candidates[active](x)
        ctx.save_for_backward(x, output)
        return output.detach()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        x, output = ctx.saved_tensors
        (grad_x,) = torch.autograd.grad(output, x, grad_output)
        grad_gates = torch.zeros(len(ctx.candidates), dtype=x.dtype)
        with torch.no_grad():
            for index, candidate in enumerate(ctx.candidates):
                found = output if index == ctx.active else candidate(x)
                grad_gates[index] = torch.sum(found * grad_output)
        return grad_x, grad_gates, None, None


class OriginalEdge(nn.Module):
    """Candidates at one place, gates and alpha as the original has them."""

    def __init__(self, candidates: nn.ModuleList, alpha: nn.Parameter) -> None:
        super().__init__()
        self.candidates = candidates
        self.alpha = alpha
        self.gates = nn.Parameter(torch.zeros_like(alpha))
        self.kind: Kind = "weight"
        self.members: tuple[int, ...] = (0,)
        self._taken_out: dict[int, nn.Module] = {}
        self._alphas_before: list[float] = []

    @property
    def skips(self) -> bool:
        """Whether the active candidate is Zero."""
        return isinstance(self.candidates[self.members[0]], Zero)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to what the candidates give."""
        active, *others = self.members
        if self.kind == "exact":
            return DetachedBlock.apply(x, self.gates, self.candidates, active)
        output: Tensor = self.candidates[active](x)
        if self.kind == "two-path":
            output = self.gates[active] * output
            for other in others:
                output = output + self.gates[other] * self.candidates[other](x).detach()
        return output

    def draw(self, generator: torch.Generator) -> None:
        """Samples members, which here nobody takes, and forgets the gradients of all candidates."""
        probs = self.alpha.detach().softmax(dim=0)
        if self.kind == "two-path":
            pair = probs.multinomial(2, generator=generator)
            shares = torch.stack([self.alpha[index] for index in pair]).detach().softmax(dim=0)
            first = shares.multinomial(1, generator=generator)[0]
            _ = pair[first].item(), pair[1 - first].item()
        else:
            probs.multinomial(1, generator=generator).item()
        for candidate in self.candidates:
            for _, parameter in candidate.named_parameters():
                parameter.grad = None

    def go_along(self, members: Sequence[int]) -> None:
        """Opens the gate of the first of these members."""
        self.members = tuple(members)
        with torch.no_grad():
            self.gates.zero_()
            self.gates[members[0]] = 1.0

    def take_out(self) -> None:
        """Leaves only the candidates in the network that this kind of step needs."""
        needed = range(len(self.candidates)) if self.kind == "exact" else self.members
        self._taken_out = {index: one for index, one in enumerate(self.candidates) if index not in needed}
        for index in self._taken_out:
            self.candidates[index] = None  # type: ignore[assignment]

    def put_back(self) -> None:
        """Puts the others back."""
        for index, candidate in self._taken_out.items():
            self.candidates[index] = candidate

    def learn(self) -> None:
        """Gives alpha its gradient from that of the gates: equation 4, number by number."""
        if self.skips:
            self.alpha.grad = None
            return
        learning = range(len(self.candidates)) if self.kind == "exact" else self.members
        probs = torch.stack([self.alpha[index] for index in learning]).detach().softmax(dim=0)
        self.alpha.grad = torch.zeros_like(self.alpha)
        for i, of_alpha in enumerate(learning):
            for j, of_gate in enumerate(learning):
                self.alpha.grad[of_alpha] += self.gates.grad[of_gate] * probs[j] * (float(i == j) - probs[i])
        self._alphas_before = [self.alpha[member].item() for member in self.members]

    def settle(self) -> None:
        """Shifts a pair back to the probability that both had together."""
        if self.skips:
            return
        with torch.no_grad():
            after = [math.exp(self.alpha[member]) for member in self.members]
            drift = math.log(sum(after) / sum(map(math.exp, self._alphas_before)))
            for member in self.members:
                self.alpha[member] -= drift


class OriginalBlock(nn.Module):
    """A searched block, which Zero leaves out."""

    def __init__(self, edge: OriginalEdge, *, residual: bool) -> None:
        super().__init__()
        self.edge = edge
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to what the candidates give."""
        if self.edge.skips:
            return x
        return x + self.edge(x) if self.residual else self.edge(x)


class Original:
    """A search as the original does it, from the weights and alphas of a supernet.

    Args:
        supernet: is left alone.
        config: of both optimizers.
    """

    def __init__(self, supernet: SuperNet, config: SearchConfig, generator: torch.Generator) -> None:
        self.network = copy.deepcopy(supernet.network)
        assert isinstance(self.network, nn.Sequential)
        self.edges: list[OriginalEdge] = []
        for index, block in enumerate(self.network):
            if mixed_ops(block):
                assert isinstance(block, Block)
                edge = OriginalEdge(block.op.candidates, block.op.alpha)  # type: ignore[arg-type]
                self.edges.append(edge)
                self.network[index] = OriginalBlock(edge, residual=block.residual)
        self._generator = generator
        apart = {parameter for edge in self.edges for parameter in (edge.alpha, edge.gates)}
        self.weights = [parameter for parameter in self.network.parameters() if parameter not in apart]
        self.alphas = [edge.alpha for edge in self.edges]
        of_alpha: Optimizer = torch.optim.Adam(self.alphas, lr=config.alpha_lr, betas=config.alpha_betas)
        of_weights: Optimizer = torch.optim.SGD(
            self.weights,
            lr=config.weight_lr,
            momentum=config.weight_momentum,
            weight_decay=config.weight_decay,
            nesterov=True,
        )
        self._optimizers: dict[Kind, Optimizer] = {"weight": of_weights, "exact": of_alpha, "two-path": of_alpha}

    def step(self, kind: Kind, images: Tensor, labels: Tensor, paths: Sequence[GatePath]) -> Tensor:
        """One step, whose paths are drawn, and then replaced by these; what the network gives."""
        for edge, path in zip(self.edges, paths, strict=True):
            edge.kind = kind
            edge.draw(self._generator)
            edge.go_along(path.members)
        for edge in self.edges:
            edge.take_out()
        outputs: Tensor = self.network(images)
        loss = cross_entropy(outputs, labels)
        self.network.zero_grad()
        loss.backward()
        if kind != "weight":
            for edge in self.edges:
                edge.learn()
        self._optimizers[kind].step()
        if kind == "two-path":
            for edge in self.edges:
                edge.settle()
        for edge in self.edges:
            edge.put_back()
        return outputs.detach()


class Ours:
    """A search as pnas_supernet does it."""

    def __init__(self, supernet: SuperNet, config: SearchConfig, generator: torch.Generator) -> None:
        self.network = copy.deepcopy(supernet)
        self.weights = weight_parameters(self.network)
        self.alphas = alpha_parameters(self.network)
        self._search = ProxylessNAS(self.network, config, generator=generator)

    def step(self, kind: Kind, images: Tensor, labels: Tensor, paths: Sequence[GatePath]) -> Tensor:
        """One step, whose paths are drawn, and then replaced by these; what the network gives."""
        sample_paths(self.network, SAMPLERS[kind], self._search.generator)
        of_weights = kind == "weight"
        take = weight_step if of_weights else arch_step
        optimizer = self._search.weight_optimizer if of_weights else self._search.alpha_optimizer
        result = take(self.network, images, labels, paths=paths, loss=cross_entropy, optimizer=optimizer)
        return result.outputs


@frozen
class Check:
    """How far a step of ours is from the original's, at most; relative to the largest number where that is above 1."""

    kind: Kind
    outputs: float
    gradients: float

    @classmethod
    def of(cls, kind: Kind) -> "Check":
        """One step in float64 on a small space, with every candidate at some place; Zero is active nowhere."""
        space = imagenet_mbconv_space(0.25, blocks_per_stage=2, classes=10, resolution=32)
        supernet = SuperNet(space, generator=torch.Generator().manual_seed(0)).double()
        sides = [make(supernet, SearchConfig(), torch.Generator().manual_seed(1)) for make in (Original, Ours)]
        images = torch.randn(8, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
        paths = [
            _path(kind, number % 6, (number % 6 + 1) % count)  # the seventh, where there is one, is Zero
            for number, count in enumerate(space.options)
        ]
        outputs = [side.step(kind, images, torch.arange(8), paths) for side in sides]
        learning = [side.weights if kind == "weight" else side.alphas for side in sides]
        gradients = [[_numbers(parameter.grad) for parameter in one] for one in learning]
        return cls(kind, _difference(*outputs), max(map(_difference, *gradients)))


def _path(kind: Kind, active: int, other: int) -> GatePath:
    match kind:
        case "weight":
            return SinglePath(active)
        case "exact":
            return ExactGate(active)
    return TwoPathGate(active, other)


def _numbers(gradient: Tensor | None) -> Tensor:
    return torch.zeros(()) if gradient is None else gradient


def _difference(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max() / max(1.0, float(b.abs().max())))


@click.command()
@click.option("--resolution", type=click.IntRange(32, 1024), default=96, show_default=True)
@click.option("--batch", "batch_size", type=click.IntRange(2, 4096), default=16, show_default=True)
@click.option("--threads", type=click.IntRange(1, 1024), default=1, show_default=True)
@click.option(
    "--rounds",
    type=click.IntRange(2, 1_000_000),
    default=40,
    show_default=True,
    help="Sampled paths that every step is timed on.",
)
@click.option(
    "--warm-up",
    type=click.IntRange(0, 1_000_000),
    default=8,
    show_default=True,
    help="Rounds before those that count.",
)
@click.option("--channels-last", is_flag=True, help="The original's images, too, have their channels last in memory.")
def main(resolution: int, batch_size: int, threads: int, rounds: int, warm_up: int, channels_last: bool) -> None:
    """Compares every step, then times it, and prints a line of JSON for each."""
    torch.set_num_threads(threads)
    for kind in KINDS:
        check = Check.of(kind)
        print(json.dumps({"step": kind, "outputs_differ": check.outputs, "gradients_differ": check.gradients}))
        if not max(check.outputs, check.gradients) < MOST_DIFFERENCE:
            raise SystemExit(f"the {kind} step is not the original's: what follows would compare nothing")
    generator = torch.Generator().manual_seed(0)
    space = imagenet_mbconv_space(resolution=resolution)
    supernet, config = SuperNet(space, generator=generator), SearchConfig()
    original, ours = Original(supernet, config, generator), Ours(supernet, config, generator)
    ours.network.to(memory_format=torch.channels_last)
    if channels_last:
        original.network.to(memory_format=torch.channels_last)
    images = torch.randn(batch_size, 3, resolution, resolution, generator=generator)
    labels = torch.randint(space.classes, (batch_size,), generator=generator)
    images_last = images.to(memory_format=torch.channels_last)
    sides = ((original, images_last if channels_last else images), (ours, images_last))
    taken: dict[Kind, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
    for number in range(warm_up + rounds):
        for kind in KINDS:
            paths = sample_paths(supernet, SAMPLERS[kind], generator)
            times = [0.0, 0.0]
            for index in (0, 1) if number % 2 else (1, 0):
                side, batch = sides[index]
                start = time.perf_counter()
                side.step(kind, batch, labels, paths)
                times[index] = time.perf_counter() - start
            if number >= warm_up:
                taken[kind].append((times[0], times[1]))
    for kind, pairs in taken.items():
        of_original, of_ours = zip(*pairs, strict=True)
        lower, faster, upper = quantiles([a / b for a, b in pairs])
        print(
            json.dumps(
                {
                    "step": kind,
                    "original_s": round(median(of_original), 4),
                    "ours_s": round(median(of_ours), 4),
                    "times_faster": round(faster, 2),
                    "quartiles": [round(lower, 2), round(upper, 2)],
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    main()
