"""An exploration: what every worker of it needs, made of a run."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from attrs import frozen

from pnas_apps.exploring.addresses import Address, address_of
from pnas_apps.exploring.asking import Asker, UpToDateStrategy
from pnas_apps.exploring.entries import Entry
from pnas_apps.exploring.fingerprint import Fingerprint, fingerprint_of
from pnas_apps.exploring.judges import judged_images, make_judge
from pnas_apps.exploring.named_strategies import SUPERNET_STRATEGIES, make_strategy
from pnas_apps.exploring.outcome import Explored, explored_nets
from pnas_apps.exploring.study import Study
from pnas_apps.exploring.supernet_strategies import supernet_strategy
from pnas_apps.run.exploration_settings import ExplorationSettings
from pnas_apps.run.run import Run
from pnas_latency import MACS, PARAMETERS, LatencyTable, Limit, Metric, feasible_nets
from pnas_ops import Choices, FeasibleNets, Judge, Strategy


@frozen(kw_only=True, eq=False, slots=False)
class Exploration:
    """Nets of a run's space, judged one after another.

    Attributes:
        run: has images, space, limits and seed.
        settings: strategy, judge, and how far it goes.
        table: predicts latencies; one without entries where none are requested.
        address: of the study, where it is not a file in the run's folder.
        accuracies: the file of a judge that looks them up.
    """

    run: Run
    settings: ExplorationSettings
    table: LatencyTable
    address: str | None = None
    accuracies: Path | None = None

    @property
    def limits(self) -> tuple[Limit, ...]:
        """What every net keeps."""
        return self.run.budget.limits(self.table)

    @property
    def metrics(self) -> dict[str, Metric]:
        """The metrics that are shown of nets beside their value, by name."""
        latency = {"latency": self.table.metric()} if self.table.entries else {}
        return {"macs": MACS, "parameters": PARAMETERS, **latency}

    @cached_property
    def nets(self) -> FeasibleNets:
        """The nets within the limits.

        Raises:
            InfeasibleBudgetError: where there are none.
        """
        return feasible_nets(self.run.task.space, self.limits)

    @cached_property
    def images(self) -> int | None:
        """The number of images that a value is the accuracy on; None where it is no such thing."""
        return judged_images(self.run, self.settings)

    @property
    def place(self) -> Address:
        """Where the study is."""
        return address_of(self.address or str(self.run.folder.path / "study.db"))

    @property
    def fingerprint(self) -> Fingerprint:
        """What must be equal for others to work on it too."""
        table = self.table if needs_table(self.run, self.settings) else None
        return fingerprint_of(self.run, self.settings, self.limits, table)

    def study(self, worker: str) -> Study:
        """The study, for a worker of this name.

        Raises:
            UserError: for one that cannot be used, or is of something else.
        """
        return Study(self.place, self.fingerprint, worker=worker)

    def strategy(self, name: str) -> Strategy:
        """A new strategy, which knows no trial."""
        if name in SUPERNET_STRATEGIES:
            return supernet_strategy(name, self.run, self.limits)
        return make_strategy(name, self.nets, costs=len(self.settings.aims), seed=self.run.seed)

    def asker(self) -> Asker:
        """What names the nets to judge."""
        return Asker(
            strategies={
                "searched": UpToDateStrategy(lambda: self.strategy(self.settings.strategy)),
                "random": UpToDateStrategy(lambda: self.strategy("random")),
            },
            costs=self.aimed_at,
            settings=self.settings,
            seed=self.run.seed,
        )

    def judge(self, folder: Path, on_step: Callable[[], None] = lambda: None) -> Judge:
        """What says how good nets are.

        Args:
            folder: for the checkpoint of the net that is being judged.
            on_step: called after every step of a training.
        """
        return make_judge(self.run, self.settings, accuracies=self.accuracies, folder=folder, on_step=on_step)

    def costs(self, choices: Choices) -> dict[str, float]:
        """The costs of a net by the names of the metrics."""
        net = self.run.task.space.architecture(choices)
        return {name: metric.of(net) for name, metric in self.metrics.items()}

    def aimed_at(self, choices: Choices) -> tuple[float, ...]:
        """The costs among these that are to be small."""
        costs = self.costs(choices)
        return tuple(costs[aim] for aim in self.settings.aims)

    def outcome(self, entries: list[Entry]) -> Explored:
        """What was found so far."""
        found = [entry for entry in entries if entry.state == "judged"]
        return Explored(
            strategy=self.settings.strategy,
            judge=self.settings.judge,
            aims=self.settings.aims,
            images=self.images,
            nets=explored_nets(found, [self.costs(entry.choices) for entry in found]),
        )


def needs_table(run: Run, settings: ExplorationSettings) -> bool:
    """Whether a limit or an aim is read from a latency table."""
    return run.budget.latency_ms is not None or bool(run.budget.columns) or "latency" in settings.aims
