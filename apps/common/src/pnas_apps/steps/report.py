"""The last step: the nets' files are measured side by side, and all that was found is written down."""

import io
import time
from collections.abc import Sequence

from attrs import evolve, frozen
from rich.console import Console, Group

from pnas_apps.run.results import RunResults, net_result
from pnas_apps.run.run import Run
from pnas_apps.showing.report import report_of
from pnas_apps.steps.baselines import compare_with_baselines
from pnas_apps.steps.export import Exported
from pnas_apps.steps.metrics import costs_of_file, run_metrics
from pnas_export import FileDevice
from pnas_latency import SpaceDesign
from pnas_ops import FormatError, Measurement, draw_architectures, load_json, save_figure

_PAGE_COLUMNS = 100


@frozen(kw_only=True, eq=False)
class Reported:
    """What a run found."""

    results: RunResults
    page: Group

    def show(self, console: Console) -> None:
        """Prints all of it."""
        console.print(self.page)


def report(run: Run, exported: Exported) -> Reported:
    """Measures the files, and leaves the results in the run's folder: the run is finished then.

    Raises:
        DeviceError, ValueError: for a device that cannot time a file.
    """
    began = time.perf_counter()
    folder, nets, tabled = run.folder, exported.trained.nets, exported.trained.searched.tabled
    measured = _measured(run, exported)
    baselines = compare_with_baselines(run, tabled.device)
    with folder.files.writing(folder.picture) as staged:
        save_figure(draw_architectures([tabled.table.priced(net.architecture) for net in nets]), staged)
    seconds = folder.read_seconds()
    elsewhere = tabled.table.device != tabled.device.info
    searched_ms = None if elsewhere else measured[0].latency_ms
    results = RunResults(
        nets=tuple(
            net_result(net.architecture, net.epochs, net.accuracy, tabled.table, one)
            for net, one in zip(nets, measured, strict=True)
        ),
        # The pipeline adds those of this step when it is over.
        seconds=seconds | {"report": seconds.get("report", 0.0) + time.perf_counter() - began},
        limits=exported.limits(run, measured_ms=searched_ms, columns=_columns(run, exported)),
        baselines=baselines,
    )
    page = report_of(
        tabled.table.priced(nets[0].architecture),
        exported.trained.searched.landing,
        exported.bundle.proof,
        results,
        device=tabled.device.info,
        measured=exported.files[0].name if isinstance(tabled.device, FileDevice) else "the nets",
        sized=None if exported.sized is None else exported.sized.name,
        whose=_whose(exported),
        measured_elsewhere=elsewhere,
        design=_design(run),
    )
    text = io.StringIO()
    Console(file=text, width=_PAGE_COLUMNS, markup=False, emoji=False).print(page)
    folder.files.write(folder.report, text.getvalue())
    folder.files.save(results, folder.results)
    return Reported(results=results, page=page)


def _design(run: Run) -> SpaceDesign | None:
    path = run.folder.design
    if not path.exists():
        return None
    try:
        run.folder.files.check(path)
        return load_json(path, SpaceDesign)
    except FormatError as error:
        run.reporter.warn(f"  {error.what}: the report does not say what the space was chosen from")
        return None


def _measured(run: Run, exported: Exported) -> Sequence[Measurement]:
    """The latency of each net with the cost of a call: of its file where the device runs files, or else of itself."""
    device = exported.trained.searched.tabled.device
    with run.reporter.phases() as progress:
        if isinstance(device, FileDevice):
            of_files = device.measure_files(exported.files, progress=progress)
            return [of_files[file] for file in exported.files]
        nets = [net.architecture for net in exported.trained.nets]
        of_nets = dict(device.measure([], nets=nets, progress=progress))
    return [evolve(one, latency_ms=one.latency_ms + one.overhead_ms) for one in map(of_nets.__getitem__, nets)]


def _columns(run: Run, exported: Exported) -> dict[str, float]:
    return {} if exported.sized is None else costs_of_file(run_metrics(run), exported.sized)


def _whose(exported: Exported) -> str:
    device = exported.trained.searched.tabled.device
    if isinstance(device, FileDevice):
        return ""
    return (
        f"Milliseconds of the nets are those of {device.info}. {exported.files[0].name} and weights.safetensors ship; "
        "the file's own, further up, are of one image in float32 on this machine's CPU."
    )
