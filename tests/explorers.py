"""Explorations without images: nets whose value is known, judged by any number of processes."""

import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import torch
from sqlalchemy import create_engine, text

from pnas_apps.exploring.addresses import address_of
from pnas_apps.exploring.asking import Asker, UpToDateStrategy
from pnas_apps.exploring.entries import Entry, Group
from pnas_apps.exploring.fingerprint import Fingerprint
from pnas_apps.exploring.named_strategies import make_strategy
from pnas_apps.exploring.study import Study
from pnas_apps.exploring.work import work
from pnas_apps.run.exploration_settings import ExplorationSettings
from pnas_ops import Architecture, Choices, FeasibleNets, Judgement, Strategy, digits_mbconv_space

SPACE = digits_mbconv_space(0.5)
NETS = FeasibleNets(space=SPACE)
FINGERPRINT = Fingerprint(
    space="digits", limits="", strategy="evolution", aims="", judge="known", seed="0", data="", training="", table=""
)
HEARTBEAT_S, PATIENCE_S = 2, 60


class KnownValues:
    """A judge of which the values are known, and that keeps a list of what it has judged."""

    def __init__(self, log: Path | None = None) -> None:
        self._log = log
        self.judged: list[Choices] = []

    def judge(self, architecture: Architecture, generator: torch.Generator) -> Judgement:
        choices = SPACE.choices(architecture)
        self.judged.append(choices)
        if self._log is not None:
            with self._log.open("a") as log:
                log.write("".join(map(str, choices)) + "\n")
        # A part that is random, as a training is.
        noise = float(torch.rand((), generator=generator)) / 100
        return Judgement(value=sum(choices) / 100 + noise, epochs=0.5)


def settings(strategy: str = "evolution", *, nets: int = 8, random_nets: int = 0) -> ExplorationSettings:
    return ExplorationSettings(strategy=strategy, nets=nets, random_nets=random_nets)


def asker(asked: ExplorationSettings) -> Asker:
    def strategy(name: str) -> UpToDateStrategy:
        def make() -> Strategy:
            return make_strategy(name, NETS, costs=1 if asked.strategy == "nsga2" else 0)

        return UpToDateStrategy(make)

    def costs(choices: Choices) -> tuple[float, ...]:
        return (float(sum(choices)),) if asked.strategy == "nsga2" else ()

    groups: tuple[Group, Group] = ("searched", "random")
    names = (asked.strategy, "random")
    return Asker(strategies=dict(zip(groups, map(strategy, names), strict=True)), costs=costs, settings=asked, seed=0)


def study_in(place: Path | str, worker: str = "host/run/1", fingerprint: Fingerprint = FINGERPRINT) -> Study:
    """That in a file, or behind a URL."""
    return Study(address_of(str(place)), fingerprint, worker=worker, heartbeat_s=HEARTBEAT_S, patience_s=PATIENCE_S)


def explore(
    place: Path | str, judge: KnownValues, asked: ExplorationSettings, worker: str = "host/run/1"
) -> list[Entry]:
    """What is in the study after a worker has ended."""
    with closing(study_in(place, worker)) as study:
        work(study, asker(asked), judge, SPACE)
        return study.entries()


def judge_with_others(
    place: Path | str, folder: Path, number: int, asked: ExplorationSettings, *, hangs_at: int | None = None
) -> None:
    """One of several processes, each of which keeps a list.

    Args:
        place: of the study.
        folder: of the lists, `judged-by-NUMBER.txt`; another one for processes that share nothing but the study.
        number: of the process.
        asked: how much is judged.
        hangs_at: a net that it never comes to an end with; the file "hangs" in its folder says that it is there.
    """
    own = folder / f"judged-by-{number}.txt"

    class Slow(KnownValues):
        def judge(self, architecture: Architecture, generator: torch.Generator) -> Judgement:
            judgement = super().judge(architecture, generator)
            if len(self.judged) == hangs_at:
                (folder / "hangs").touch()
                time.sleep(1000)
            time.sleep(0.1)
            return judgement

    explore(place, Slow(own), asked, f"host-{number}/run/1")


def values(entries: Sequence[Entry]) -> list[tuple[Group, Choices, float]]:
    """Of those that are judged."""
    return [(one.group, one.choices, one.judgement.value) for one in entries if one.judgement is not None]


def heard_of_long_ago(place: Path | str) -> None:
    """Of all that is being judged in a study, nobody has heard for years."""
    engine = create_engine(address_of(str(place)).url)
    with engine.begin() as database:
        database.execute(text("UPDATE trial_heartbeats SET heartbeat = '2020-01-01 00:00:00'"))
    engine.dispose()
