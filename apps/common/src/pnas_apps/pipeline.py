"""The whole road of a run: table, search, training, export, report."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, Group

from pnas_apps.errors import UserError
from pnas_apps.exporting import export_networks
from pnas_apps.images import ImageBatches, measure_normalization
from pnas_apps.pictures import draw_architectures, draw_search
from pnas_apps.progress import Reporter
from pnas_apps.results import RunResults, architecture_table, net_result, proof_table, results_table
from pnas_apps.retraining import retrain
from pnas_apps.run_folder import RunFolder
from pnas_apps.searching import biggest, expected_history_ms, fastest, run_search
from pnas_apps.settings import Preset, Task
from pnas_apps.tables import cached_table, read_table
from pnas_apps.training import accuracy
from pnas_export import TFLiteDevice
from pnas_latency import MissingWorkloadsError
from pnas_ops import save_json, write_atomically
from pnas_supernet import derive

STEPS = ("table", "search", "train", "export", "report")


def run_pipeline(
    task: Task,
    preset: Preset,
    folder: RunFolder,
    *,
    seed: int,
    cache: Path,
    table_path: Path | None,
    reporter: Reporter,
) -> RunResults:
    """Runs all steps; those whose files are in the run folder are taken from there.

    Args:
        task: images and search space.
        preset: options.
        folder: of a run that `RunFolder.begin` has accepted.
        seed: fixes everything but the measured latencies.
        cache: folder of the latency tables of this machine.
        table_path: a latency table to search with, instead of measuring one.
        reporter: shows progress.

    Raises:
        UserError: for anything that the user can mend.
    """
    device = TFLiteDevice(log=folder.converter_log)
    normalization = measure_normalization(task.train)
    save_json(normalization, folder.preprocessing)
    write_atomically(folder.labels, "".join(f"{name}\n" for name in task.train.classes))

    @contextmanager
    def step(name: str) -> Iterator[None]:
        reporter.console.print(f"[bold]{STEPS.index(name) + 1}/{len(STEPS)} {name}[/bold]")
        start = time.perf_counter()
        try:
            yield
        finally:
            folder.add_seconds(name, time.perf_counter() - start)

    with step("table"):
        if folder.table.exists():
            table = read_table(folder.table)
        elif table_path is not None:
            table = read_table(table_path)
        else:
            table = cached_table(device, task.space, cache, reporter)
        try:
            table.costs(task.space), table.fixed_ms(task.space)
        except MissingWorkloadsError as error:
            raise UserError(f"{table_path} is a table of another space: {error}") from None
        table.save(folder.table)
        reporter.console.print(f"  {table.device}, measured on {table.measured_on}")

    with step("search"):
        supernet, history = run_search(task, preset, table, normalization, folder, seed=seed, reporter=reporter)
        searched = derive(supernet, name="searched")
        save_json(searched, folder.architecture)
        draw_search(history, expected_history_ms(history, task.space, table), folder.curves)
    architectures = (searched, fastest(task.space, table), biggest(task.space))

    with step("train"):
        networks = {
            architecture.name: retrain(
                supernet,
                architecture,
                task.train,
                preset,
                normalization,
                folder.network(architecture.name),
                seed=seed,
                reporter=reporter,
            )
            for architecture in architectures
        }
        test_batches = ImageBatches(task.test, normalization, batch_size=preset.batch_size)
        accuracies = {name: accuracy(network, test_batches) for name, network in networks.items()}

    with step("export"):
        proofs = export_networks(networks, task.test, normalization, folder, reporter=reporter)

    with step("report"):
        files = {name: folder.network(name).tflite for name in networks}
        with reporter.phases() as progress:
            measured = device.measure_files(list(files.values()), progress=progress)
        draw_architectures(architectures, table, folder.picture)
    results = RunResults(
        nets=tuple(
            net_result(architecture, accuracies[architecture.name], table, measured[files[architecture.name]])
            for architecture in architectures
        ),
        seconds=folder.read_seconds(),
    )
    report = Group(architecture_table(searched, table), "", proof_table(proofs), "", results_table(results.nets))
    reporter.console.print(report)
    with folder.report.open("w", encoding="utf-8") as file:
        Console(file=file, width=120).print(report)
    save_json(results, folder.results)
    return results
