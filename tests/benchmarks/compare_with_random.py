"""Searched nets beside random nets of the same latency, trained anew in the same way, with several seeds.

Run with `uv run python tests/benchmarks/compare_with_random.py DATA RUN...`: DATA is CIFAR-10 (see the program's
--data-dir), each RUN the folder of a search. A random net is drawn uniformly from all nets of the space whose predicted
latency is within 1 % of the searched net's, another one with every seed. A seed also fixes the initial weights and the
order of the images. `--out` keeps a line for every net that is done, so that nothing is trained twice.
"""

import json
import statistics
from pathlib import Path

import click
import torch
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

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
from pnas_latency import LatencyTable
from pnas_ops import Architecture, SearchSpace, architecture_macs, build_network, cifar_mbconv_space, load_json

TOLERANCE = 0.01


def random_net(space: SearchSpace, table: LatencyTable, latency_ms: float, generator: torch.Generator) -> Architecture:
    """A net of nearly that latency, each with the same probability."""
    rows = [torch.tensor(row, dtype=torch.float64) for row in table.costs(space)]
    while True:
        choices = torch.stack([torch.randint(len(row), (100_000,), generator=generator) for row in rows], dim=1)
        costs = table.fixed_ms(space) + sum(row[choices[:, index]] for index, row in enumerate(rows))
        fitting = ((costs / latency_ms - 1).abs() < TOLERANCE).nonzero()
        if len(fitting):
            return space.architecture(choices[int(fitting[0])].tolist())


@click.command()
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--seed", "seeds", multiple=True, type=int, default=(0, 1, 2))
@click.option("--epochs", default=5, show_default=True)
@click.option("--share", default=0.5, show_default=True, help="Of the training images.")
@click.option("--threads", default=2, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("random.jsonl"), show_default=True)
def main(
    data: Path, runs: tuple[Path, ...], seeds: tuple[int, ...], epochs: int, share: float, threads: int, out: Path
) -> None:
    """Trains what is not done yet and prints the table."""
    torch.set_num_threads(threads)
    space = cifar_mbconv_space()
    with reporter_on_stdout() as reporter:
        train, test = read_images(data, resolution=space.resolution, download=False, reporter=reporter)
    _, train = split_share(train, share, seeded_generator(0, "share"))
    preprocessing = measure_preprocessing(train)
    augmentation = Augmentation(crop_padding=4, horizontal_flip=True, cutout=0)
    config = TrainConfig(epochs=epochs, warmup_epochs=1, lr=0.1, momentum=0.9, weight_decay=5e-4, label_smoothing=0.05)

    def batches(images: ImageSet, seed: int | None = None, *purpose: str | int) -> ImageBatches:
        generator = None if seed is None else seeded_generator(seed, *purpose)
        return ImageBatches(images, preprocessing, batch_size=64, generator=generator, augmentation=augmentation)

    def judge(net: Architecture, seed: int) -> float:
        training = Training(build_network(net, generator=seeded_generator(seed, "net")), config)
        training.network.to(memory_format=torch.channels_last)
        while training.epochs_left:
            training.run_epoch(batches(train, seed, "train", len(training.history)), on_step=lambda: None)
        return accuracy(training.network.eval(), batches(test))

    def done() -> dict[tuple[str, str, int], dict[str, float]]:
        lines = out.read_text().splitlines() if out.exists() else []
        return {(one["run"], one["kind"], one["seed"]): one for one in map(json.loads, lines)}

    for seed in seeds:
        for run in runs:
            table = LatencyTable.load(run / "table.json")
            searched = load_json(run / "architecture.json", Architecture)
            generator = seeded_generator(seed, "random net")
            nets = {"searched": searched, "random": random_net(space, table, table.predict_ms(searched), generator)}
            for kind, net in nets.items():
                if (run.name, kind, seed) in done():
                    continue
                one = {
                    "run": run.name,
                    "kind": kind,
                    "seed": seed,
                    "accuracy": judge(net, seed),
                    "predicted_ms": table.predict_ms(net),
                    "macs": architecture_macs(net),
                }
                with out.open("a") as file:
                    file.write(json.dumps(one) + "\n")
                print(one, flush=True)
    found = done()
    drawing = Table(title=f"Trained anew for {epochs} epochs", box=SIMPLE_HEAD, title_justify="left")
    for heading in ("run", "net", "predicted ms", "million MACs", "accuracy", "of each seed"):
        drawing.add_column(heading)
    for run in runs:
        for kind in ("searched", "random"):
            rows = [one for (name, which, _), one in sorted(found.items()) if (name, which) == (run.name, kind)]
            drawing.add_row(
                run.name,
                kind,
                f"{statistics.mean(one['predicted_ms'] for one in rows):.4f}",
                f"{statistics.mean(one['macs'] for one in rows) / 1e6:.2f}",
                f"{statistics.mean(one['accuracy'] for one in rows):.2%}",
                " ".join(f"{one['accuracy']:.2%}" for one in rows),
            )
    Console(width=110).print(drawing)


if __name__ == "__main__":
    main()
