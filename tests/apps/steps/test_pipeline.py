"""The road of a run: a chain of steps, each of which goes on with what is there."""

import io
from itertools import pairwise
from pathlib import Path
from typing import get_type_hints

import pytest
from attrs import evolve
from rich.console import Console

from pnas_apps.cli.presets import read_preset
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.progress import Reporter
from pnas_apps.run.preset import ImagePreset, structure_preset
from pnas_apps.run.run import Run
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.steps import pipeline
from pnas_apps.steps.pipeline import STEPS, StepName, run_pipeline
from pnas_apps.steps.table import TableChoice
from pnas_cifar10.cli import PRESETS
from pnas_cifar10.tasks import digits_task


class Made:
    """What a step made."""

    def __init__(self, name: str, before: object) -> None:
        self.name, self.before = name, before


@pytest.fixture
def run(tmp_path: Path) -> Run:
    preset = structure_preset(read_preset("digits", PRESETS), "digits", ImagePreset)
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    return Run(
        task=digits_task(preset, None, Reporter(Console(quiet=True))),
        preset=preset,
        folder=folder,
        seed=0,
        reporter=Reporter(Console(file=io.StringIO())),
        cache=Cache(tmp_path / "cache"),
    )


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Made]:
    """The steps that were taken, which are pretended."""
    made: list[Made] = []

    def pretend(name: str) -> object:
        def step(run: Run, before: object) -> Made:
            made.append(Made(name, before))
            return made[-1]

        return step

    monkeypatch.setattr(pipeline, "STEPS", {name: pretend(name) for name in STEPS})
    return made


def test_each_step_takes_what_the_one_before_it_made() -> None:
    for (_, step), (_, following) in pairwise(STEPS.items()):
        (_, taken), (_, made) = list(get_type_hints(following).items())[1], list(get_type_hints(step).items())[2]
        assert taken is made
    assert get_type_hints(next(iter(STEPS.values())))["choice"] is TableChoice


@pytest.mark.parametrize("until", list(STEPS))
def test_the_road_ends_with_the_step_that_was_asked_for_and_gives_what_it_made(
    run: Run, taken: list[Made], until: StepName
) -> None:
    choice = TableChoice()
    assert run_pipeline(run, choice, until=until) is taken[-1]

    names = list(STEPS)[: list(STEPS).index(until) + 1]
    assert [made.name for made in taken] == names
    assert [made.before for made in taken] == [choice, *taken[:-1]]
    assert isinstance(run.reporter.console.file, io.StringIO)
    printed = run.reporter.console.file.getvalue().splitlines()
    assert printed == [f"{number}/{len(STEPS)} {name}" for number, name in enumerate(names, 1)]
    assert list(run.folder.read_seconds()) == names


def test_processes_but_the_first_leave_what_one_does_for_all(
    run: Run, taken: list[Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "alone", lambda self: None)
    assert run_pipeline(run, TableChoice()) is None
    assert [made.name for made in taken] == ["table", "search", "train", "compare"]


def test_the_time_of_a_step_that_fails_counts_too(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(run: Run, before: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "STEPS", {"table": fail})
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run_pipeline(evolve(run), TableChoice())
    assert list(run.folder.read_seconds()) == ["table"]
