"""Nets that the gates find on CIFAR-10 beside random ones, those of evolution, and nets made by hand, all as fast.

    uv run python tests/benchmarks/cifar10_result.py --data-dir CIFAR10

For each seed and each budget of latency it takes a net of each kind: the one that the gates find within the budget;
the best that regularized evolution finds for the same passes over the images, each of its nets trained from scratch on
most of them and judged on the rest; random ones within 2% of the gates' latency, as the comparison of a run draws
them; and nets of people, as wide as that latency allows. Each is trained anew from fresh weights, all alike, on the
same share of the training images, and judged once on all test images, which nothing else has looked at. Then it adds a
line of JSON to `--out`. What stands there is not done again, so that it may be killed at any moment; the net that was
under way goes on from its checkpoints, if they are still there. Begun several times at once, each process takes nets
that no other has begun. `--summary` tells what the lines come to so far, and draws it.

The space and all that no option below names are those of the preset "cpu". Predicted latencies are those of `--table`.
The latency of a net of people is measured here in turn with that of the gates' net, and told in proportion to the
latter's prediction; with another seed it keeps its width. `passes` are over the share of the images, to find the net.
`seconds` are those of one core, since the program was last begun. A process computes on one thread: how busy the
machine is changes no number but these.
"""

import json
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from importlib.metadata import version
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import click
import torch
from attrs import asdict, evolve, field, fields, frozen
from filelock import FileLock

from pnas_apps.cli.presets import read_preset
from pnas_apps.devices.target import target_device
from pnas_apps.exploring.exploration import Exploration
from pnas_apps.exploring.work import work
from pnas_apps.ground.cache import Cache, find_cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter, reporter_on_stdout
from pnas_apps.ground.randomness import seed_of, seeded_generator
from pnas_apps.images.splitting import split_share
from pnas_apps.run.device_settings import DeviceSettings
from pnas_apps.run.difference import paired_difference
from pnas_apps.run.exploration_settings import ExplorationSettings
from pnas_apps.run.lock import FolderInUseError, held_folder
from pnas_apps.run.preset import ImagePreset, structure_preset
from pnas_apps.run.run import Run
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.task import Task
from pnas_apps.run.verdict import Contender, Kind
from pnas_apps.steps.compare import trained_anew
from pnas_apps.steps.contenders import random_contenders
from pnas_apps.steps.effort import search_passes
from pnas_apps.steps.hand_made_nets import FAR, measured_nets, nearest, of_width
from pnas_apps.steps.search import search
from pnas_apps.steps.search_images import split_search_images
from pnas_apps.steps.table import TableChoice, Tabled, find_table
from pnas_cifar10.cli import PRESETS
from pnas_cifar10.tasks import images_task
from pnas_latency import Budget, LatencyTable
from pnas_ops import (
    BASELINES,
    KERNEL_COLORS,
    Architecture,
    FormatError,
    MBConvSpec,
    PnasError,
    architecture_macs,
    architecture_parameters,
    cifar_mbconv_space,
    from_dict,
    new_figure,
    parse_json,
    save_figure,
    sha256_of,
    write_atomically,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"

SEARCHED, EVOLUTION = "gates", "evolution"
HAND_MADE = ("mobilenet_v2", "shufflenet_v2_x1_0", "mbconv3_e6")
"""Two as their authors have them, strided for larger images; and MobileNetV2's block all over the space's stages."""

COLORS = {SEARCHED: KERNEL_COLORS[3], EVOLUTION: KERNEL_COLORS[5], "random": KERNEL_COLORS[1]}
COLORS |= dict.fromkeys(HAND_MADE, KERNEL_COLORS[7])
MARKS = {SEARCHED: "o", EVOLUTION: "s", "random": "x"} | dict(zip(HAND_MADE, "^v+", strict=True))


@frozen(kw_only=True)
class Settings:
    """What must be equal for lines to be compared.

    Attributes:
        table: the first digits of its hash.
        share: of the training images, that all of it happens on.
        held_out: of these, that the gates' probabilities learn on, and that evolution judges by.
        epochs: of the training of each net anew.
        lr: of these trainings, and of those by which evolution judges.
        judge_epochs: of the latter.
        warmup_epochs, search_epochs, arch_interval: of the gates' search.
        batch_size: of all.
    """

    table: str
    share: float
    held_out: float
    epochs: int
    lr: float
    judge_epochs: int
    warmup_epochs: int
    search_epochs: int
    arch_interval: int
    batch_size: int


@frozen(kw_only=True)
class Place:
    """Which net it is.

    Attributes:
        budget_ms: of its latency.
        seed: of the search, and of all else about it.
        net: a strategy, "random-1" and so on, or one of `HAND_MADE`.
    """

    budget_ms: float
    seed: int
    net: str

    @property
    def group(self) -> str:
        """What it is compared as."""
        return "random" if self.net.startswith("random-") else self.net

    @property
    def kind(self) -> Kind:
        """The same, as the comparison of a run calls it."""
        if self.net in HAND_MADE:
            return "hand-made"
        return "random" if self.group == "random" else "searched"


@frozen(kw_only=True)
class Line:
    """A net that is trained and judged.

    Attributes:
        accuracy: share of the test images.
        latency_ms: predicted; of a net of people measured, see above.
        macs, parameters: counted.
        passes: over the share of the training images, to find it.
        seconds: of one core.
        choices: of a net of the space.
        width: of a net of people, as a multiple of its own one.
        versions: of what has trained it.
    """

    budget_ms: float
    seed: int
    net: str
    accuracy: float
    latency_ms: float
    macs: int
    parameters: int
    passes: float
    seconds: int
    choices: tuple[int, ...] | None
    width: float | None
    settings: Settings
    versions: dict[str, str]

    @property
    def place(self) -> Place:
        """Which net it is."""
        return Place(budget_ms=self.budget_ms, seed=self.seed, net=self.net)


def places(budgets: Sequence[float], seeds: int, random_nets: int) -> list[Place]:
    """All that is to be done, in an order of which any first part is fair: all budgets with one seed, then the next.

    The net of the gates comes before those that are to be as fast.
    """
    names = [SEARCHED, EVOLUTION, *(f"random-{number}" for number in range(1, random_nets + 1)), *HAND_MADE]
    return [
        Place(budget_ms=budget, seed=seed, net=name) for seed, budget, name in product(range(seeds), budgets, names)
    ]


def read_lines(path: Path, settings: Settings | None, tell: Callable[[str], None]) -> list[Line]:
    """The lines of a file, which is made without the half one that a kill may have left at its end.

    Args:
        path: need not be there.
        settings: that they are to have; None for those of the first one.
        tell: is given a line about what is left out.

    Raises:
        UserError: for lines of other settings, and for what is no line.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    whole, end, half = text.rpartition("\n")
    if half:
        tell(f"{path}: half a line at its end is left out, and its net trained again")
    found: list[Line] = []
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            found.append(from_dict(parse_json(line), Line))
        except FormatError as error:
            raise UserError(
                f"{path}, line {number}: {error.what}: delete the line, and its net is trained again"
            ) from None
        settings = settings or found[0].settings
        if found[-1].settings != settings:
            names = [
                one.name
                for one in fields(Settings)
                if getattr(found[-1].settings, one.name) != getattr(settings, one.name)
            ]
            raise UserError(
                f"{path}, line {number} is of other settings ({', '.join(names)}): give the same ones, or another --out"
            )
    if half:
        write_atomically(path, whole + end)
    return found


def add_line(path: Path, line: Line) -> None:
    """Adds a line, so that the file never holds a part of it."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    write_atomically(path, before + json.dumps(asdict(line)) + "\n")


@frozen(kw_only=True, eq=False)
class Bench:
    """What the nets are found and trained with.

    Attributes:
        task: the share of the images, and the space.
        table_file: of latencies.
        out: takes the lines; what is under way is kept in a folder of its name.
    """

    task: Task
    settings: Settings
    table_file: Path
    out: Path
    cache: Cache
    reporter: Reporter
    table: LatencyTable = field(init=False)

    @table.default
    def _load_table(self) -> LatencyTable:
        return LatencyTable.load(self.table_file)

    def lines(self) -> list[Line]:
        """All that are finished by now, by whichever process."""
        with self._file_held():
            return read_lines(self.out, self.settings, self.reporter.warn)

    def add(self, line: Line) -> None:
        """Adds one, beside those of other processes."""
        with self._file_held():
            add_line(self.out, line)

    def _file_held(self) -> FileLock:
        folder = self.out.with_suffix("")
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / "lines.lock")

    def run(self, place: Place) -> Run:
        """What one net is found and trained in; no two budgets share what their seeds draw."""
        return Run(
            task=self.task,
            preset=preset_of(self.settings),
            folder=RunFolder(self.out.with_suffix("") / f"{place.budget_ms:g}-ms-seed-{place.seed}-{place.net}"),
            seed=seed_of(place.seed, f"{place.budget_ms:g}"),
            reporter=self.reporter,
            cache=self.cache,
            budget=Budget(latency_ms=place.budget_ms),
            # Not the table's: nothing is measured, and the load of the machine changes nothing.
            target=DeviceSettings(name="torch-cpu"),
        )


@frozen(kw_only=True, eq=False)
class Found:
    """A net before its training."""

    net: Architecture
    latency_ms: float
    passes: float = 0.0
    width: float | None = None


def find(bench: Bench, run: Run, place: Place, lines: Sequence[Line]) -> Found | None:
    """The net of a place; None for a net of people of which no width comes near the budget.

    Args:
        bench: with which it is found.
        run: of the place.
        place: names it.
        lines: that are finished.
    """
    table = bench.table
    if place.net in HAND_MADE:
        return by_hand(bench, run, place, lines)
    if place.group == "random":
        numbers, beside = range(1, int(place.net.removeprefix("random-")) + 1), gates_of(lines, place)
        assert beside.choices is not None
        net = random_contenders(run, table, beside.latency_ms, numbers=numbers, apart_from=[beside.choices])[
            -1
        ].architecture
        passes = 0.0
    elif place.net == SEARCHED:
        net, passes = (
            search(run, find_table(run, TableChoice(path=bench.table_file, foreign=True))).architecture,
            effort(run),
        )
    else:
        net, passes = evolved(run, table, bench.settings.judge_epochs)
    return Found(net=net, latency_ms=table.predict_ms(net), passes=passes)


def effort(run: Run) -> float:
    """Passes over the images that a search by gates takes."""
    weights, _ = split_search_images(run.task.train, run.preset, run.generator)
    return search_passes(run.preset, images=len(run.task.train), weights=len(weights))


def evolved(run: Run, table: LatencyTable, judge_epochs: int) -> tuple[Architecture, float]:
    """The best net of evolution, and its passes: until they are at least those of the gates."""
    settings = ExplorationSettings(
        strategy="evolution", judge_epochs=judge_epochs, nets=10**6, random_nets=0, effort=effort(run)
    )
    exploration = Exploration(
        run=evolve(run, folder=RunFolder(run.folder.path / "evolution")), settings=settings, table=table
    )
    exploration.run.folder.path.mkdir(parents=True, exist_ok=True)
    study, space = exploration.study("one"), run.task.space
    with run.reporter.phases() as update:
        work(
            study,
            exploration.asker(),
            exploration.judge(exploration.run.folder.path / "net"),
            space,
            seen=lambda entries: update("evolution's nets", len(entries), len(entries)),
        )
    explored = exploration.outcome(study.entries())
    return space.architecture(explored.best.choices, name=EVOLUTION), sum(net.epochs for net in explored.nets)


def gates_of(lines: Sequence[Line], place: Place) -> Line:
    """The line of the gates' net that others are to be as fast as: it comes before them."""
    (found,) = (line for line in lines if line.place == evolve(place, net=SEARCHED))
    return found


def by_hand(bench: Bench, run: Run, place: Place, lines: Sequence[Line]) -> Found | None:
    """A net of people, in the width that it has in other lines of the budget, or else in the one that fits it."""
    for line in lines:
        if (line.budget_ms, line.net) == (place.budget_ms, place.net) and line.width is not None:
            return Found(net=of_hand(run, place.net, line.width), latency_ms=line.latency_ms, width=line.width)
    beside = gates_of(lines, place)
    assert beside.choices is not None
    other = run.task.space.architecture(beside.choices, name=SEARCHED)
    target = DeviceSettings()
    tabled = Tabled(device=target_device(target, cache=bench.cache, log=None), table=bench.table)
    widths: dict[Architecture, float] = {}
    noisy: set[Architecture] = set()

    def of(width: float) -> Architecture:
        net = of_hand(run, place.net, width)
        widths[net] = width
        return net

    def measure(net: Architecture) -> float | None:
        measured = measured_nets(run, tabled, [net, other])
        if not measured:
            return None
        if measured[net].noisy or measured[other].noisy:
            noisy.add(net)
        return beside.latency_ms * measured[net].total_ms / measured[other].total_ms

    net, latency_ms = nearest(of, measure, beside.latency_ms)
    if latency_ms is not None and net not in noisy and abs(latency_ms / beside.latency_ms - 1) <= FAR:
        return Found(net=net, latency_ms=latency_ms, width=widths[net])
    run.reporter.warn(left_out(place, latency_ms, noisy=net in noisy))
    return None


def left_out(place: Place, latency_ms: float | None, *, noisy: bool) -> str:
    """Why a net of people is not compared.

    Args:
        place: that it would have.
        latency_ms: of its nearest width; None where it could not be measured.
        noisy: whether that is worth nothing.
    """
    if latency_ms is None:
        why = "it could not be measured here"
    elif noisy:
        why = "its measurements are too noisy to find a width by: begin again when the machine is idle"
    else:
        why = f"in the nearest width it takes {latency_ms:.4f} ms"
    return f"{place.net} is left out at {place.budget_ms:g} ms: {why}"


def of_hand(run: Run, name: str, width: float) -> Architecture:
    """A net of people in a multiple of its own width."""
    if name in BASELINES:
        return of_width(run, name, width)
    space = cifar_mbconv_space(
        round(width, 3), blocks_per_stage=run.preset.blocks_per_stage, classes=run.task.space.classes
    )
    option = space.candidates.index(MBConvSpec(kernel_size=3, expansion=6))
    return space.architecture([option] * len(space.options), name=f"{name}-{width:.3g}")


def finish(bench: Bench, place: Place, lines: Sequence[Line]) -> Line | None:
    """The line of a place; None where no net can be had for it."""
    run, began = bench.run(place), time.process_time()
    found = find(bench, run, place, lines)
    if found is None:
        return None
    net = evolve(found.net, name=place.net)
    accuracy = trained_anew(run, Contender(architecture=net, kind=place.kind), seed=0, epochs=bench.settings.epochs)
    return Line(
        budget_ms=place.budget_ms,
        seed=place.seed,
        net=place.net,
        accuracy=accuracy,
        latency_ms=found.latency_ms,
        macs=architecture_macs(net),
        parameters=architecture_parameters(net),
        passes=found.passes,
        seconds=round(time.process_time() - began),
        choices=run.task.space.choices(net) if found.width is None else None,
        width=found.width,
        settings=bench.settings,
        versions={"pnas": version("pnas-supernet"), "torch": version("torch")},
    )


def pairs_of(lines: Sequence[Line], group: str, budget_ms: float | None = None) -> list[tuple[float, float]]:
    """Accuracies in per cent, of the gates' net and the mean of a group's, for each budget and seed that has both."""
    ours = {(line.budget_ms, line.seed): line.accuracy for line in lines if line.net == SEARCHED}
    theirs: dict[tuple[float, int], list[float]] = {}
    for line in lines:
        if line.place.group == group and budget_ms in (None, line.budget_ms):
            theirs.setdefault((line.budget_ms, line.seed), []).append(line.accuracy)
    return [(100 * ours[cell], 100 * fmean(found)) for cell, found in theirs.items() if cell in ours]


def summary(lines: Sequence[Line]) -> dict[str, object]:
    """What the lines come to, in percentage points and passes: differences are those of the gates' nets and others."""
    groups = list(dict.fromkeys(line.place.group for line in lines))
    budgets = sorted({line.budget_ms for line in lines})
    differences = []
    for group, budget in product(groups, [*budgets, None]):
        if group != SEARCHED and (pairs := pairs_of(lines, group, budget)):
            found = paired_difference(pairs)
            told = {"mean": fmean(one - other for one, other in pairs)} if found is None else asdict(found)
            rounded = {name: round(value, 3) for name, value in told.items()}
            differences.append({"from": group, "budget_ms": budget, "pairs": len(pairs)} | rounded)
    return {
        "nets": len(lines),
        "passes": {name: mean_of(lines, name, lambda line: line.passes) for name in (SEARCHED, EVOLUTION)},
        "accuracy": {name: mean_of(lines, name, lambda line: 100 * line.accuracy) for name in groups},
        "of_budget": {name: mean_of(lines, name, lambda line: line.latency_ms / line.budget_ms) for name in groups},
        "differences": differences,
    }


def mean_of(lines: Sequence[Line], group: str, value: Callable[[Line], float]) -> float | None:
    """Over all nets of a group; None where there are none."""
    values = [value(line) for line in lines if line.place.group == group]
    return round(fmean(values), 3) if values else None


def table_of(lines: Sequence[Line]) -> Iterator[str]:
    """The same as a table in Markdown: mean accuracies, and how much better the gates' nets are."""
    budgets = sorted({line.budget_ms for line in lines})
    yield f"| nets | {' | '.join(f'{budget:g} ms' for budget in budgets)} | gates are better by (95%), points |"
    yield "|---" * (len(budgets) + 2) + "|"
    for group in dict.fromkeys(line.place.group for line in lines):
        means = [
            mean_of([line for line in lines if line.budget_ms == budget], group, lambda line: 100 * line.accuracy)
            for budget in budgets
        ]
        shown = " | ".join("" if one is None else f"{one:.1f}" for one in means)
        yield f"| {group} | {shown} | {shown_difference(pairs_of(lines, group)) if group != SEARCHED else ''} |"


def shown_difference(pairs: Sequence[tuple[float, float]]) -> str:
    """As people read it."""
    found = paired_difference(pairs)
    if found is None:
        return ""
    return f"{found.mean:.1f} ± {found.standard_error:.1f} ({found.low:.1f} to {found.high:.1f}; {len(pairs)} pairs)"


def draw(lines: Sequence[Line]) -> "Figure":
    """Accuracy over latency, a mark for each net."""
    figure = new_figure(7, 5)
    axes = figure.subplots()
    for group in dict.fromkeys(line.place.group for line in lines):
        nets = [line for line in lines if line.place.group == group]
        axes.scatter(
            [line.latency_ms for line in nets],
            [100 * line.accuracy for line in nets],
            marker=MARKS[group],
            color=COLORS[group],
            s=30,
            alpha=0.8,
            label=group,
        )
    budgets = sorted({line.budget_ms for line in lines})
    axes.set_xscale("log")
    axes.set_xticks(budgets, [f"{budget:g}" for budget in budgets])
    axes.xaxis.minorticks_off()
    axes.set_xlabel("latency, ms")
    axes.set_title("test accuracy, %: each net trained anew, alike", loc="left", fontsize=10)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    return figure


def tell(lines: Sequence[Line], out: Path) -> None:
    """Prints what the lines come to, and draws it beside them."""
    print(json.dumps(summary(lines)), *table_of(lines), sep="\n", flush=True)
    save_figure(draw(lines), out.with_suffix(".png"))


@click.command(help=__doc__)
@click.option("--data-dir", type=click.Path(exists=True, path_type=Path), help="What the program's --data-dir takes.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=RESULTS / "cifar10.jsonl", show_default="in docs/results"
)
@click.option(
    "--table",
    type=click.Path(exists=True, path_type=Path),
    default=RESULTS / "cifar10-table.json",
    show_default="in docs/results",
)
@click.option("--budget-ms", "budgets", type=float, multiple=True, default=(0.2, 0.4, 0.8), show_default=True)
@click.option("--seeds", default=3, show_default=True)
@click.option("--random-nets", default=3, show_default=True, help="For each budget and seed.")
@click.option("--share", default=0.1, show_default=True, help="Of the training images.")
@click.option("--held-out", default=0.2, show_default=True, help="Of these, by which nets are searched and judged.")
@click.option("--epochs", default=12, show_default=True, help="Of each training anew.")
@click.option("--lr", default=0.1, show_default=True, help="Of trainings from fresh weights.")
@click.option("--judge-epochs", default=1, show_default=True, help="Of each training that evolution judges by.")
@click.option("--warmup-epochs", default=12, show_default=True)
@click.option("--search-epochs", default=14, show_default=True)
@click.option("--arch-interval", default=2, show_default=True)
@click.option("--batch-size", default=64, show_default=True)
@click.option("--summary", "only_tell", is_flag=True, help="Tell what the lines come to, and do no more.")
def main(
    data_dir: Path | None,
    out: Path,
    table: Path,
    budgets: tuple[float, ...],
    seeds: int,
    random_nets: int,
    only_tell: bool,
    **given: float,
) -> None:
    torch.set_num_threads(1)
    try:
        if out.suffix != ".jsonl":
            raise UserError(f"--out {out} is no file of lines: name one that ends in .jsonl")
        if only_tell and not out.exists():
            raise UserError(f"{out} is not there yet: begin it with --data-dir, or name another --out")
        if only_tell:
            tell(read_lines(out, None, print), out)
        elif data_dir is None:
            raise UserError("there are no images: name them with --data-dir, or give --summary")
        else:
            settings = from_dict(given | {"table": sha256_of(table)[:8]}, Settings)
            with reporter_on_stdout() as reporter:
                read_lines(out, settings, reporter.warn)
                bench = Bench(
                    task=task_of(data_dir, settings, reporter),
                    settings=settings,
                    table_file=table,
                    out=out,
                    cache=find_cache(None),
                    reporter=reporter,
                )
                go_on(bench, places(budgets, seeds, random_nets))
            tell(read_lines(out, settings, print), out)
    except (UserError, PnasError) as error:
        raise SystemExit(str(error)) from None


def preset_of(settings: Settings) -> ImagePreset:
    """The program's own one for a CPU, for fewer images."""
    cpu = structure_preset(read_preset("cpu", PRESETS), "cpu", ImagePreset)
    search = evolve(
        cpu.search,
        warmup_epochs=settings.warmup_epochs,
        epochs=settings.search_epochs,
        arch_interval=settings.arch_interval,
    )
    return evolve(
        cpu,
        batch_size=settings.batch_size,
        validation_share=settings.held_out,
        search=search,
        train=evolve(cpu.train, lr=settings.lr),
    )


def task_of(data_dir: Path, settings: Settings, reporter: Reporter) -> Task:
    """The space, the share of the training images, always the same, and all test images."""
    task = images_task(data_dir, False, preset_of(settings), None, reporter)
    if settings.share == 1:
        return task
    _, share = split_share(task.train, settings.share, seeded_generator(0, "share"))
    return evolve(task, train=share)


def go_on(bench: Bench, wanted: Sequence[Place]) -> None:
    """Does what is not done yet, always the first that can be."""
    left_out = set[Place]()
    while place := next((one for one in wanted if one not in left_out and take(bench, one, wanted)), None):
        left_out.add(place)


def take(bench: Bench, place: Place, wanted: Sequence[Place]) -> bool:
    """Finishes the net of a place, unless it is done, under way elsewhere, or waits for that of the gates."""
    path = bench.run(place).folder.path
    try:
        with held_folder(path):
            lines = bench.lines()
            if not is_open(place, {line.place for line in lines}):
                return False
            bench.reporter.line(
                f"{wanted.index(place) + 1} of {len(wanted)}: {place.net}, {place.budget_ms:g} ms, seed {place.seed}"
            )
            line = finish(bench, place, lines)
            if line is not None:
                bench.add(line)
                bench.reporter.line(f"  {line.accuracy:.2%}, {line.latency_ms:.4f} ms, {line.seconds} s")
            shutil.rmtree(path, ignore_errors=True)
            return True
    except FolderInUseError:
        return False


def is_open(place: Place, done: Collection[Place]) -> bool:
    """Whether a net can be begun, once others are done."""
    return place not in done and (place.net in (SEARCHED, EVOLUTION) or evolve(place, net=SEARCHED) in done)


if __name__ == "__main__":
    main()
