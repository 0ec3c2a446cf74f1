"""The first steps of a run: the table, candidates that learn to stand where they stand, the search, the landing."""

from collections.abc import Callable
from functools import partial

from attrs import frozen

from pnas_apps.devices.target import target_device
from pnas_apps.ground.randomness import seeded_generator
from pnas_apps.showing.run_tables import landing_table
from pnas_apps.steps.choice_by_weights import ChoiceByWeights
from pnas_apps.steps.land import land
from pnas_apps.steps.objective import make_arch_step, objective_line
from pnas_apps.steps.rewards import measured_ms
from pnas_apps.steps.search_remarks import search_remarks
from pnas_apps.steps.supernet_search import expected_history_ms, go_on_searching
from pnas_apps.steps.table import TableChoice, table_for
from pnas_latency import Device, Landing, LatencyTable
from pnas_ops import AnyNet, Batches, ModuleArchitecture, save_weights
from pnas_own.choice import random_nets
from pnas_own.pictures import draw_search_of
from pnas_own.run import OwnRun, read_into
from pnas_supernet import ProxylessNAS, accuracy, has_checkpoint, imitate


@frozen(kw_only=True, eq=False)
class Found:
    """The net that a search landed on, and how."""

    net: ModuleArchitecture
    landing: Landing


@frozen(kw_only=True, eq=False)
class Tabled:
    """A run's device, and the table that predicts what nets take on it."""

    device: Device
    table: LatencyTable


def find_table(run: OwnRun, choice: TableChoice) -> Tabled:
    """The table of an interrupted run, or the one that the command line names, or one that is measured.

    Raises:
        UserError: for a table that cannot be used, and a device that cannot measure one.
        InfeasibleBudgetError: for limits that no net of the space keeps.
    """
    device = target_device(run.target, cache=run.cache, log=run.folder.converter_log)
    table = table_for(
        run.space,
        device,
        run.folder,
        run.cache,
        choice,
        budget=run.budget,
        metrics=run.metrics,
        objective=run.preset.objective,
        build=run.supernet.build,
        reporter=run.session.reporter,
    )
    original, fastest = (table.predict_ms(net) for net in (run.space.original, table.metric().cheapest(run.space)))
    run.session.reporter.line(f"  predicted: the original takes {original:.4g} ms, the fastest net {fastest:.4g} ms")
    if run.budget.latency_ms is not None and original <= run.budget.latency_ms:
        asked = f"the requested {run.budget.latency_ms:g} ms"
        run.session.reporter.warn(f"  the original already meets {asked}: the search may choose slower nets")
    return Tabled(device=device, table=table)


def let_imitate(run: OwnRun) -> None:
    """The new candidates learn to give what the original layers give, unless that is done."""
    folder, epochs = run.folder, run.preset.imitation_epochs
    if has_checkpoint(folder.search_checkpoint) or not epochs:
        return
    if folder.files.kept(folder.imitated, read_into(run.supernet), run.session.reporter.warn) is None:
        batches = run.data.training("weights", "imitate")
        with run.session.reporter.phases() as progress:
            found = imitate(run.supernet, batches, epochs=epochs, progress=progress)
        with folder.files.writing(folder.imitated) as staged:
            save_weights(run.supernet, staged)
        run.session.reporter.line(f"  {found!r}".replace("<", "").replace(">", ""))


def _new_search(run: OwnRun, table: LatencyTable, measured: Callable[[AnyNet], float], *, batches: int) -> ProxylessNAS:
    """The search before its first step.

    Args:
        run: whose supernet and options these are.
        table: predicts latencies.
        measured: the latency of a net on the device, in milliseconds.
        batches: weight steps of an epoch.
    """
    config, objective = run.preset.search, run.preset.objective
    arch_step = make_arch_step(
        run.space,
        table,
        config,
        objective,
        run.budget,
        measured if objective.reward_cost == "measured" else table.metric().of,
        steps=config.epochs * (batches // config.arch_interval),
        score=run.given.score or accuracy,
    )
    return ProxylessNAS(
        run.supernet,
        config,
        arch_step=arch_step,
        generator=seeded_generator(run.seed, "paths"),
        loss=run.given.loss,
        score=run.given.score,
    )


def search(run: OwnRun, tabled: Tabled) -> Found:
    """The net that a search lands on; goes on where an interrupted one was. Leaves pictures of the search.

    Raises:
        CheckpointError: for a checkpoint that cannot be resumed from.
        InfeasibleBudgetError: for limits that no net keeps.
        DivergenceError: where a loss or a weight is not finite.
    """
    table, space = tabled.table, run.space

    def weights(epoch: int, start: int) -> Batches:
        return run.data.training("weights", "search", epoch, start=start)

    def choice(epoch: int, start: int) -> Batches:
        return run.data.training("choice", "search", epoch, start=start)

    if run.budget.latency_ms is None:
        run.session.reporter.line(objective_line(run.preset.objective, space, table, run.budget))
    measured = measured_ms(tabled.device, table, run.supernet.build)
    nas = _new_search(run, table, measured, batches=len(weights(0, 0)))
    go_on_searching(
        nas,
        weights,
        choice,
        run.folder,
        expected_ms=table.metric().expectation(space),
        processes=run.session.processes,
        reporter=run.session.reporter,
    )
    landing = _land(run, tabled, measured)
    if landing.target_ms is not None:
        run.session.reporter.console.print(landing_table(landing, table.device))
    net = landing.result.architecture
    assert isinstance(net, ModuleArchitecture)
    run.folder.files.save(net, run.folder.architecture)
    draw_search_of(run, table, nas.history)
    expected_ms = expected_history_ms(nas.history, space, table)
    for line in search_remarks(nas.history, expected_ms, run.budget.latency_ms, by_gates=landing.by_probs):
        run.session.reporter.warn(f"  {line}")
    return Found(net=net, landing=landing)


def _land(run: OwnRun, tabled: Tabled, measured: Callable[[AnyNet], float]) -> Landing:
    choose = None
    if run.preset.judged_nets:
        nets, one_shot = random_nets(run), run.preset.search.gate == "one-shot"
        choose = ChoiceByWeights(nets=nets, shared=partial(map, nets.value), one_shot=one_shot)
    return land(
        run.supernet,
        run.space,
        tabled.table,
        run.budget,
        measured if tabled.table.device == tabled.device.info else None,
        folder=run.folder,
        reporter=run.session.reporter,
        choose=choose,
    )
