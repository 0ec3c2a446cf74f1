"""All that a run found, on one page."""

from rich.console import Group

from pnas_apps.run.results import RunResults
from pnas_apps.showing.file_tables import proof_table
from pnas_apps.showing.run_tables import architecture_table, excess_lines, landing_table, limits_table, results_table
from pnas_export import Proof
from pnas_latency import Landing
from pnas_ops import PricedNet


def report_of(
    searched: PricedNet,
    landing: Landing,
    proof: Proof,
    results: RunResults,
    *,
    file: str,
    sized: str,
    measured_elsewhere: bool,
) -> Group:
    """The page.

    Args:
        searched: the net that was found.
        landing: how it was taken.
        proof: of its files.
        results: of all nets.
        file: the name of the files that were measured.
        sized: the name of the searched net's file that bytes are those of.
        measured_elsewhere: whether the table that predicts is that of another device.
    """
    return Group(
        architecture_table(searched),
        "",
        "" if landing.target_ms is None else landing_table(landing),
        *([limits_table(results.limits, file=sized)] if results.limits else []),
        *excess_lines(results.limits, file=sized),
        proof_table(proof),
        "",
        results_table(results.nets, file=file, measured_elsewhere=measured_elsewhere),
    )
