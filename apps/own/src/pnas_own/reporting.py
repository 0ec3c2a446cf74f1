"""What a run found: both nets side by side, and what has changed from one to the other."""

import io
from collections.abc import Mapping

from attrs import frozen
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group
from rich.table import Table
from torch import nn

from pnas_apps.run.folder import SEARCHED
from pnas_apps.steps.rewards import measured_ms
from pnas_apps.training.judging import shown_score
from pnas_ops import ModuleArchitecture
from pnas_own.judging import judged
from pnas_own.run import ORIGINAL, OwnRun
from pnas_own.searching import Tabled

_PAGE_COLUMNS = 100


@frozen(kw_only=True)
class NetLine:
    """A net: how good it is on the test images, and what it takes on the device."""

    name: str
    score: float
    predicted_ms: float
    measured_ms: float


@frozen(kw_only=True)
class Change:
    """What stands at a place of the found net instead of the original."""

    path: str
    title: str


@frozen(kw_only=True)
class OwnResults:
    """What a run found.

    Attributes:
        score_as_given: of the original before it was trained.
        nets: the original and the found one, trained alike.
        changes: from the one to the other.
        places: where there could have been one.
    """

    score_as_given: float
    nets: tuple[NetLine, ...]
    changes: tuple[Change, ...]
    places: int


def report(
    run: OwnRun, tabled: Tabled, score_as_given: float, found: ModuleArchitecture, trained: Mapping[str, nn.Module]
) -> OwnResults:
    """Judges and measures both nets, and leaves the results in the run's folder: the run is finished then.

    Raises:
        DeviceError, ValueError: for a device that cannot time a net.
    """
    nets = {ORIGINAL: run.space.original, SEARCHED: found}
    measured = measured_ms(tabled.device, run.supernet.build)
    results = OwnResults(
        score_as_given=score_as_given,
        nets=tuple(
            NetLine(
                name=name,
                score=judged(trained[name], run.data, run.given.score),
                predicted_ms=tabled.table.predict_ms(net),
                measured_ms=measured(net),
            )
            for name, net in nets.items()
        ),
        changes=changes(run.space.original, found),
        places=len(run.space.places),
    )
    page = Group(_nets_title(run, results), _nets_table(run, results), _changes_title(results), _changes_table(results))
    text = io.StringIO()
    Console(file=text, width=_PAGE_COLUMNS, markup=False, emoji=False).print(page)
    run.folder.files.write(run.folder.report, text.getvalue())
    run.folder.files.save(results, run.folder.results)
    run.session.reporter.console.print(page)
    return results


def changes(original: ModuleArchitecture, found: ModuleArchitecture) -> tuple[Change, ...]:
    """Where two nets of a space differ."""
    pairs = zip(original.places, found.places, strict=True)
    return tuple(
        Change(path=new.path, title=new.candidates[0].title)
        for old, new in pairs
        if old.candidates[0].title != new.candidates[0].title
    )


def _nets_title(run: OwnRun, results: OwnResults) -> str:
    target_ms, found = run.budget.latency_ms, results.nets[-1]
    asked = (
        ""
        if target_ms is None
        else f"\n{found.name} takes {found.measured_ms / target_ms:.0%} of the {target_ms:g} ms asked for"
    )
    return f"Both nets, trained alike (the original as it was given: {shown_score(results.score_as_given)}){asked}"


def _nets_table(run: OwnRun, results: OwnResults) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("net")
    for heading in ("accuracy" if run.given.score is None else "score", "predicted ms", "measured ms", "off by"):
        table.add_column(heading, justify="right")
    for net in results.nets:
        off = net.predicted_ms / net.measured_ms - 1
        table.add_row(
            net.name, shown_score(net.score), f"{net.predicted_ms:.4f}", f"{net.measured_ms:.4f}", f"{off:+.1%}"
        )
    return table


def _changes_title(results: OwnResults) -> str:
    return f"Changed: {len(results.changes)} of {results.places} places"


def _changes_table(results: OwnResults) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("place", "now"):
        table.add_column(heading)
    for change in results.changes:
        table.add_row(change.path, change.title)
    return table
