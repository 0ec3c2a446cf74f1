"""Ordinary training, and every step of a search, along the same sampled paths."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks.gpu_parts.capturing import remembered_alphas, switch_of
from benchmarks.gpu_parts.loop import Loop
from pnas_ops import Space
from pnas_supernet import (
    GatePath,
    ProxylessNAS,
    Sampler,
    SearchConfig,
    SinglePath,
    SuperNet,
    TwoPathGate,
    arch_step,
    extract,
    sample_exact_gate,
    sample_paths,
    sample_single,
    sample_two_path_gate,
    weight_step,
)

LR = 1e-5
"""So low that random labels do no harm."""
SEARCH_STEPS: dict[str, Sampler] = {
    "weight": sample_single,
    "exact": sample_exact_gate,
    "two_path": sample_two_path_gate,
}
GRAPH_WARM_UP = 3


class Contender(Protocol):
    """Something that is timed."""

    def step(self, index: int) -> object:
        """One step along the path of this number, inside `working`."""

    def working(self) -> AbstractContextManager[object]:
        """Around many steps."""


class Race:
    """A supernet, sampled paths and a batch, on which all contenders work.

    Attributes:
        search: of the supernet.
        batch: images and labels.
        loop: what a search does beside its steps.
        choices: of each path.
        autocast: None for float32.
    """

    def __init__(
        self, space: Space, *, paths: int, batch_size: int, autocast: torch.dtype | None, device: torch.device
    ) -> None:
        generator = torch.Generator().manual_seed(0)
        self.supernet = SuperNet(space, generator=generator)
        self.supernet.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.search = ProxylessNAS(self.supernet, SearchConfig(weight_lr=LR), generator=generator)
        self.search.network.train()
        images = torch.randn(batch_size, 3, space.resolution, space.resolution, device=device)
        labels = torch.randint(space.classes, (batch_size,), device=device)
        self.batch = images.to(memory_format=torch.channels_last), labels
        self.autocast = autocast
        self.loop = Loop(self.supernet)
        self._switches: dict[str, AbstractContextManager[object]] = {}
        self.choices = [
            [path.members[0] for path in sample_paths(self.supernet, sample_single, generator)] for _ in range(paths)
        ]

    def switched(self, mode: str) -> AbstractContextManager[object]:
        """Inside the `with` block the supernet works that way; the same at each call, which keeps what it captured."""
        if mode not in self._switches:
            self._switches[mode] = switch_of(mode)(self.supernet)
        return self._switches[mode]


class Ordinary:
    """The net of each path on its own, trained as PyTorch's tutorial has it."""

    def __init__(self, race: Race) -> None:
        self._race = race
        space = race.supernet.space
        self._nets = [extract(race.supernet, space.architecture(choices)).train() for choices in race.choices]
        self._optimizers = [_sgd(net) for net in self._nets]

    def working(self) -> AbstractContextManager[object]:
        return nullcontext()

    def step(self, index: int) -> None:
        optimizer = self._optimizers[index]
        optimizer.zero_grad()
        self.loss(index).backward()
        optimizer.step()

    def loss(self, index: int) -> Tensor:
        """Of the batch."""
        images, labels = self._race.batch
        autocast = self._race.autocast
        with torch.autocast(images.device.type, dtype=autocast, enabled=autocast is not None):
            outputs = self._nets[index](images)
        return cross_entropy(outputs.float(), labels)


class OrdinaryGraph(Ordinary):
    """The same, each step a single captured CUDA graph."""

    def __init__(self, race: Race) -> None:
        super().__init__(race)
        self._graphs = [self._captured(index) for index in range(len(race.choices))]

    def step(self, index: int) -> None:
        self._graphs[index].replay()

    def _captured(self, index: int) -> torch.cuda.CUDAGraph:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(GRAPH_WARM_UP):
                Ordinary.step(self, index)
        torch.cuda.current_stream().wait_stream(aside)
        self._optimizers[index].zero_grad()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.loss(index).backward()
            self._optimizers[index].step()
        return graph


class Searching:
    """A step of the search; paths are drawn as a search does (and not used, for the sake of the comparison)."""

    def __init__(self, race: Race, name: str, mode: str = "eager") -> None:
        self._race = race
        self._switch = race.switched(mode)
        self._sampler = SEARCH_STEPS[name]
        self._generator = torch.Generator().manual_seed(1)
        self._step = weight_step if name == "weight" else arch_step
        self._optimizer = race.search.weight_optimizer if name == "weight" else race.search.alpha_optimizer
        self._execution = race.loop.execution(race.autocast)
        self._paths = [self._along(choices) for choices in race.choices]

    @contextmanager
    def working(self) -> Iterator[None]:
        with self._switch, remembered_alphas(self._race.supernet) as self._forget:
            yield

    def step(self, index: int) -> None:
        sample_paths(self._race.supernet, self._sampler, self._generator)
        images, labels = self._race.batch
        self._step(
            self._race.supernet,
            images,
            labels,
            paths=self._paths[index],
            loss=cross_entropy,
            optimizer=self._optimizer,
            execution=self._execution,
        )
        if self._step is arch_step and self._forget is not None:
            self._forget()
        if hasattr(self._execution, "readings"):
            self._execution.readings.end_step()

    def _along(self, choices: Sequence[int]) -> list[GatePath]:
        drawn = sample_paths(self._race.supernet, self._sampler, self._generator)
        return [_with_active(path, choice) for path, choice in zip(drawn, choices, strict=True)]


def _with_active(path: GatePath, choice: int) -> GatePath:
    match path:
        case TwoPathGate():
            return TwoPathGate(choice, path.active if path.other == choice else path.other)
        case SinglePath():
            return type(path)(choice)
    return path


def _sgd(net: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(net.parameters(), lr=LR, momentum=0.9, weight_decay=4e-5, nesterov=True, fused=True)
