"""Pictures of a run: how its search went, what stands in its nets, and how good the predictions were."""

from collections.abc import Mapping, Sequence

from attrs import evolve

from pnas_apps.steps.supernet_search import expected_history_ms
from pnas_latency import Landing, LatencyTable, NetEntry, draw_places, draw_validation
from pnas_ops import AnyNet, Measurement, ModuleArchitecture, save_figure, workloads
from pnas_own.run import OwnRun
from pnas_supernet import EpochRecord, draw_choices, draw_search


def draw_search_of(run: OwnRun, table: LatencyTable, history: Sequence[EpochRecord]) -> None:
    """Score, expected latency and entropy over the epochs, and the choice at every place."""
    expected_ms = expected_history_ms(history, run.space, table)
    target_ms, score = run.budget.latency_ms, run.given.score_name
    titles = {place.path: [one.title for one in place.candidates] for place in run.space.places}
    with run.folder.files.writing(run.folder.curves) as staged:
        save_figure(draw_search(history, expected_ms=expected_ms, target_ms=target_ms, score=score), staged)
    with run.folder.files.writing(run.folder.choices) as staged:
        save_figure(draw_choices(history, titles), staged)


def draw_nets(run: OwnRun, table: LatencyTable, nets: Sequence[ModuleArchitecture]) -> None:
    """What stands at the places."""
    with run.folder.files.writing(run.folder.picture) as staged:
        save_figure(draw_places(table, nets), staged)


def draw_predictions(
    run: OwnRun, table: LatencyTable, landing: Landing, measured_ms: Mapping[ModuleArchitecture, float]
) -> None:
    """Predicted against measured: the nets that the table was calibrated with, and all that the run has measured."""
    tried = [(one.architecture, one.measured_ms) for one in landing.attempts]
    entries = {workloads(entry.architecture): entry for entry in table.nets}
    # Names do not tell nets apart; of one that was measured twice the last measurement counts.
    entries |= {workloads(net): _judge(net, ms) for net, ms in [*tried, *measured_ms.items()] if ms is not None}
    with run.folder.files.writing(run.folder.predictions) as staged:
        save_figure(draw_validation(evolve(table, nets=tuple(entries.values()))), staged)


def _judge(net: AnyNet, ms: float) -> NetEntry:
    measurement = Measurement(latency_ms=ms, p25_ms=ms, median_ms=ms, p75_ms=ms, count=1)
    return NetEntry(architecture=net, measurement=measurement, held_out=True)
