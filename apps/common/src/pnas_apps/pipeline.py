"""The whole road of a run: table, search, training, export, report."""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, Group
from torch import nn

from pnas_apps.errors import UserError
from pnas_apps.exporting import export_network, export_reference
from pnas_apps.pictures import draw_architectures, draw_search
from pnas_apps.results import RunResults, architecture_table, net_result, proof_table, results_table
from pnas_apps.retraining import retrain
from pnas_apps.run import Run
from pnas_apps.run_folder import SEARCHED
from pnas_apps.searching import biggest, expected_history_ms, fastest, run_search
from pnas_apps.tables import cached_table, read_table
from pnas_apps.training import accuracy
from pnas_export import Bundle, Format, TFLiteDevice
from pnas_latency import LatencyTable, MissingWorkloadsError
from pnas_ops import Architecture, save_json, write_atomically
from pnas_supernet import derive

STEPS = ("table", "search", "train", "export", "report")
FORMATS: tuple[Format, ...] = ("onnx", "tflite", "tflite-int8")


def run_pipeline(run: Run, *, table_path: Path | None, foreign_table: bool) -> RunResults:
    """Goes through all steps; what is in the run folder is not done again.

    Args:
        run: what to work on.
        table_path: a latency table to search with, instead of measuring one.
        foreign_table: whether it may be that of another device than the TFLite runtime here.

    Raises:
        UserError: for anything that the user can mend.
    """
    folder, space = run.folder, run.task.space
    device = TFLiteDevice(cache=run.conversions, log=folder.converter_log)
    save_json(run.preprocessing, folder.preprocessing)
    write_atomically(folder.labels, "".join(f"{name}\n" for name in run.task.train.classes))

    with _step(run, "table"):
        table = _find_table(run, device, table_path, foreign_table)
        table.save(folder.table)
        run.reporter.console.print(f"  {table.device}, measured on {table.measured_on}")

    with _step(run, "search"):
        supernet, history = run_search(run, table)
        searched = derive(supernet, name=SEARCHED)
        save_json(searched, folder.architecture)
        draw_search(history, expected_history_ms(history, space, table), folder.curves)
    trainings = {
        searched: run.preset.train,
        fastest(space, table): run.preset.reference_train,
        biggest(space): run.preset.reference_train,
    }

    with _step(run, "train"):
        networks = {net.name: retrain(run, supernet, net, config) for net, config in trainings.items()}
        test = run.ordered_batches(run.task.test)
        accuracies = {name: accuracy(network.eval(), test) for name, network in networks.items()}

    with _step(run, "export"):
        files = {name: export_reference(run, networks[name], name) for name in networks if name != SEARCHED}
        bundle = _export_searched(run, networks[SEARCHED], searched)
        files[SEARCHED] = bundle.path / "model.tflite"

    with _step(run, "report"):
        with run.reporter.phases() as progress:
            measured = device.measure_files(list(files.values()), progress=progress)
        draw_architectures(list(trainings), table, folder.picture)
    results = RunResults(
        nets=tuple(
            net_result(net, config.epochs, accuracies[net.name], table, measured[files[net.name]])
            for net, config in trainings.items()
        ),
        seconds=folder.read_seconds(),
    )
    report = Group(
        architecture_table(searched, table),
        "",
        proof_table(bundle.proof),
        "",
        results_table(results.nets, measured_elsewhere=table.device != device.info),
    )
    run.reporter.console.print(report)
    page = io.StringIO()
    Console(file=page, width=100, markup=False, emoji=False).print(report)
    write_atomically(folder.report, page.getvalue())
    save_json(results, folder.results)
    return results


@contextmanager
def _step(run: Run, name: str) -> Iterator[None]:
    run.reporter.console.print(f"{STEPS.index(name) + 1}/{len(STEPS)} {name}", style="bold")
    start = time.perf_counter()
    try:
        yield
    finally:
        run.folder.add_seconds(name, time.perf_counter() - start)


def _export_searched(run: Run, network: nn.Module, architecture: Architecture) -> Bundle:
    """The bundle of an interrupted run, or a new one."""
    path = run.folder.bundle(architecture.name)
    if (path / "bundle.json").exists():
        return Bundle.load(path)
    return export_network(run, network, architecture, path, FORMATS)


def _find_table(run: Run, device: TFLiteDevice, table_path: Path | None, foreign: bool) -> LatencyTable:
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
        what = _without(error, ". Measure them")
        raise UserError(
            f"{path} is a table of another space: {what}: add them with the command table, or leave out --table"
        ) from None
    except ValueError as error:
        what = _without(error, ", or say allow=")
        raise UserError(f"{path} is a table of another device: {what}; or add --foreign-table") from None
    return table


def _without(error: Exception, way_out: str) -> str:
    """The message without the way out that the library names, which is none on a command line."""
    return str(error).partition(way_out)[0]
