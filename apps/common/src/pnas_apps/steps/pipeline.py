"""The whole road of a run: table, search, training, export, report. What is in the run folder is not done again."""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import torch
from attrs import evolve, frozen
from rich.console import Console, Group
from torch import nn

from pnas_apps.devices.target import TargetDevice, shipped_format, target_device
from pnas_apps.ground.errors import UserError
from pnas_apps.run.folder import SEARCHED
from pnas_apps.run.results import RunResults, net_result
from pnas_apps.run.run import Run
from pnas_apps.showing.terminal_tables import architecture_table, landing_table, proof_table, results_table
from pnas_apps.steps.export import export_network, export_reference
from pnas_apps.steps.rewards import make_cost, measured_ms
from pnas_apps.steps.search import biggest, expected_history_ms, fastest, run_search
from pnas_apps.steps.table import cached_table, read_table
from pnas_apps.steps.train import retrain
from pnas_apps.training.training import TrainConfig, accuracy
from pnas_export import Bundle, Format, file_name
from pnas_latency import Landing, LatencyTable, MissingWorkloadsError, check_budget, land
from pnas_ops import Architecture, draw_architectures, load_json, save_figure, save_json, write_atomically
from pnas_supernet import EpochRecord, SuperNet, draw_search, mixed_ops

Step = Literal["table", "search", "train", "export", "report"]
STEPS: tuple[Step, ...] = ("table", "search", "train", "export", "report")
FORMATS: tuple[Format, ...] = ("onnx", "tflite", "tflite-int8")


def run_pipeline(
    run: Run, *, until: Step = "report", table_path: Path | None = None, foreign_table: bool = False
) -> None:
    """Goes through the steps.

    Args:
        run: what to work on.
        until: the last step.
        table_path: a latency table to search with, instead of measuring one.
        foreign_table: whether it may be that of another device than the run's.

    Raises:
        UserError: for anything that the user can mend.
    """
    device = target_device(run.target, cache=run.cache, log=run.folder.converter_log)
    with _step(run, "table"):
        table = run.processes.first(lambda: _begin_with_table(run, device, table_path, foreign_table))
        run.reporter.console.print(f"  {table.device}, measured on {table.measured_on}")
    if until == "table":
        return

    with _step(run, "search"):
        supernet, history = _search(run, table, device)
        landing = run.processes.first(lambda: _land_and_draw(run, supernet, history, table, device))
        if landing.target_ms is not None:
            run.reporter.console.print(landing_table(landing))
    searched = landing.result.architecture
    if until == "search":
        run.reporter.console.print(architecture_table(searched, table))
        return

    trainings = {
        searched: run.preset.train,
        fastest(run.task.space, table): run.preset.reference_train,
        biggest(run.task.space): run.preset.reference_train,
    }
    with _step(run, "train"):
        networks = {net.name: retrain(run, supernet, net, config) for net, config in trainings.items()}
        test = run.ordered_batches(run.task.test)
        accuracies = {
            name: accuracy(network.eval(), test, processes=run.processes) for name, network in networks.items()
        }
    if until == "train":
        for name, found in accuracies.items():
            run.reporter.console.print(f"  {name}: {found:.2%} of {len(run.task.test)} test images")
        return

    alone = run.processes.parted()
    if alone is not None:
        trained = _Trained(trainings=trainings, networks=networks, accuracies=accuracies)
        _ship(evolve(run, processes=alone), landing, trained, table, device, until)


@frozen(kw_only=True, eq=False)
class _Trained:
    """The nets of a run, and their accuracies by name; the searched one is the first."""

    trainings: dict[Architecture, TrainConfig]
    networks: dict[str, nn.Module]
    accuracies: dict[str, float]


def _ship(
    run: Run, landing: Landing, trained: _Trained, table: LatencyTable, device: TargetDevice, until: Step
) -> None:
    """The last two steps, which one process does."""
    folder, searched, networks = run.folder, landing.result.architecture, trained.networks
    with _step(run, "export"):
        measured_format = shipped_format(device)
        files = {
            name: export_reference(run, networks[name], name, measured_format) for name in networks if name != SEARCHED
        }
        bundle = _export_searched(run, networks[SEARCHED], searched, measured_format)
        files[SEARCHED] = bundle.path / file_name(measured_format)
    if until == "export":
        return

    with _step(run, "report"):
        with run.reporter.phases() as progress:
            measured = device.measure_files(list(files.values()), progress=progress)
        save_figure(draw_architectures([table.priced(net) for net in trained.trainings]), folder.picture)
    results = RunResults(
        nets=tuple(
            net_result(net, config.epochs, trained.accuracies[net.name], table, measured[files[net.name]])
            for net, config in trained.trainings.items()
        ),
        seconds=folder.read_seconds(),
    )
    report = Group(
        architecture_table(searched, table),
        "",
        "" if landing.target_ms is None else landing_table(landing),
        proof_table(bundle.proof),
        "",
        results_table(results.nets, file=file_name(measured_format), measured_elsewhere=table.device != device.info),
    )
    run.reporter.console.print(report)
    page = io.StringIO()
    Console(file=page, width=100, markup=False, emoji=False).print(report)
    write_atomically(folder.report, page.getvalue())
    save_json(results, folder.results)


@contextmanager
def _step(run: Run, name: Step) -> Iterator[None]:
    run.reporter.console.print(f"{STEPS.index(name) + 1}/{len(STEPS)} {name}", style="bold")
    start = time.perf_counter()
    try:
        yield
    finally:
        if run.processes.is_first:
            run.folder.add_seconds(name, time.perf_counter() - start)


def _begin_with_table(run: Run, device: TargetDevice, table_path: Path | None, foreign_table: bool) -> LatencyTable:
    """Leaves in the run's folder what is known before the search, and gives the table."""
    save_json(run.preprocessing, run.folder.preprocessing)
    write_atomically(run.folder.labels, "".join(f"{name}\n" for name in run.task.train.classes))
    table = _find_table(run, device, table_path, foreign_table)
    try:
        check_budget(run.task.space, table, run.budget)
    except ValueError as error:
        raise UserError(str(error)) from None
    table.save(run.folder.table)
    return table


def _search(run: Run, table: LatencyTable, device: TargetDevice) -> tuple[SuperNet, list[EpochRecord]]:
    objective = run.preset.objective
    # Made and asked in one process alone, while the others wait.
    measures = objective.form == "reinforce" and run.processes.is_first
    cost = make_cost(
        objective.reward_cost if measures else "table",
        run.task.space,
        table,
        device,
        conversions=run.conversions,
        log=run.folder.converter_log,
    )
    return run_search(run, table, lambda architecture: run.processes.first(lambda: cost(architecture)))


def _land_and_draw(
    run: Run, supernet: SuperNet, history: list[EpochRecord], table: LatencyTable, device: TargetDevice
) -> Landing:
    """Comes down on the budget, and leaves the net that it is in the run's folder, with pictures of the search."""
    landing = _land(run, supernet, table, device)
    searched = landing.result.architecture
    save_json(searched, run.folder.architecture)
    expected_ms = expected_history_ms(history, run.task.space, table)
    save_figure(draw_search(history, expected_ms=expected_ms, target_ms=run.budget.latency_ms), run.folder.curves)
    save_figure(draw_architectures([table.priced(searched)]), run.folder.picture)
    return landing


def _land(run: Run, supernet: SuperNet, table: LatencyTable, device: TargetDevice) -> Landing:
    """The landing of an interrupted run, or a new one."""
    if run.folder.landing.exists():
        return load_json(run.folder.landing, Landing)
    measure: Callable[[Architecture], float] | None = None
    if table.device == device.info:
        measure_one = measured_ms(device)

        def measure(architecture: Architecture) -> float:
            with run.reporter.bar("measuring the net", 1) as advance:
                found = measure_one(architecture)
                advance(text=f"{found:.4f} ms")
            return found

    probs = [op.probs.detach().to("cpu", torch.float64) for op in mixed_ops(supernet)]
    try:
        landing = land(probs, run.task.space, table, run.budget, measure, name=SEARCHED)
    except ValueError as error:
        raise UserError(str(error)) from None
    save_json(landing, run.folder.landing)
    return landing


def _export_searched(run: Run, network: nn.Module, architecture: Architecture, measured: Format) -> Bundle:
    """The bundle of an interrupted run, or a new one."""
    path = run.folder.bundle(architecture.name)
    if (path / "bundle.json").exists():
        return Bundle.load(path)
    formats = FORMATS if measured in FORMATS else (*FORMATS, measured)
    return export_network(run, network, architecture, path, formats)


def _find_table(run: Run, device: TargetDevice, table_path: Path | None, foreign: bool) -> LatencyTable:
    """The table of an interrupted run, or the one that the user names, or the measured one."""
    space, begun_with = run.task.space, run.folder.table
    if table_path is None and not begun_with.exists():
        return cached_table(device, space, run.cache / "tables", run.reporter)
    path = begun_with if table_path is None else table_path
    table = read_table(path)
    if begun_with.exists() and table != read_table(begun_with):
        raise UserError(f"{run.folder.path} was begun with another table than {path}: leave out --table")
    try:
        # A run that goes on with its own table has been told already.
        table.check_fits(space, None if foreign or table_path is None else device.info)
    except MissingWorkloadsError as error:
        raise UserError(
            f"{path} is a table of another space: {error.what}: add them with the command table, or leave out --table"
        ) from None
    except ValueError as error:
        what = _without(error, ", or say allow=")
        raise UserError(f"{path} is a table of another device: {what}; or add --foreign-table") from None
    return table


def _without(error: Exception, way_out: str) -> str:
    """The message without the way out that the library names, which is none on a command line."""
    return str(error).partition(way_out)[0]
