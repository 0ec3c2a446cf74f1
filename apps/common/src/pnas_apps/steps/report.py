"""The last step: the nets' files are measured side by side, and all that was found is written down."""

import io
import time

from attrs import frozen
from rich.console import Console, Group

from pnas_apps.run.results import RunResults, net_result
from pnas_apps.run.run import Run
from pnas_apps.showing.report import report_of
from pnas_apps.steps.export import Exported
from pnas_ops import draw_architectures, save_figure, save_json, write_atomically

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
    save_figure(draw_architectures([tabled.table.priced(net.architecture) for net in nets]), folder.picture)
    seconds = folder.read_seconds()
    results = RunResults(
        nets=tuple(
            net_result(net.architecture, net.epochs, net.accuracy, tabled.table, measured[file])
            for net, file in zip(nets, exported.files, strict=True)
        ),
        # The pipeline adds those of this step when it is over.
        seconds=seconds | {"report": seconds.get("report", 0.0) + time.perf_counter() - began},
    )
    page = report_of(
        tabled.table.priced(nets[0].architecture),
        exported.trained.searched.landing,
        exported.bundle.proof,
        results,
        file=exported.files[0].name,
        measured_elsewhere=tabled.table.device != tabled.device.info,
    )
    text = io.StringIO()
    Console(file=text, width=_PAGE_COLUMNS, markup=False, emoji=False).print(page)
    write_atomically(folder.report, text.getvalue())
    save_json(results, folder.results)
    return Reported(results=results, page=page)
