"""The last step: the net's file is measured, and all that was found is written down."""

import platform
import time
from importlib.metadata import version

from attrs import evolve, frozen
from rich.console import Console, Group

from pnas_apps.run.results import RunResults, net_result
from pnas_apps.run.run import Run
from pnas_apps.showing.table_noise import noise_line
from pnas_apps.steps.baselines import compare_with_baselines
from pnas_apps.steps.export import Exported
from pnas_apps.steps.metrics import costs_of_file, run_metrics
from pnas_apps.steps.mistakes import find_mistakes
from pnas_apps.steps.reference_nets import biggest, fastest
from pnas_apps.steps.report_page import write_report
from pnas_apps.training.judging import no_better_line
from pnas_export import FileDevice
from pnas_ops import Measurement, draw_architectures, save_figure


@frozen(kw_only=True, eq=False)
class Reported:
    """What a run found."""

    results: RunResults
    page: Group

    def show(self, console: Console) -> None:
        """Prints all of it."""
        console.print(self.page)


def report(run: Run, exported: Exported) -> Reported:
    """Measures the file, and leaves the results in the run's folder: the run is finished then.

    Raises:
        DeviceError, ValueError: for a device that cannot time a file.
    """
    began = time.perf_counter()
    folder, net, searched = run.folder, exported.trained.net, exported.trained.searched
    tabled, verdict = searched.tabled, exported.compared.verdict
    measured = _measured(run, exported)
    baselines = compare_with_baselines(run, tabled)
    drawn = [net.architecture, fastest(run.task.space, tabled.table), biggest(run.task.space)]
    with folder.files.writing(folder.picture) as staged:
        save_figure(draw_architectures([tabled.table.priced(one) for one in drawn]), staged)
    seconds = folder.read_seconds()
    elsewhere = tabled.table.device != tabled.device.info
    searched_ms = None if elsewhere else measured.at(tabled.table.probe_ms).latency_ms
    noise = noise_line(tabled.table, net.architecture)
    results = RunResults(
        nets=(net_result(net.architecture, net.epochs, net.accuracy, tabled.table, measured),),
        # The pipeline adds those of this step when it is over.
        seconds=seconds | {"report": seconds.get("report", 0.0) + time.perf_counter() - began},
        limits=exported.limits(run, measured_ms=searched_ms, columns=_columns(run, exported)),
        baselines=baselines,
        verdict=verdict,
        remarks=searched.remarks if noise is None else (*searched.remarks, f"{noise}."),
        doubt=no_better_line(net.accuracy, run.task.test.labels),
        versions=_versions(),
    )
    mistakes = find_mistakes(run.sized_for(net.architecture), exported.bundle.path)
    if mistakes is not None:
        folder.files.save(mistakes, folder.mistakes)
    page = write_report(run, tabled, searched.landing, exported.bundle, results)
    return Reported(results=results, page=page)


def _versions() -> dict[str, str]:
    names = ("pnas-ops", "pnas-supernet", "pnas-latency", "pnas-export", "torch", "torchvision")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def _measured(run: Run, exported: Exported) -> Measurement:
    """The latency of the net with the cost of a call: of its file where the device runs files, or else of itself."""
    device, net = exported.trained.searched.tabled.device, exported.trained.net.architecture
    with run.reporter.phases() as progress:
        if isinstance(device, FileDevice):
            return device.measure_files([exported.file], progress=progress)[exported.file]
        ((_, one),) = device.measure([], nets=[net], progress=progress)
    return evolve(one, latency_ms=one.latency_ms + one.overhead_ms)


def _columns(run: Run, exported: Exported) -> dict[str, float]:
    return {} if exported.sized is None else costs_of_file(run_metrics(run), exported.sized)
