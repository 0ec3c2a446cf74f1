"""Workers that share a study."""

import itertools
import multiprocessing
import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
import torch

import explorers
from explorers import KnownValues, asker, explore, heard_of_long_ago, settings, study_in, values
from pnas_apps.exploring.asking import Asked
from pnas_apps.exploring.entries import Entry
from pnas_apps.exploring.named_strategies import STRATEGIES
from pnas_ops import Architecture, Judgement


class Interrupted(KnownValues):
    """A worker that is killed while it judges a net."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self._at = at

    def judge(self, architecture: Architecture, generator: torch.Generator) -> Judgement:
        judgement = super().judge(architecture, generator)
        if len(self.judged) == self._at:
            raise KeyboardInterrupt
        return judgement


def entry(number: int, asked: Asked) -> Entry:
    """One that is judged, as it stands in a study."""
    value = sum(asked.choices) + number / 7
    return Entry(
        number=number,
        group=asked.group,
        choices=asked.choices,
        state="judged",
        worker="",
        asking_epochs=asked.epochs,
        judgement=Judgement(value=value, epochs=1),
    )


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_that_is_made_anew_goes_on_as_the_one_that_was_never_stopped(strategy: str) -> None:
    asked = settings(strategy, nets=14, random_nets=2)
    never_stopped, entries = asker(asked), list[Entry]()
    for number in itertools.count():
        following = never_stopped.ask(entries)
        assert following == asker(asked).ask(entries)
        if following is None:
            break
        entries.append(entry(number, following))
    assert Counter(one.group for one in entries) == {"searched": 14, "random": 2}


def test_an_interrupted_exploration_ends_as_one_that_never_was(tmp_path: Path) -> None:
    asked = settings(nets=4, random_nets=1)
    whole = explore(tmp_path / "whole.db", KnownValues(), asked)
    judged = []
    for at in (2, 2, 100):
        judge = Interrupted(at)
        try:
            entries = explore(tmp_path / "parts.db", judge, asked)
        except KeyboardInterrupt:
            judged += judge.judged[:-1]
        else:
            judged += judge.judged
    assert values(entries) == values(whole)
    assert len(values(whole)) == 5
    assert Counter(judged) == Counter(one.choices for one in entries)


def test_what_is_judged_is_not_judged_again_and_more_nets_go_on_from_it(tmp_path: Path) -> None:
    first = explore(tmp_path / "study.db", KnownValues(), settings(nets=2))
    judge = KnownValues()
    more = explore(tmp_path / "study.db", judge, settings(nets=3))
    assert values(more)[:2] == values(first)
    assert judge.judged == [one.choices for one in more[2:]]


def test_a_net_that_random_search_has_judged_is_not_judged_again_for_the_strategy(tmp_path: Path) -> None:
    asked = settings("grid", nets=2)
    study = study_in(tmp_path / "study.db")
    first = asker(asked).ask([])
    assert first is not None
    study.put(first.choices, "random")
    judge = KnownValues()
    work_settings = settings("grid", nets=1, random_nets=1)
    entries = explore(tmp_path / "study.db", judge, work_settings)
    assert judge.judged == [first.choices]
    (random, searched) = values(entries)
    assert random[1:] == searched[1:]
    assert {random[0], searched[0]} == {"random", "searched"}


def test_effort_ends_an_exploration(tmp_path: Path) -> None:
    asked = settings(nets=100)
    limited = explorers.ExplorationSettings(strategy=asked.strategy, nets=100, random_nets=0, effort=1.6)
    entries = explore(tmp_path / "study.db", KnownValues(), limited)
    assert [one.epochs for one in entries] == [0.5] * 4  # 1.5 passes are not yet 1.6


def test_of_two_workers_who_ask_for_the_same_net_one_gives_it_up(tmp_path: Path) -> None:
    asked = settings(nets=3)
    one, other = (study_in(tmp_path / "study.db", f"{name}/run/1") for name in ("one", "other"))
    net = asker(asked).ask([])
    assert net is not None
    for study in (one, other):
        study.put(net.choices, net.group)
    assert (one.take(0), other.take(0), other.take(1)) == (True, False, True)
    first, second = other.entries()
    assert not asker(asked).is_needless(first, [first, second])
    assert asker(asked).is_needless(second, [first, second])
    other.drop(1)
    assert [entry.state for entry in one.entries()] == ["judging", "lost"]


def test_no_more_nets_are_judged_than_were_asked_for_where_several_ask_at_once(tmp_path: Path) -> None:
    study, asked = study_in(tmp_path / "study.db"), settings(nets=1)
    for choices in ((0,) * 6, (1,) * 6):
        study.put(choices, "searched")
    judge = KnownValues()
    entries = explore(tmp_path / "study.db", judge, asked)
    assert judge.judged == [(0,) * 6]
    assert [one.state for one in entries] == ["judged", "lost"]


def test_three_processes_judge_every_net_once_and_take_that_of_one_that_is_killed(tmp_path: Path) -> None:
    file, asked = tmp_path / "study.db", settings(nets=8)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pnas_apps.exploring.exploration"])  # whose import takes seconds
    processes = {
        number: context.Process(
            target=explorers.judge_with_others, args=(file, tmp_path, number, asked), kwargs={"hangs_at": at}
        )
        for number, at in ((1, 2), (2, None), (3, None))
    }
    victim = processes[1]
    victim.start()
    until = time.monotonic() + 300
    while not (tmp_path / "hangs").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    assert victim.pid is not None
    os.kill(victim.pid, signal.SIGKILL)
    heard_of_long_ago(file)
    for number in (2, 3):
        processes[number].start()
    for process in processes.values():
        process.join(300)
    assert [process.exitcode for process in processes.values()] == [-signal.SIGKILL, 0, 0]

    judged = [file.with_name(f"judged-by-{number}.txt").read_text().split() for number in processes]
    killed_at = judged[0].pop()
    assert all(judged)
    entries = [one for one in study_in(file).entries() if one.state == "judged"]
    assert len(entries) == len({one.choices for one in entries}) == 8
    assert Counter(itertools.chain(*judged)) == Counter("".join(map(str, one.choices)) for one in entries)
    (taken_up,) = (one for one in entries if "".join(map(str, one.choices)) == killed_at)
    assert taken_up.worker in ("host-2/run/1", "host-3/run/1")
