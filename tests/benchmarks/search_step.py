"""What each step of a search costs, side by side: seconds, and bytes that autograd keeps for backward.

    uv run python tests/benchmarks/search_step.py --resolution 96 --batch 16 --threads 1

prints a line of JSON for each step on the default ImageNet space. All steps of a round go along the same sampled
paths, and take turns to be the first; `ordinary` trains the net of those paths on its own. `ratio` and `saved_ratio`
are medians of the quotients with the step named in `compared_with`, round by round. `overhead` is the share of a step
that is neither forward nor backward pass: drawing paths, freezing, bookkeeping, the optimizer. `arch_darts` comes in
rounds of its own, since the memory that it takes and returns slows down whatever is timed after it.
"""

import json
import time
from collections.abc import Sequence
from statistics import median

import click
import torch
from attrs import define, field, frozen
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

from pnas_ops import imagenet_mbconv_space
from pnas_supernet import (
    Execution,
    GatePath,
    ProxylessNAS,
    Sampler,
    SearchConfig,
    SinglePath,
    SuperNet,
    TwoPathGate,
    active_paths,
    alpha_parameters,
    arch_step,
    buffers_untouched,
    extract,
    frozen_parameters,
    sample_exact_gate,
    sample_paths,
    sample_single,
    sample_two_path_gate,
    saved_bytes,
    take_mixture,
    weight_parameters,
    weight_step,
)

SAMPLERS: dict[str, Sampler] = {
    "weight": sample_single,
    "arch_exact": sample_exact_gate,
    "arch_two_path": sample_two_path_gate,
    "arch_darts": take_mixture,
}
BYTES_ROUNDS = 5


@frozen
class Batch:
    """Random images and labels."""

    images: Tensor
    labels: Tensor


@define
class Measured:
    """What was measured of one step, round by round."""

    seconds: list[float] = field(factory=list)
    overhead: list[float] = field(factory=list)
    saved: list[int] = field(factory=list)

    def record(self, name: str, base_name: str, base: "Measured") -> dict[str, object]:
        """The line that is printed."""
        return {
            "step": name,
            "median_s": round(median(self.seconds), 4),
            "saved_bytes": round(median(self.saved)),
            "compared_with": base_name,
            "ratio": round(median(a / b for a, b in zip(self.seconds, base.seconds, strict=True)), 3),
            "saved_ratio": round(median(a / b for a, b in zip(self.saved, base.saved, strict=True)), 3),
            "overhead": round(median(self.overhead), 4),
        }


class Stopwatch:
    """Marks the beginning and the end of a step, and of the forward and backward pass within it."""

    def __init__(self) -> None:
        self.marks: list[float] = []

    def mark(self, *_: object) -> None:
        """Notes the time, on a GPU after all that was begun."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.marks.append(time.perf_counter())

    @property
    def seconds(self) -> float:
        """Of the whole step."""
        return self.marks[-1] - self.marks[0]

    @property
    def overhead(self) -> float:
        """The share of the step that is neither forward nor backward pass."""
        _, forward, update, _ = self.marks
        return 1 - (update - forward) / self.seconds


@frozen(kw_only=True, eq=False)
class TimedExecution(Execution):
    """Tells a stopwatch when the gradients are there."""

    watch: Stopwatch

    def step(self, optimizer: Optimizer) -> None:
        self.watch.mark()
        super().step(optimizer)


class Ordinary:
    """The net of the sampled paths on its own, trained as PyTorch's tutorial has it."""

    def __init__(self, supernet: SuperNet, active: Sequence[int]) -> None:
        self.network = extract(supernet, supernet.space.architecture(active)).train()
        self.optimizer: Optimizer = torch.optim.SGD(
            self.network.parameters(), lr=0.025, momentum=0.9, weight_decay=4e-5, nesterov=True, fused=True
        )

    def step(self, batch: Batch, watch: Stopwatch) -> None:
        """One training step."""
        self.optimizer.zero_grad()
        watch.mark()
        cross_entropy(self.network(batch.images), batch.labels).backward()
        watch.mark()
        self.optimizer.step()

    def saved(self, batch: Batch) -> int:
        """Bytes kept for the backward pass."""
        return kept(self.network, batch)


class Searching:
    """A step of the search along paths that run the candidates `active`; what else they name is drawn."""

    def __init__(self, name: str, search: ProxylessNAS, active: Sequence[int], generator: torch.Generator) -> None:
        self.name, self.network = name, search.network
        self.optimizer = search.weight_optimizer if name == "weight" else search.alpha_optimizer
        self._generator = generator
        drawn = sample_paths(self.network, SAMPLERS[name], generator)
        self._paths = [_along(path, choice) for path, choice in zip(drawn, active, strict=True)]

    def step(self, batch: Batch, watch: Stopwatch) -> None:
        """One step, paths drawn as a search does (and not used, for the sake of the comparison)."""
        sample_paths(self.network, SAMPLERS[self.name], self._generator)
        step = weight_step if self.name == "weight" else arch_step
        before_forward = self.network.register_forward_pre_hook(watch.mark)
        step(
            self.network,
            batch.images,
            batch.labels,
            paths=self._paths,
            loss=cross_entropy,
            optimizer=self.optimizer,
            execution=TimedExecution(watch=watch),
        )
        before_forward.remove()

    def saved(self, batch: Batch) -> int:
        """Bytes kept for the backward pass."""
        frozen = alpha_parameters(self.network) if self.name == "weight" else weight_parameters(self.network)
        with active_paths(self.network, self._paths), frozen_parameters(frozen):
            return kept(self.network, batch)


def kept(network: nn.Module, batch: Batch) -> int:
    """Bytes that autograd keeps of a forward pass, parameters, buffers and images apart."""
    exist = [*network.parameters(), *network.buffers(), batch.images]
    with buffers_untouched(network.modules()):
        return saved_bytes(lambda: network(batch.images), besides=exist)


def _along(path: GatePath, choice: int) -> GatePath:
    match path:
        case TwoPathGate():
            return TwoPathGate(choice, path.active if path.other == choice else path.other)
        case SinglePath():
            return type(path)(choice)
    return path


def compare(
    names: Sequence[str], search: ProxylessNAS, batch: Batch, *, rounds: int, warm_up: int, generator: torch.Generator
) -> dict[str, Measured]:
    """Measures steps side by side; `rounds` count, after `warm_up` that do not."""
    supernet = search.network
    assert isinstance(supernet, SuperNet)
    measured = {name: Measured() for name in names}
    for index in range(warm_up + rounds):
        active = [path.members[0] for path in sample_paths(supernet, sample_single, generator)]
        ordinary = Ordinary(supernet, active)
        ordinary.step(batch, Stopwatch())  # makes the optimizer's state, which the search's has already
        turn = index % len(names)
        for name in (*names[turn:], *names[:turn]):
            subject = ordinary if name == "ordinary" else Searching(name, search, active, generator)
            watch = Stopwatch()
            watch.mark()
            subject.step(batch, watch)
            watch.mark()
            if index >= warm_up:
                measured[name].seconds.append(watch.seconds)
                measured[name].overhead.append(watch.overhead)
            if 0 <= index - warm_up < BYTES_ROUNDS:
                measured[name].saved.append(subject.saved(batch))
    return measured


@click.command()
@click.option("--resolution", default=96, show_default=True)
@click.option("--batch", "batch_size", default=16, show_default=True)
@click.option("--threads", default=1, show_default=True)
@click.option("--rounds", default=40, show_default=True, help="Sampled paths that every step is timed on.")
@click.option("--warm-up", default=16, show_default=True, help="Rounds before those that count.")
@click.option("--device", default="cpu", show_default=True)
def main(resolution: int, batch_size: int, threads: int, rounds: int, warm_up: int, device: str) -> None:
    """Times every step and prints a line of JSON for each."""
    torch.set_num_threads(threads)
    space = imagenet_mbconv_space(resolution=resolution)
    generator = torch.Generator().manual_seed(0)
    supernet = SuperNet(space, generator=generator).to(device).to(memory_format=torch.channels_last)
    images = torch.randn(batch_size, 3, resolution, resolution, generator=generator)
    labels = torch.randint(space.classes, (batch_size,), generator=generator)
    batch = Batch(images.to(device, memory_format=torch.channels_last), labels.to(device))
    search = ProxylessNAS(supernet, SearchConfig(), generator=generator)
    for names, share in ((("ordinary", "weight", "arch_exact", "arch_two_path"), 1), (("weight", "arch_darts"), 4)):
        measured = compare(names, search, batch, rounds=rounds // share, warm_up=warm_up // share, generator=generator)
        for name in names if share == 1 else names[1:]:
            base = "ordinary" if name in ("ordinary", "weight") else "weight"
            print(json.dumps(measured[name].record(name, base, measured[base])), flush=True)


if __name__ == "__main__":
    main()
