"""All that a run found, on one page."""

from rich.console import Group

from pnas_apps.run.results import RunResults
from pnas_apps.showing.design_table import design_page
from pnas_apps.showing.file_tables import proof_table
from pnas_apps.showing.limit_lines import excess_lines, landing_line
from pnas_apps.showing.run_tables import (
    architecture_table,
    baselines_table,
    landing_table,
    limits_table,
    results_table,
)
from pnas_apps.showing.verdict_table import verdict_page
from pnas_export import Proof
from pnas_latency import Landing, SpaceDesign
from pnas_ops import DeviceInfo, PricedNet


def report_of(
    searched: PricedNet,
    landing: Landing,
    proof: Proof,
    results: RunResults,
    *,
    device: DeviceInfo,
    measured: str,
    sized: str | None,
    whose: str,
    measured_elsewhere: bool,
    noise_floor: float | None = None,
    design: SpaceDesign | None = None,
) -> Group:
    """The page.

    Args:
        searched: the net that was found.
        landing: how it was taken.
        proof: of its files.
        results: all that the run found.
        device: the device that the nets are for.
        measured: what was measured there: the name of a file, or "the net".
        sized: the name of the searched net's file that bytes are those of; None where none ships.
        whose: a line that says which numbers are whose, where the files have others than the nets; may be empty.
        measured_elsewhere: whether the table that predicts is that of another device.
        noise_floor: of that table; None where it is not known.
        design: what the space was chosen from; None where it was given.
    """
    landed = landing_line(landing, results.limits, noise_floor)
    return Group(
        "" if design is None else design_page(design),
        architecture_table(searched),
        "",
        "" if landing.target_ms is None else landing_table(landing, device),
        *([limits_table(results.limits, file=sized, device=device)] if results.limits else []),
        *([] if landed is None else [landed]),
        *excess_lines(results.limits, file=sized or ""),
        proof_table(proof),
        "",
        results_table(results.nets, measured=measured, device=device, measured_elsewhere=measured_elsewhere),
        *([] if results.doubt is None else [results.doubt]),
        *([whose] if whose else []),
        *([baselines_table(results.baselines, results.nets[0], device=device)] if results.baselines else []),
        *([verdict_page(results.verdict)] if results.verdict else []),
        *([results.effort] if results.effort else []),
        *results.remarks,
    )
