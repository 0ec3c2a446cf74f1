"""Exact gate gradient, two-path and REINFORCE at equal time: what each finds on a small real problem.

Run with `uv run python tests/benchmarks/compare_estimators.py DATA` (CIFAR-10, see the program's --data-dir): a fifth
of the training images at 16 x 16 pixels, half the width of the CIFAR-10 space. All three start from the same
warmed-up supernet and have equally many seconds of one thread's processor time. Gates learn under the constraint,
REINFORCE by MnasNet's reward of the same target. Each ends with the most probable net of that latency, by a table
that is measured first, and that net is trained anew and tested on all test images. Random nets of that latency stand
beside them.
"""

import copy
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import click
import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from pnas_apps.ground.cache import find_cache
from pnas_apps.ground.progress import reporter_on_stdout
from pnas_apps.ground.randomness import seeded_generator
from pnas_apps.images.augmentation import Augmentation
from pnas_apps.images.batches import ImageBatches
from pnas_apps.images.image_set import ImageSet, measure_preprocessing
from pnas_apps.images.splitting import split_share
from pnas_apps.training.config import TrainConfig
from pnas_apps.training.judging import accuracy
from pnas_apps.training.training import Training
from pnas_cifar10.datasets import read_images
from pnas_export import TFLiteDevice
from pnas_latency import (
    Budget,
    Constraint,
    ExpectedObjective,
    MovingBaseline,
    land_on_budget,
    measure_table,
    mnasnet_reward,
    reinforce_loss,
)
from pnas_ops import Architecture, build_network, cifar_mbconv_space
from pnas_supernet import (
    ArchStep,
    GateStep,
    ProxylessNAS,
    ReinforceStep,
    SearchConfig,
    SuperNet,
    mixed_ops,
    sample_exact_gate,
    sample_two_path_gate,
)

RESOLUTION = 16
SHARE = 0.2
VALIDATION_SHARE = 0.3
TRAIN = TrainConfig(epochs=12, warmup_epochs=1, lr=0.1, momentum=0.9, weight_decay=5e-4, label_smoothing=0.05)
CONFIG = SearchConfig(warmup_epochs=2, epochs=1000, arch_interval=1, weight_lr=0.05, label_smoothing=0.0, alpha_lr=0.02)


@click.command()
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.option("--seconds", default=60.0, show_default=True, help="Of search, for each method.")
@click.option("--seed", "seeds", multiple=True, type=int, default=(0, 1, 2))
@click.option("--target", "target_ms", default=0.12, show_default=True, help="Milliseconds.")
def main(data: Path, seconds: float, seeds: tuple[int, ...], target_ms: float) -> None:
    """Prints a line for every method and seed, and their means."""
    torch.set_num_threads(1)
    space = cifar_mbconv_space(0.5, resolution=RESOLUTION)
    with reporter_on_stdout() as reporter:
        train, test = read_images(data, resolution=RESOLUTION, download=False, reporter=reporter)
        with reporter.phases() as progress:
            table = measure_table(TFLiteDevice(cache=find_cache(None).conversions), space, progress=progress)
    _, train = split_share(train, SHARE, seeded_generator(0, "share"))
    preprocessing = measure_preprocessing(train)
    augmentation = Augmentation(crop_padding=2, horizontal_flip=True, cutout=0)
    latency = table.metric()

    def batches(images: ImageSet, seed: int | None = None, *purpose: str | int) -> ImageBatches:
        generator = None if seed is None else seeded_generator(seed, *purpose)
        return ImageBatches(images, preprocessing, batch_size=64, generator=generator, augmentation=augmentation)

    def land(probs: list[torch.Tensor]) -> Architecture:
        net = land_on_budget(probs, space, table, Budget(latency_ms=target_ms)).result.architecture
        assert isinstance(net, Architecture)
        return net

    def judge(net: Architecture, seed: int) -> float:
        training = Training(build_network(net, generator=seeded_generator(seed, "net")), TRAIN)
        training.network.to(memory_format=torch.channels_last)
        while training.epochs_left:
            training.run_epoch(batches(train, seed, "train", len(training.history)), on_step=lambda: None)
        return accuracy(training.network.eval(), batches(test))

    found: dict[str, list[tuple[int, float, float, float]]] = {}
    for seed in seeds:
        weights, alphas = split_share(train, VALIDATION_SHARE, seeded_generator(seed, "split"))
        warm = ProxylessNAS(
            SuperNet(space, generator=seeded_generator(seed, "supernet")).to(memory_format=torch.channels_last),
            CONFIG,
            generator=seeded_generator(seed, "paths"),
        )
        for epoch in range(CONFIG.warmup_epochs):
            warm.run_epoch(batches(weights, seed, "w", epoch), batches(alphas, seed, "a", epoch))

        def constrained() -> ExpectedObjective:
            return ExpectedObjective(space, [(latency, Constraint(at_most=target_ms, tightening=150))])

        def reward(accuracy: float, choices: Sequence[int]) -> float:
            return mnasnet_reward(accuracy, table.predict_ms(space.architecture(choices)), target=target_ms)

        steps: dict[str, ArchStep] = {
            "exact": GateStep(sample_exact_gate, constrained()),
            "two-path": GateStep(sample_two_path_gate, constrained()),
            "REINFORCE": ReinforceStep(reward=reward, estimator=reinforce_loss, baseline=MovingBaseline(), samples=10),
        }
        for name, step in steps.items():
            search = ProxylessNAS(
                copy.deepcopy(warm.network), CONFIG, arch_step=step, generator=seeded_generator(seed, "search")
            )
            search.load_state_dict(warm.state_dict() | {"arch_step": step.state_dict()})
            start, count = time.process_time(), 0

            class OutOfTimeError(Exception):
                """The seconds are over."""

            def after_step(start: float = start) -> None:
                nonlocal count
                count += 1
                if time.process_time() - start > seconds:
                    raise OutOfTimeError

            try:
                while True:
                    epoch = len(search.history)
                    search.run_epoch(
                        batches(weights, seed, "w", epoch), batches(alphas, seed, "a", epoch), on_step=after_step
                    )
            except OutOfTimeError:
                pass
            probs = [op.probs.detach().double() for op in mixed_ops(search.network)]
            expected = float(latency.expected(probs, space))
            net = land(probs)
            one = (count, expected, table.predict_ms(net), judge(net, seed))
            found.setdefault(name, []).append(one)
            print(name, seed, *one, " ".join(str(block.op) for block in net.blocks[2:-1]), flush=True)
        generator = seeded_generator(seed, "random net")
        net = land([torch.randn(len(row), generator=generator, dtype=torch.float64).exp() for row in space.mixed])
        found.setdefault("random", []).append((0, float("nan"), table.predict_ms(net), judge(net, seed)))
        print("random", seed, found["random"][-1], flush=True)
    drawing = Table(title=f"{seconds:g} s of search, target {target_ms:g} ms", box=SIMPLE_HEAD, title_justify="left")
    for heading in ("method", "arch steps", "expected ms", "derived ms", "accuracy", "of each seed"):
        drawing.add_column(heading, justify="right")
    for name, rows in found.items():
        counts, expected_ms, derived_ms, accuracies = zip(*rows, strict=True)
        drawing.add_row(
            name,
            f"{statistics.mean(counts):.0f}",
            f"{statistics.mean(expected_ms):.4f}",
            f"{statistics.mean(derived_ms):.4f}",
            f"{statistics.mean(accuracies):.2%}",
            " ".join(f"{one:.2%}" for one in accuracies),
        )
    Console(width=100).print(drawing)


if __name__ == "__main__":
    main()
