"""The gates on a table of true accuracies: NAS-Bench-MACRO's space is searched, and the answer is looked up.

    uv run python tests/benchmarks/gates_on_macro.py --data-dir CIFAR10 --seed 0 --max-macs 60e6 --out macro.jsonl

prints one line of JSON, and adds it to `--out`; what stands there is not done again, and a search that was interrupted
goes on from its checkpoint beside it. CIFAR10 is what the program's --data-dir takes; its test images, which the
table's accuracies are of, are not looked at. Accuracy and regret are in per cent, of the mean of the table's three
trainings. `epochs` is all that finding the net has taken in passes over the 50,000 training images, each at
`cost` times the MACs of whole nets, where the supernet is a narrower one or of smaller images. `found` is the best net
by a fit of the inherited accuracies of `--judged-nets` random ones (`pnas_latency.fitted_probs`), `probable` the most
probable one; both make use of the limit if the search was held back by it (`pnas_latency.narrowed_limits`).
`rank_fit` and `rank_probable` are rank correlations with the truth over all nets that either choice was between, of the
fit and of the probabilities; `fit_of_truth_regret` is what a fit of the judged nets' true accuracies would leave.
`rank_judged` is the rank correlation of inherited accuracy and truth over the judged nets, `rank_random` over random
nets of the whole space. The truth is no part of the search.

Needs PyTorch, torchvision, and pure Python besides: no converters.
"""

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import torch

from pnas_apps.cli.option_types import COUNT, Number, whole
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import reporter_on_stdout
from pnas_apps.ground.randomness import seeded_generator
from pnas_apps.images.augmentation import Augmentation
from pnas_apps.images.batches import ImageBatches
from pnas_apps.images.image_set import ImageSet, measure_preprocessing
from pnas_apps.images.splitting import split_count, split_share
from pnas_apps.steps.choice_by_weights import fit_of_trials
from pnas_cifar10.datasets import read_images
from pnas_latency import (
    MACS,
    Constraint,
    ExpectedObjective,
    Limit,
    choose_within_budget,
    feasible_nets,
    narrowed_limits,
)
from pnas_ops import (
    AccuracyTable,
    Architecture,
    Choices,
    PnasError,
    SearchSpace,
    Trial,
    in_one_line,
    nas_bench_macro_space,
    rank_correlation,
    read_nas_bench_macro,
)
from pnas_supernet import (
    GateStep,
    InheritedWeights,
    ProxylessNAS,
    SearchConfig,
    SuperNet,
    default_precision,
    mixed_ops,
    tuned,
)

TABLE = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "nas_bench_macro_cifar10.csv"
HELD_OUT = 0.2
"""Of the images: the architecture learns on them, and nets are judged on them."""
STATISTICS = 600
"""Images that statistics are taken of for each net."""
SECONDS_BETWEEN_CHECKPOINTS = 120.0
_RATE = Number(0, 1e3, above=True)


def searched(
    space: SearchSpace,
    small: SearchSpace,
    config: SearchConfig,
    limits: Sequence[Limit],
    train: ImageSet,
    held_out: ImageSet,
    *,
    seed: int,
    batch_size: int,
    device: torch.device,
    checkpoint: Path | None,
) -> SuperNet:
    """The supernet at the end of its search.

    Args:
        space: whose nets keep the limits.
        small: the same choices, narrower or for smaller images: what the supernet is of.
        config: of the search.
        limits: of MACs.
        train, held_out: images for weights and architecture, in the size that `small` takes.
        seed: fixes everything.
        batch_size: of both.
        device: where it is trained.
        checkpoint: that it goes on from.
    """
    preprocessing = measure_preprocessing(train)
    augmentation = Augmentation(crop_padding=small.resolution // 8, horizontal_flip=True, cutout=0)

    def batches(images: ImageSet, name: str, epoch: int) -> ImageBatches:
        return ImageBatches(
            images,
            preprocessing,
            batch_size=batch_size,
            generator=seeded_generator(seed, name, epoch),
            augmentation=augmentation,
            device=device,
        )

    supernet = SuperNet(small, generator=seeded_generator(seed, "supernet"))
    supernet.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    steps = config.epochs * (len(batches(train, "weights", 0)) // config.arch_interval)
    objective = ExpectedObjective(
        space,
        [(limit.metric, Constraint(at_most=limit.at_most, tightening=steps // 2)) for limit in limits],
    )
    search = ProxylessNAS(
        supernet,
        config,
        arch_step=GateStep(config.gate_sampler, objective),
        generator=seeded_generator(seed, "paths"),
    )
    saved = time.monotonic()

    def save_now_and_then() -> None:
        nonlocal saved
        if checkpoint is not None and time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS:
            search.save(checkpoint)
            saved = time.monotonic()

    if checkpoint is not None:
        search.resume(checkpoint)
    while search.epochs_left:
        epoch = len(search.history)
        record = search.run_epoch(
            batches(train, "weights", epoch), batches(held_out, "alpha", epoch), on_step=save_now_and_then
        )
        print(record, flush=True)
    if checkpoint is not None:
        search.save(checkpoint)
    return supernet


def accuracies(
    judge: InheritedWeights[Any], space: SearchSpace, small: SearchSpace, nets: Sequence[Architecture], seed: int
) -> list[float]:
    """The accuracy of each net of the space with the weights that the small supernet has for it, in per cent."""
    own = [small.architecture(space.choices(net)) for net in nets]
    return [100 * judge.judge(net, seeded_generator(seed, "judge", index)).value for index, net in enumerate(own)]


def usable_device(name: str) -> torch.device:
    """The device of this name.

    Raises:
        UserError: for one that is not here.
    """
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (AssertionError, RuntimeError) as error:
        raise UserError(f"--device {name} is not usable here ({in_one_line(error)}): give cpu or cuda") from None
    return device


def read_lines(out: Path) -> list[dict[str, Any]]:
    """What is in a file of lines, where there is one.

    Raises:
        UserError: naming a line that is none, as a kill may leave the last.
    """
    lines = []
    for number, text in enumerate(out.read_text().splitlines() if out.exists() else (), start=1):
        try:
            lines.append(dict(json.loads(text)))
        except (TypeError, ValueError):
            raise UserError(f"{out}, line {number} is no line of JSON: delete it") from None
    return lines


def name_of(space: SearchSpace, net: Architecture) -> str:
    """As the table names it."""
    return "".join(map(str, space.choices(net)))


def truth(table: AccuracyTable, space: SearchSpace, net: Architecture) -> float:
    """In per cent."""
    return 100 * table.nets[space.choices(net)].accuracy


def by_name(space: SearchSpace, nets: Sequence[Architecture], values: Sequence[float]) -> dict[str, float]:
    """Values of nets, by the table's names."""
    return {name_of(space, net): round(value, 2) for net, value in zip(nets, values, strict=True)}


def rank(first: Sequence[float], second: Sequence[float]) -> float | None:
    """The rank correlation; None where there is none."""
    found = rank_correlation(first, second) if len(first) > 1 else None
    return None if found is None else round(found, 3)


def rank_of(probs: Sequence[torch.Tensor], nets: Sequence[Choices], table: AccuracyTable) -> float | None:
    """The rank correlation of nets' probabilities and the truth."""
    logarithms = [row.double().log().tolist() for row in probs]
    probable = [sum(row[option] for row, option in zip(logarithms, net, strict=True)) for net in nets]
    return rank(probable, [table.nets[net].accuracy for net in nets])


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), required=True)
@click.option("--table", "table_file", type=click.Path(path_type=Path), default=TABLE)
@click.option("--seed", type=whole(-(2**63), 2**63 - 1), default=0, show_default=True)
@click.option("--max-macs", type=COUNT, help="Such as 60e6; none by default.")
@click.option("--share", type=Number(0, 1, above=True), default=1.0, show_default=True, help="Of the training images.")
@click.option("--warmup-epochs", type=whole(0, 100_000), default=20, show_default=True)
@click.option("--epochs", type=whole(1, 100_000), default=15, show_default=True)
@click.option("--warmup-paths", type=click.Choice(["uniform", "fair"]), default="fair", show_default=True)
@click.option("--gate", type=click.Choice(["exact", "two-path", "darts"]), default="exact", show_default=True)
@click.option("--arch-interval", type=whole(1, 100_000), default=5, show_default=True)
@click.option("--batch-size", type=whole(1, 100_000), default=256, show_default=True)
@click.option("--weight-lr", type=_RATE, default=0.05, show_default=True)
@click.option("--alpha-lr", type=_RATE, default=0.02, show_default=True)
@click.option(
    "--width-mult",
    type=Number(0.01, 1),
    default=1.0,
    show_default=True,
    help="Of the supernet; limits are those of whole nets.",
)
@click.option(
    "--resolution", type=whole(8, 32), default=32, show_default=True, help="Of the supernet's images, in pixels."
)
@click.option(
    "--judged-nets",
    type=whole(0, 6561),
    default=100,
    show_default=True,
    help="Random ones near the limit, by whose inherited accuracies the net is chosen; 0 to take the most probable.",
)
@click.option(
    "--random-nets", type=whole(0, 6561), default=60, show_default=True, help="Judged too, to compare with the truth."
)
@click.option("--device", "device_name", default="cpu", show_default=True, help="Such as cuda.")
@click.option("--threads", type=whole(1, 1024), default=1, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="File of lines; there the search is resumable, too.")
def main(
    data_dir: Path,
    table_file: Path,
    seed: int,
    max_macs: float | None,
    share: float,
    warmup_epochs: int,
    epochs: int,
    warmup_paths: Any,
    gate: Any,
    arch_interval: int,
    batch_size: int,
    weight_lr: float,
    alpha_lr: float,
    width_mult: float,
    resolution: int,
    judged_nets: int,
    random_nets: int,
    device_name: str,
    threads: int,
    out: Path | None,
) -> None:
    """Searches once, or goes on with it, and prints what was found."""
    torch.set_num_threads(threads)
    begun, device = time.monotonic(), usable_device(device_name)
    config = SearchConfig(
        warmup_epochs=warmup_epochs,
        epochs=epochs,
        warmup_paths=warmup_paths,
        gate=gate,
        arch_interval=arch_interval,
        weight_lr=weight_lr,
        weight_decay=5e-4,
        label_smoothing=0.0,
        alpha_lr=alpha_lr,
        precision=default_precision(device),
    )
    asked = {
        "strategy": "gates" if gate == "exact" else gate,
        "seed": seed,
        "max_macs": max_macs,
        "share": share,
        "options": f"{warmup_paths} {warmup_epochs}+{epochs}/{arch_interval}, batch {batch_size}, "
        f"rates {weight_lr:g} {alpha_lr:g}, width {width_mult:g}, {resolution} px, "
        f"{f'fit of {judged_nets}' if judged_nets else 'most probable'}",
    }
    key = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:8]
    for line in [] if out is None else read_lines(out):
        if asked.items() <= line.items():
            print(json.dumps(line))
            return
    space, small = nas_bench_macro_space(), nas_bench_macro_space(width_mult, resolution=resolution)
    table = read_nas_bench_macro(table_file)
    if (known := table.known(space)) < space.size():
        raise UserError(f"{table_file} has {known:,} of the {space.size():,} nets: take the file as it was published")
    limits = [] if max_macs is None else [Limit(metric=MACS, at_most=max_macs)]
    feasible_nets(space, limits)  # refuses what no net is within
    best = max(net.accuracy for net in table.nets.values() if max_macs is None or net.macs <= max_macs)
    with reporter_on_stdout() as reporter:
        images, _ = read_images(data_dir, resolution=small.resolution, download=False, reporter=reporter)
    if len(images.classes) != space.classes:
        raise UserError(
            f"{data_dir} has {len(images.classes)} classes, and the table is of CIFAR-10: name another --data-dir"
        )
    of_all = len(images)
    if share < 1:
        _, images = split_share(images, share, seeded_generator(seed, "share"))
    train, held_out = split_share(images, HELD_OUT, seeded_generator(seed, "held out"))
    if len(train) // batch_size < arch_interval:
        raise UserError(
            f"{len(train):,} images to learn from are fewer than {arch_interval} batches of {batch_size}, after "
            "which the architecture learns: give a larger --share, or a smaller --batch-size or --arch-interval"
        )
    train, held_out = train.on(device), held_out.on(device)
    with tuned(device):
        supernet = searched(
            space,
            small,
            config,
            limits,
            train,
            held_out,
            seed=seed,
            batch_size=batch_size,
            device=device,
            checkpoint=None if out is None else out.with_name(f"{out.stem}-{key}.pnas"),
        )
        _, for_statistics = split_count(train, min(STATISTICS, len(train) // 2), seeded_generator(seed, "statistics"))
        statistics = ImageBatches(
            for_statistics,
            measure_preprocessing(train),
            batch_size=100,
            generator=seeded_generator(seed, "order"),
            device=device,
        )
        judge = InheritedWeights(
            supernet=supernet,
            statistics=[*statistics],
            validation=ImageBatches(held_out, measure_preprocessing(train), batch_size=250, device=device),
            images=of_all,
        )
        probs = space.of_choices([op.probs.detach() for op in mixed_ops(supernet)])
        near = narrowed_limits(probs, space, limits)
        nets_near = feasible_nets(space, near)
        judged = nets_near.sample_several(judged_nets, seeded_generator(seed, "judged nets"))
        inherited = accuracies(judge, space, small, [*map(space.architecture, judged)], seed)
        trials = [Trial(choices=net, value=value) for net, value in zip(judged, inherited, strict=True)]
        fitted = fit_of_trials(space, trials) or probs
        true = [Trial(choices=net, value=table.nets[net].accuracy) for net in judged]
        ideal = fit_of_trials(space, true) or probs
        found, probable, by_truth = (choose_within_budget(one, space, near) for one in (fitted, probs, ideal))
        draws = seeded_generator(seed, "random nets")
        drawn = [space.sample(draws) for _ in range(random_nets)]
        inherited_of_drawn = accuracies(judge, space, small, drawn, seed)
    steps = len(train) // batch_size
    looked_at = len(train) * (warmup_epochs + epochs) + batch_size * (steps // arch_interval) * epochs
    looked_at += (len(for_statistics) + len(held_out)) * len(judged) // 3
    between = [*nets_near.every()]
    uniform = [torch.full((count,), 1 / count) for count in space.options]
    line = asked | {
        "epochs": round(looked_at / of_all, 2),
        "cost": round(float(MACS.expected(uniform, small) / MACS.expected(uniform, space)), 4),
        "found": name_of(space, found),
        "accuracy": round(truth(table, space, found), 3),
        "regret": round(100 * best - truth(table, space, found), 3),
        "probable": name_of(space, probable),
        "probable_regret": round(100 * best - truth(table, space, probable), 3),
        "fit_of_truth_regret": round(100 * best - truth(table, space, by_truth), 3) if judged else None,
        "rank_fit": rank_of(fitted, between, table) if judged else None,
        "rank_probable": rank_of(probs, between, table),
        "rank_random": rank(inherited_of_drawn, [truth(table, space, net) for net in drawn]),
        "rank_judged": rank(inherited, [100 * table.nets[choices].accuracy for choices in judged]),
        "random": by_name(space, drawn, inherited_of_drawn),
        "judged": by_name(space, [*map(space.architecture, judged)], inherited),
        "probs": [[round(p, 4) for p in row.tolist()] for row in probs],
        "seconds": round(time.monotonic() - begun),
    }
    if out is not None:
        with out.open("a") as file:
            file.write(json.dumps(line) + "\n")
    print(json.dumps(line))


if __name__ == "__main__":
    try:
        main()
    except (UserError, PnasError, OSError) as error:
        raise SystemExit(str(error)) from None
