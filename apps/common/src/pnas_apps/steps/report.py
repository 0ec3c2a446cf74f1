"""The last step: the nets' files are measured side by side, and all that was found is written down."""

import io
import time

from attrs import frozen
from rich.console import Console, Group

from pnas_apps.run.results import RunResults, net_result
from pnas_apps.run.run import Run
from pnas_apps.showing.report import report_of
from pnas_apps.steps.export import Exported
from pnas_apps.steps.metrics import costs_of_file
from pnas_ops import draw_architectures, save_figure

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
    with run.reporter.phases() as progress:
        measured = tabled.device.measure_files(exported.files, progress=progress)
    with folder.files.writing(folder.picture) as staged:
        save_figure(draw_architectures([tabled.table.priced(net.architecture) for net in nets]), staged)
    seconds = folder.read_seconds()
    elsewhere = tabled.table.device != tabled.device.info
    searched_ms = None if elsewhere else measured[exported.files[0]].latency_ms
    results = RunResults(
        nets=tuple(
            net_result(net.architecture, net.epochs, net.accuracy, tabled.table, measured[file])
            for net, file in zip(nets, exported.files, strict=True)
        ),
        # The pipeline adds those of this step when it is over.
        seconds=seconds | {"report": seconds.get("report", 0.0) + time.perf_counter() - began},
        limits=exported.limits(run, measured_ms=searched_ms, columns=costs_of_file(run, exported.sized)),
    )
    page = report_of(
        tabled.table.priced(nets[0].architecture),
        exported.trained.searched.landing,
        exported.bundle.proof,
        results,
        file=exported.files[0].name,
        sized=exported.sized.name,
        measured_elsewhere=elsewhere,
    )
    text = io.StringIO()
    Console(file=text, width=_PAGE_COLUMNS, markup=False, emoji=False).print(page)
    folder.files.write(folder.report, text.getvalue())
    folder.files.save(results, folder.results)
    return Reported(results=results, page=page)
