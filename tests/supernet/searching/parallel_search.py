"""Small searches as a user's program would run them, alone or under torchrun; each process writes what it ends with."""

import argparse
import copy
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from attrs import evolve, frozen
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from oracles import SyncBatchNorm2d, synchronized
from pnas_ops import ClassifierSpec, Stage, digits_mbconv_space, mbconv_candidates, to_json
from pnas_supernet import (
    DesynchronizedError,
    DivergenceError,
    GateStep,
    ProxylessNAS,
    ProxylessSweep,
    SearchConfig,
    SuperNet,
    active_paths,
    alpha_parameters,
    derive,
    frozen_parameters,
    mixed_ops,
    sample_exact_gate,
    sample_paths,
    sample_two_path_gate,
    weight_parameters,
)

STEPS = 6


@frozen
class Batches:
    """A process's part of random batches of `size`."""

    processes: "Processes"
    seed: int
    count: int
    corrupt: bool = False
    size: int = 12

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(self.seed)
        part = slice(self.processes.rank, None, self.processes.world)
        for _ in range(self.count):
            images = torch.randn(self.size, 1, 8, 8, dtype=torch.float64, generator=generator)
            labels = torch.randint(10, (self.size,), generator=generator)
            if self.corrupt:
                images[:, :, 0, 0] = float("nan")
            yield images[part].to(self.processes.device), labels[part].to(self.processes.device)


@frozen(kw_only=True)
class Processes:
    """Where this process stands among those that search as one; alone if there is no group."""

    device: torch.device
    group: dist.ProcessGroup | None = None
    rank: int = 0
    world: int = 1

    @classmethod
    def join(cls, backend: str) -> "Processes":
        """Meets the other processes that torchrun has started."""
        device = torch.device("cpu" if backend == "gloo" else f"cuda:{os.environ['LOCAL_RANK']}")
        if device.type == "cuda":
            torch.cuda.set_device(device)
            torch.use_deterministic_algorithms(True)
        dist.init_process_group(backend, timeout=timedelta(seconds=60))
        return cls(device=device, group=dist.group.WORLD, rank=dist.get_rank(), world=dist.get_world_size())


def make_network(device: torch.device) -> SuperNet:
    """Three searched blocks of four MBConvs, the last two of them with Zero too, in float64."""
    digits = digits_mbconv_space(0.5)
    space = evolve(
        digits,
        resolution=8,
        stages=(Stage(width=8, depth=3, stride=2),),
        candidates=mbconv_candidates((3, 5), (1, 2)),
        head=evolve(digits.head, in_channels=8, op=ClassifierSpec(hidden_channels=16)),
    )
    return SuperNet(space, generator=torch.Generator().manual_seed(0)).double().to(device)


def make_search(processes: Processes, *, gate: str = "exact", synchronize: bool = False) -> ProxylessNAS:
    network = make_network(processes.device)
    config = SearchConfig(
        warmup_epochs=1,
        epochs=2,
        warmup_paths="fair",
        arch_interval=2,
        gate=gate,  # type: ignore[arg-type]
        alpha_lr=0.05,
    )
    costs = torch.arange(5, dtype=torch.float64, device=processes.device)
    return ProxylessNAS(
        synchronized(network) if synchronize else network,
        config,
        arch_step=GateStep(
            config.gate_sampler,
            lambda loss, probs: loss + 0.1 * torch.stack([p @ costs[: len(p)] for p in probs]).sum(),
        ),
        generator=torch.Generator().manual_seed(1),
        group=processes.group,
    )


def run_search(
    processes: Processes,
    *,
    gate: str,
    synchronize: bool = False,
    checkpoint: Path,
    kill: list[int] | None = None,
) -> dict[str, Any]:
    """Searches to the end, from `checkpoint` if it is there, and returns all that there is to compare.

    Args:
        processes: this one and the others.
        gate: of the search's configuration.
        synchronize: BatchNorm.
        checkpoint: written after every seventh step.
        kill: a rank, and the step after which it gets SIGKILL, unless torchrun has started it again; the others do not
            let torchrun end them before they have found out by themselves, which may take a while on a busy machine.
    """
    if os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") != "0":
        kill = None
    if kill is not None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    search = make_search(processes, gate=gate, synchronize=synchronize)
    search.resume(checkpoint)
    sampled: list[list[tuple[int, ...]]] = []
    search.network.register_forward_pre_hook(
        lambda network, inputs: sampled.append([tuple(op._active_path.members) for op in mixed_ops(network)])
    )

    def on_step() -> None:
        step = len(search.history) * STEPS + search.step
        if step % 7 == 0:
            search.save(checkpoint)
        if kill == [processes.rank, step]:
            os.kill(os.getpid(), signal.SIGKILL)

    while search.epochs_left:
        epoch = len(search.history)
        search.run_epoch(Batches(processes, epoch, STEPS), Batches(processes, 100 + epoch, 2), on_step=on_step)
    assert isinstance(search.network, SuperNet)
    return search.state_dict() | {"paths": sampled, "architecture": to_json(derive(search.network))}


def provoke_errors(processes: Processes) -> dict[str, str]:
    """What each process is told where process 1 is given something else than process 0."""
    odd = processes.rank == 1

    def message(kind: type[Exception], search: ProxylessNAS, *, count: int = 2, **of_batches: Any) -> str:
        try:
            search.run_epoch(Batches(processes, 0, count, **of_batches), Batches(processes, 1, 1))
        except kind as error:
            return str(error)
        return f"no {kind.__name__}"

    other_alpha, other_weight, other_paths = (make_search(processes) for _ in range(3))
    if odd:
        alpha = alpha_parameters(other_alpha.network)[2].detach()
        alpha[1] = alpha[1].nextafter(torch.ones_like(alpha[1]))
        weight_parameters(other_weight.network)[0].detach()[0] += 1
        other_paths.generator.manual_seed(2)
    return {
        "diverged": message(DivergenceError, make_search(processes), corrupt=odd),
        "alpha": message(DesynchronizedError, other_alpha),
        "weight": message(DesynchronizedError, other_weight),
        "generator": message(DesynchronizedError, other_paths),
        "batches": message(DesynchronizedError, make_search(processes), count=2 + odd),
        "sizes": message(ValueError, make_search(processes), size=12 - 2 * odd),
    }


def run_sweep(processes: Processes) -> dict[str, Any]:
    """All that a short sweep of two aims ends with."""
    search = make_search(processes)
    steps = [GateStep(sample_exact_gate), GateStep(sample_exact_gate, lambda loss, probs: loss + probs[0][0])]
    sweep = ProxylessSweep(
        search.network,
        evolve(search.config, warmup_epochs=0, epochs=1),
        arch_steps=steps,
        generator=search.generator,
        group=processes.group,
    )
    sweep.run_epoch(Batches(processes, 0, STEPS), Batches(processes, 100, 2))
    return sweep.state_dict()


def run_own_loop(processes: Processes) -> list[dict[str, dict[str, Tensor]]]:
    """Steps of a user's loop: the gradients with `DistributedDataParallel`, and of this process alone."""
    network = make_network(processes.device)
    parallel = DistributedDataParallel(network, find_unused_parameters=True)
    optimizers = [torch.optim.SGD(group, lr=0.1) for group in (alpha_parameters(network), weight_parameters(network))]
    generator = torch.Generator().manual_seed(2)
    steps = []
    for index, (images, labels) in enumerate(Batches(processes, 3, 6)):
        network.zero_grad()
        alone = copy.deepcopy(network)
        paths = sample_paths(network, (sample_exact_gate, sample_two_path_gate)[index % 2], generator)
        for model in (alone, parallel):
            frozen_weights = frozen_parameters(weight_parameters(model)) if index < 3 else nullcontext()
            with active_paths(model, paths), frozen_weights:
                torch.autograd.backward(cross_entropy(model(images), labels))
        for optimizer in optimizers:
            optimizer.step()
        steps.append({"parallel": _gradients(network), "alone": _gradients(alone)})
    return steps


def _gradients(module: nn.Module) -> dict[str, Tensor]:
    """By the parameter's name, of those that have one."""
    return {name: parameter.grad for name, parameter in module.named_parameters() if parameter.grad is not None}


def normalize(processes: Processes) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Synchronized BatchNorm on unequal parts of a batch of 7, and PyTorch's on the whole, after two batches."""

    def run(norm: nn.Module, x: Tensor, slope: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        x = x.clone().requires_grad_()
        y = norm(x)
        dx, *gradients = torch.autograd.grad((y * slope).sum(), [x, *norm.parameters()])
        return y.detach(), dx, gradients

    generator = torch.Generator().manual_seed(4)
    mine = slice(processes.rank, None, processes.world)
    cases = []
    for options in ({}, {"momentum": None, "eps": 0.1}, {"affine": False}, {"track_running_stats": False}):
        whole = nn.BatchNorm2d(3, device=processes.device, dtype=torch.float64, **options)
        part = SyncBatchNorm2d(whole)
        for _ in range(2):
            drawn = 5 + torch.randn(2, 7, 3, 4, 5, dtype=torch.float64, generator=generator)
            x, slope = drawn.to(processes.device)
            whole_y, whole_dx, whole_gradients = run(whole, x, slope)
            y, dx, gradients = run(part, x[mine], slope[mine])
        for gradient in gradients:
            dist.all_reduce(gradient)
        expected = {"y": whole_y[mine], "dx": whole_dx[mine], "dweight": whole_gradients, **whole.state_dict()}
        cases.append(({"y": y, "dx": dx, "dweight": gradients, **part.state_dict()}, expected))
    return cases


def work(environment: dict[str, str], errors: Path, arguments: Sequence[str]) -> None:
    """The program in a process that was forked instead of started by torchrun, with what torchrun would tell it.

    Args:
        environment: additions to the environment.
        errors: the file that takes standard error.
        arguments: of the program.
    """
    with errors.open("w") as file:
        os.dup2(file.fileno(), 2)
    os.environ.update(environment)
    main(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backend", required=True)
    parser.add_argument("--gate", required=True)
    parser.add_argument("--synchronize", action="store_true")
    parser.add_argument("--kill", type=int, nargs=2)
    parser.add_argument("--checks", action="store_true", help="more than the search")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    processes = Processes.join(options.backend)
    result = run_search(
        processes,
        gate=options.gate,
        synchronize=options.synchronize,
        checkpoint=options.folder / "search.pt",
        kill=options.kill,
    )
    if options.checks:
        result["errors"] = provoke_errors(processes)
        result["sweep"] = run_sweep(processes)
        result["own_loop"] = run_own_loop(processes)
        result["normalize"] = normalize(processes)
    torch.save(result, options.folder / f"rank{processes.rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
