"""A finished run in a few lines, for those who open its page next."""

from pathlib import Path
from statistics import fmean

from rich.console import Group
from rich.text import Text

from pnas_apps.ground.terminal import printable
from pnas_apps.run.verdict import Verdict
from pnas_apps.showing.kept_results import KeptResults
from pnas_apps.showing.run_tables import of_batch, speed_line
from pnas_ops import counted


def story(kept: KeptResults, page: Path) -> Group:
    """The verdict, the net that ships, and where all the rest is.

    Args:
        kept: what the run has found.
        page: the page of it.
    """
    results = kept.results
    net, milliseconds = results.nets[0], f"ms{of_batch(kept.table.device)}"
    off_by = "the measurement is too noisy to give an error" if net.off_by is None else f"off by {net.off_by:+.1%}"
    speed = speed_line([net.slower])
    return Group(
        *([] if results.verdict is None else [_accuracies(results.verdict), *results.verdict.remarks]),
        *([] if results.verdict is None else [Text(f"{results.verdict.sentence}.", style="bold")]),
        *([] if speed is None else [speed]),
        f"The net that ships: {net.test_accuracy:.2%} test accuracy, {net.measured.latency_ms:.4f} {milliseconds}, "
        f"predicted {net.predicted_now_ms:.4f}, {off_by}; proven files in {page.parent / kept.bundle}",
        *([] if results.doubt is None else [results.doubt]),
        Text(printable(f"Open {page} in a browser"), style="bold"),
    )


def _accuracies(verdict: Verdict) -> str:
    """The accuracies of the nets that were compared, in a line."""
    random = [fmean(net.accuracies) for net in verdict.of_kind("random")]
    others = [f"{net.name} {fmean(net.accuracies):.2%}" for net in verdict.nets if net.kind != "random"]
    drawn = [f"random nets of its latency {min(random):.2%} to {max(random):.2%}"] if random else []
    searched, *ends = others
    found = ", ".join([searched, *drawn, *ends])
    trained = f"{counted(verdict.epochs, 'epoch')}, {counted(verdict.seeds, 'seed')}"
    return f"Trained from scratch ({trained}) and tested on {verdict.test_images} images: {found}"
