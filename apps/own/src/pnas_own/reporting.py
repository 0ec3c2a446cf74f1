"""What a run found: both nets side by side, and what has changed from one to the other."""

from collections.abc import Mapping
from pathlib import Path

from attrs import frozen
from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from torch import nn

from pnas_apps.devices.target import sized_format
from pnas_apps.ground.console import page_text
from pnas_apps.run.folder import SEARCHED
from pnas_apps.run.results import LimitResult, limit_results
from pnas_apps.showing.limit_lines import landing_line
from pnas_apps.showing.run_tables import AT_TABLE_SPEED, limits_table, of_batch
from pnas_apps.showing.table_noise import noise_line
from pnas_apps.steps.metrics import costs_of_file
from pnas_apps.steps.rewards import measured_ms
from pnas_apps.training.judging import no_better_line, shown_score
from pnas_export import Bundle, file_name
from pnas_ops import DeviceInfo, ModuleArchitecture
from pnas_own.judging import judge
from pnas_own.pictures import draw_nets, draw_predictions
from pnas_own.run import ORIGINAL, OwnRun
from pnas_own.searching import Found, Tabled


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
        nets: the original and the found one, trained in the same way.
        changes: from the one to the other.
        places: where there could have been one.
        limits: what was requested of the found net, and what ships.
        doubt: a line where that is not shown to be better than to name the most frequent class; None elsewhere.
    """

    score_as_given: float
    nets: tuple[NetLine, ...]
    changes: tuple[Change, ...]
    places: int
    limits: tuple[LimitResult, ...] = ()
    doubt: str | None = None


def report(
    run: OwnRun,
    tabled: Tabled,
    score_as_given: float,
    found: Found,
    trained: Mapping[str, nn.Module],
    bundle: Bundle,
) -> OwnResults:
    """Judges, measures and draws both nets, and leaves the results in the run's folder: the run is finished then.

    Raises:
        DeviceError, ValueError: for a device that cannot time a net.
        UserError: for a command that does not tell what a file costs.
    """
    nets = {ORIGINAL: run.space.original, SEARCHED: found.net}
    table = tabled.table
    measure = measured_ms(tabled.device, table, run.supernet.build)
    measured = {net: measure(net) for net in nets.values()}
    judged = {name: judge(trained[name], run.data, run.given.score) for name in nets}
    ships = judged[SEARCHED]
    is_here = table.device == tabled.device.info
    sized_as = sized_format(tabled.device, table)
    sized = None if sized_as is None else bundle.path / file_name(sized_as)
    results = OwnResults(
        score_as_given=score_as_given,
        nets=tuple(
            NetLine(
                name=name,
                score=judged[name].score,
                predicted_ms=table.predict_ms(net),
                measured_ms=measured[net],
            )
            for name, net in nets.items()
        ),
        changes=changes(run.space.original, found.net),
        places=len(run.space.places),
        limits=limit_results(
            run.budget,
            table,
            found.net,
            None,
            measured_ms=measured[found.net] if is_here else None,
            columns={} if sized is None else costs_of_file(run.metrics, sized),
        ),
        doubt=None if run.given.score or ships.labels is None else no_better_line(ships.score, ships.labels),
    )
    draw_nets(run, table, list(nets.values()))
    if is_here:
        draw_predictions(run, table, found.landing, measured)
    landed = landing_line(found.landing, results.limits, table.noise_floor)
    noise = noise_line(table, *nets.values())
    page = Group(
        _nets_title(run, results, table.device),
        _nets_table(run, results),
        *([] if noise is None else [noise]),
        *([] if results.doubt is None else [results.doubt]),
        *([_limits(results, sized, table.device)] if results.limits else []),
        *([] if landed is None else [landed]),
        _changes_title(results),
        _changes_table(results),
        _pictures(run),
    )
    run.folder.files.write(run.folder.report, page_text(page))
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


def _nets_title(run: OwnRun, results: OwnResults, device: DeviceInfo) -> str:
    target_ms, found, asked = run.budget.latency_ms, results.nets[-1], ""
    if target_ms is not None:
        share = f"{found.measured_ms / target_ms:.0%}"
        asked = f"\n{found.name} takes {share} of the requested {target_ms:g} ms{of_batch(device)}"
    return f"Both nets, trained in the same way (the original as given: {shown_score(results.score_as_given)}){asked}"


def _nets_table(run: OwnRun, results: OwnResults) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, caption=AT_TABLE_SPEED, caption_justify="left")
    table.add_column("net")
    for heading in (run.given.score_name, "predicted ms", "measured ms", "off by"):
        table.add_column(heading, justify="right")
    for net in results.nets:
        off = net.predicted_ms / net.measured_ms - 1
        table.add_row(
            net.name, shown_score(net.score), f"{net.predicted_ms:.4f}", f"{net.measured_ms:.4f}", f"{off:+.1%}"
        )
    return table


def _limits(results: OwnResults, sized: Path | None, device: DeviceInfo) -> Table:
    return limits_table(results.limits, file=None if sized is None else sized.name, device=device)


def _changes_title(results: OwnResults) -> str:
    return f"Changed: {len(results.changes)} of {results.places} places"


def _changes_table(results: OwnResults) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("place", "now"):
        table.add_column(heading)
    for change in results.changes:
        table.add_row(change.path, change.title)
    return table


def _pictures(run: OwnRun) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("picture", "of what"):
        table.add_column(heading)
    folder = run.folder
    for path, what in (
        (folder.curves, f"{run.given.score_name}, latency and entropy of the search by epoch"),
        (folder.choices, "probability of each candidate at each place, by epoch"),
        (folder.picture, "operations at the places of both nets, with their milliseconds"),
        (folder.predictions, "predicted and measured latency of nets"),
    ):
        if path.exists():
            table.add_row(path.name, what)
    return table
