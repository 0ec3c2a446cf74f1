"""The report of a run as it is printed and kept: made of nothing but what the run's folder holds."""

from rich.console import Group

from pnas_apps.devices.target import shipped_format, sized_format
from pnas_apps.ground.console import page_text
from pnas_apps.run.results import RunResults
from pnas_apps.run.run import Run
from pnas_apps.showing.report import report_of
from pnas_apps.steps.page import write_page
from pnas_apps.steps.table import Tabled
from pnas_export import Bundle, FileDevice, file_name
from pnas_latency import Landing, SpaceDesign
from pnas_ops import Architecture, FormatError, load_json


def write_report(run: Run, tabled: Tabled, landing: Landing, bundle: Bundle, results: RunResults) -> Group:
    """Leaves the report, the results and the page in the run's folder; with the results the run is finished.

    Args:
        run: whose folder it is.
        tabled: the run's device and table.
        landing: how its net was taken.
        bundle: the files of its net.
        results: what it found.

    Returns:
        The report.
    """
    searched = landing.result.architecture
    assert isinstance(searched, Architecture)
    device, table = tabled.device, tabled.table
    shipped, sized = file_name(shipped_format(device)), sized_format(device, table)
    report = report_of(
        table.priced(searched),
        landing,
        bundle.proof,
        results,
        device=device.info,
        measured=shipped if isinstance(device, FileDevice) else "the net",
        sized=None if sized is None else file_name(sized),
        whose="" if isinstance(device, FileDevice) else _whose(tabled, shipped),
        measured_elsewhere=table.device != device.info,
        noise_floor=table.noise_floor,
        design=_design(run),
    )
    run.folder.files.write(run.folder.report, page_text(report))
    run.folder.files.save(results, run.folder.results)
    write_page(run.folder)
    return report


def _design(run: Run) -> SpaceDesign | None:
    path = run.folder.design
    if not path.exists():
        return None
    try:
        run.folder.files.check(path)
        return load_json(path, SpaceDesign)
    except FormatError as error:
        run.reporter.warn(f"  {error.what}: the report omits what the space was chosen from")
        return None


def _whose(tabled: Tabled, shipped: str) -> str:
    return (
        f"The net's milliseconds are for {tabled.device.info}. {shipped} and weights.safetensors ship; the file's own "
        "milliseconds, above, are for one image in float32 on this machine's CPU."
    )
