"""The command that judges one net after another."""

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click
from cloup import option_group

from pnas_apps.cli.app import App
from pnas_apps.cli.named_things import FileThere, RunThere
from pnas_apps.cli.option_types import Number, all_of, whole
from pnas_apps.cli.options import DEVICES, data_options
from pnas_apps.cli.preset_help import GROUPS
from pnas_apps.cli.presets import Flags, read_preset
from pnas_apps.cli.run_options import RunOptions, run_options
from pnas_apps.cli.session_options import SessionOptions
from pnas_apps.cli.space_options import preset_and_space
from pnas_apps.cli.started import as_started
from pnas_apps.cli.verb import verb
from pnas_apps.exploring.named_strategies import STRATEGIES, SUPERNET_STRATEGIES, check_strategy
from pnas_apps.ground.errors import UserError
from pnas_apps.run.exploration_settings import Aim, ExplorationSettings, JudgeName

if TYPE_CHECKING:
    from pnas_apps.exploring.outcome import Explored
    from pnas_apps.run.run import Run

_NETS = whole(1, 1_000_000)
_OPTIONS = all_of(
    option_group(
        "Strategy",
        "Which nets to try, and how many.",
        click.option(
            "--strategy",
            type=click.Choice((*STRATEGIES, *SUPERNET_STRATEGIES)),
            metavar="NAME",
            default="evolution",
            show_default=True,
            help=f"How nets are proposed: {', '.join(STRATEGIES)}; or {', '.join(SUPERNET_STRATEGIES)}, which first "
            "train a supernet as the search options say.",
        ),
        click.option("--nets", type=_NETS, default=20, show_default=True, help="Nets that the strategy may propose."),
        click.option(
            "--random-nets",
            type=whole(0, 1_000_000),
            show_default="as many as --nets",
            help="Random nets to judge for comparison; 0 for none.",
        ),
        click.option(
            "--effort",
            type=Number(0, 1e9, above=True),
            show_default="no limit",
            help="Passes over the training images after which the strategy, and random search, propose no more nets.",
        ),
        click.option(
            "--aim",
            "aims",
            type=click.Choice(get_args(Aim)),
            multiple=True,
            show_default="none",
            help="A cost to minimize as well, for a multi-objective strategy such as nsga2.",
        ),
    ),
    option_group(
        "Judge",
        "How nets are judged.",
        click.option(
            "--judge",
            type=click.Choice(get_args(JudgeName)),
            default="scratch",
            show_default=True,
            help="scratch trains each net and tests it on held-out training images; inherited takes the weights of a "
            "search, on the same images; predictor learns from another exploration; table looks up accuracies; "
            "naswot and synflow are proxies without training.",
        ),
        click.option(
            "--judge-epochs",
            type=whole(1, 100_000),
            default=1,
            show_default=True,
            help="Epochs per training from scratch.",
        ),
        click.option(
            "--from",
            "start_run",
            metavar="RUN",
            type=RunThere(),
            show_default="none",
            help="A finished search on the same images and space, with the weights for --judge inherited.",
        ),
        click.option(
            "--accuracies",
            type=FileThere("a table", way_out="name a table with --accuracies"),
            show_default="none",
            help="For --judge table, the table; for --judge predictor, the explored.json of another exploration.",
        ),
    ),
    option_group(
        "Study",
        "Where results are stored, and how many processes judge.",
        click.option(
            "--study",
            show_default="a file in the run's folder",
            help="An SQLite file, or URL#NAME of a study in a database; other processes may share it.",
        ),
        click.option(
            "--workers",
            "judging",
            type=whole(1, 1024),
            default=1,
            show_default=True,
            help="Processes that judge nets on this machine.",
        ),
    ),
)
_NO_CONCERN = tuple(
    option
    for group in GROUPS
    for option in group.options
    if option.startswith("objective.") and option != "objective.tightening"
)
"""Options of presets: no strategy weighs costs, each keeps limits."""


def explore_verb(app: App) -> click.Command:
    """`explore`, for one program."""

    @verb(
        "explore",
        epilog=DEVICES,
        examples=(
            "--data-dir images --nets 50 --max-macs 5e6 --workers 2",
            "--data-dir images --nets 50 --max-macs 5e6 --dry-run",
            "--data-dir images --strategy tpe --judge naswot --target-latency-ms 0.2",
            "--data-dir images --judge inherited --from runs/search --study study.db",
        ),
    )
    @data_options(app)
    @_OPTIONS
    @run_options(app, readers=False, left_out=_NO_CONCERN)
    def explore(
        data_dir: Path,
        preset: str,
        options: RunOptions,
        session: SessionOptions,
        flags: Flags,
        strategy: str,
        judge: JudgeName,
        judge_epochs: int,
        start_run: Path | None,
        accuracies: Path | None,
        nets: int,
        random_nets: int | None,
        effort: float | None,
        aims: tuple[Aim, ...],
        study: str | None,
        judging: int,
        download: bool = False,
    ) -> None:
        """Search net by net: a strategy proposes nets, processes judge them.

        The processes may run on several machines.

        The same command resumes an interrupted search. Commands with the same --study, seed, limits and images share
        their nets.
        """
        from pnas_apps.cli.beginning import begin_run
        from pnas_apps.exploring.addresses import address_of
        from pnas_apps.exploring.dry_run import dry_run
        from pnas_apps.exploring.explore import Resources, check_exploration, explore
        from pnas_apps.exploring.judges import check_accuracies
        from pnas_apps.showing.reckoned_table import reckoned_page
        from pnas_apps.steps.start import find_start
        from pnas_apps.steps.table import TableChoice

        _check(strategy, aims)
        _check_source(judge, ("inherited",), "--from", start_run)
        _check_source(judge, ("table", "predictor"), "--accuracies", accuracies)
        if strategy in SUPERNET_STRATEGIES and judging > 1:
            raise UserError(f"strategy {strategy} trains one supernet in one process: give --workers 1")
        settings = ExplorationSettings(
            strategy=strategy,
            judge=judge,
            judge_epochs=judge_epochs if judge == "scratch" else 1,
            accuracies=None if accuracies is None else _hash_of(accuracies),
            weights=None if start_run is None else find_start(start_run, alpha=False).start,
            aims=aims,
            study=None if study is None else address_of(study).shown,
            nets=nets,
            random_nets=0 if strategy == "random" else nets if random_nets is None else random_nets,
            effort=effort,
        )
        resources = Resources(
            study=study,
            workers=judging,
            accuracies=accuracies,
            ops=options.ops,
            choice=TableChoice(path=options.table, foreign=options.foreign_table),
        )
        if accuracies is not None:
            check_accuracies(judge, accuracies)
        document = read_preset(preset, app.presets)
        with session.started() as started:
            if started.processes.size > 1:
                raise UserError(
                    "explore runs without torchrun: give --workers, or run the same command on other machines"
                )
            begun = begin_run(
                app.name,
                lambda: preset_and_space(document, flags, preset, app.preset_type(), started.processes.device),
                app.task_reader(data_dir, download=download, dry=options.dry),
                options,
                started,
                until="search",
                exploration=settings,
                check=lambda run: check_exploration(run, settings, resources),
            )
            with begun as run:
                if options.dry:
                    run.reporter.console.print(reckoned_page(dry_run(run, settings, resources)))
                    return
                _tell_end(run, explore(run, settings, resources))

    return explore


def _check(strategy: str, aims: tuple[Aim, ...]) -> None:
    """Raises a UserError for options that do not go together."""
    check_strategy(strategy, costs=len(aims))
    if len(set(aims)) != len(aims):
        raise UserError(f"--aim {aims[-1]} is given twice: leave one of them out")


def _check_source(judge: JudgeName, needing: tuple[JudgeName, ...], flag: str, source: Path | None) -> None:
    """Raises a UserError where a judge lacks what it judges by, or another one is given it."""
    if judge in needing and source is None:
        raise UserError(f"--judge {judge} needs {flag}: add it")
    if judge not in needing and source is not None:
        raise UserError(f"{flag} is for --judge {' or '.join(needing)}, not for {judge}: leave it out")


def _hash_of(path: Path) -> str:
    from pnas_ops import sha256_of

    try:
        return sha256_of(path)[:16]
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}): name a table with --accuracies") from None


def _tell_end(run: "Run", explored: "Explored") -> None:
    """Says what is where, and what to do next."""
    program, lab = as_started(click.get_current_context().find_root().info_name or "pnas"), as_started("pnas-lab")
    path = run.folder.path
    tell = run.reporter.line
    if explored.test_accuracy is not None:
        count = len(run.task.test)
        tell(f"Net {explored.best.number}, trained: {explored.test_accuracy:.2%} of {count:,} test images")
    names = run.folder.architecture.name, run.folder.explored.name
    tell(f"Everything is in {path}: the best net in {names[0]}, the values of all nets in {names[1]}")
    left = "export and measure it" if explored.test_accuracy is not None else "train, export and measure it"
    tell(f"To {left}: {program} report {path}; to see its cost: {lab} inspect {run.folder.architecture}")
