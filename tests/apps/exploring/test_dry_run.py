"""What an exploration is reckoned to take, beside clocks that are made up; and that reckoning leaves nothing."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve

from pnas_apps.exploring import dry_run as module
from pnas_apps.exploring.dry_run import dry_run
from pnas_apps.exploring.exploration import Exploration
from pnas_apps.exploring.explore import Resources, known_exploration
from pnas_apps.exploring.naming import explorer_name, worker_name
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.image_set import ImageSet
from pnas_apps.run.exploration_settings import ExplorationSettings
from pnas_apps.run.reckoned import Reckoned
from pnas_apps.run.run import Run
from pnas_apps.steps.learning_trial import SearchTrial, TrainingTrial
from pnas_apps.steps.pace import Pace
from pnas_apps.steps.table import TableChoice
from pnas_latency import MACS, Budget
from pnas_ops import Judgement
from small_runs import small_preset, small_run, small_space

SETTINGS = ExplorationSettings(strategy="evolution", judge_epochs=2, nets=5, random_nets=3)
PASSES = (2 * 45 + 60 / 3) / 60
"""Of each net: it learns 45 of 60 images twice, and looks at all of them once more."""


@pytest.fixture
def run(tmp_path: Path, image_set: ImageSet, reporter: Reporter) -> Run:
    """60 images in batches of 8, of which 45 are learnt."""
    return small_run(tmp_path / "run", image_set, reporter, preset=small_preset())


@pytest.fixture(autouse=True)
def threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Steps of 0.1 and 0.4 seconds, in turns; those of a supernet of 1 and 2.5. Has the threads that nets had."""
    had: list[int] = []

    def trainings(nets: Sequence[Any]) -> list[TrainingTrial]:
        had.append(torch.get_num_threads())
        step_s = [(0.1, 0.4)[index % 2] for index in range(len(nets))]
        return [TrainingTrial(step_s=one, memory_bytes=2e6, state_bytes=1e6) for one in step_s]

    pace = Pace(reading_s=0.0, weights_s=1.0, both_s=2.5)
    search = SearchTrial(pace=pace, memory_bytes=3e6, state_bytes=4e6)
    monkeypatch.setattr(module, "tried_trainings", trainings)
    monkeypatch.setattr(module, "tried_search", lambda *arguments: search)
    return had


def resources(workers: int = 1) -> Resources:
    return Resources(study=None, workers=workers, accuracies=None, ops=None, choice=TableChoice())


def reckoned(run: Run, settings: ExplorationSettings, *, workers: int = 1) -> Reckoned:
    run.folder.path.mkdir(exist_ok=True)  # as a run holds it
    before = sorted(run.folder.path.rglob("*"))
    found = dry_run(run, settings, resources(workers))
    assert sorted(run.folder.path.rglob("*")) == before
    return found


def judged(exploration: Exploration, worker: str, count: int) -> None:
    """A study of which so many nets of the strategy are judged."""
    with closing(exploration.study(worker)) as study:
        for number, choices in enumerate(exploration.nets.sample_several(count, torch.Generator())):
            study.put(choices, "searched")
            assert study.take(number)
            study.tell(number, Judgement(value=0.5, epochs=PASSES))


def test_every_net_takes_its_passes_and_the_best_one_its_training(run: Run, threads: list[int]) -> None:
    found = reckoned(run, SETTINGS)
    explore, train = found.steps
    net_s = PASSES * 60 / 8 * 0.2  # of three nets, of which two are as fast
    assert (explore.name, explore.what) == ("explore", "8 nets judged by scratch")
    assert explore.seconds == pytest.approx(8 * net_s)
    # Four epochs of 7 steps; then these and the 8 batches of test images, forward alone.
    assert train.seconds == pytest.approx(0.2 * (4 * 7 + (7 + 8) / 3))
    assert (explore.memory_bytes, explore.disk_bytes, found.doubts) == (2e6, 2e6, ())
    assert found.notes[0].startswith(
        "5 nets by evolution (the first 5 at random) and 3 at random for comparison, judged by"
    )
    assert found.notes[1].startswith("Nets of the space have ")
    assert len(threads) == 1


def test_workers_judge_at_the_same_time_with_a_share_of_the_threads(
    run: Run, threads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    had = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        explore, _ = reckoned(run, SETTINGS, workers=3).steps
        assert torch.get_num_threads() == 4
    finally:
        torch.set_num_threads(had)
    assert explore.seconds == pytest.approx(3 * PASSES * 60 / 8 * 0.2)  # 3, 3 and 2 nets
    assert (explore.what, explore.memory_bytes) == ("8 nets judged by scratch, by 3 workers", 6e6)
    assert threads == [1, 4]  # the best one is trained by all


@pytest.mark.parametrize(("effort", "nets"), [(1e-9, 1 + 1), (PASSES, 1 + 1), (2.5 * PASSES, 3 + 3), (1e9, 5 + 3)])
def test_effort_ends_either_group(run: Run, effort: float, nets: int) -> None:
    explore, *_ = reckoned(run, evolve(SETTINGS, effort=effort)).steps
    assert explore.what == f"{nets} nets judged by scratch"


def test_what_is_judged_is_not_reckoned_again_and_another_trains_the_best_of_its_study(run: Run) -> None:
    run.folder.path.mkdir()
    judged(known_exploration(run, SETTINGS, resources()), worker_name(explorer_name(run.folder), 1), 4)
    explore, train = reckoned(run, SETTINGS).steps
    assert (explore.what, train.name) == ("4 nets judged by scratch, 4 done already", "train")
    (run.folder.path / "explorer.txt").write_text("another")
    assert [step.name for step in reckoned(run, SETTINGS).steps] == ["explore"]


def test_where_all_is_judged_nothing_is_tried(run: Run, threads: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    run.folder.path.mkdir()
    settings = evolve(SETTINGS, strategy="one-shot", judge="synflow", nets=4, random_nets=0)
    judged(known_exploration(run, settings, resources()), worker_name(explorer_name(run.folder), 1), 4)
    for name in ("tried_search", "_judged_s"):
        monkeypatch.setattr(module, name, lambda *_: pytest.fail("something is tried"))
    (done,) = reckoned(run, settings).steps
    assert (done.what, done.seconds) == ("is done", 0.0)
    assert not threads


def test_a_supernet_takes_its_search_before_its_first_net(run: Run) -> None:
    settings = evolve(SETTINGS, strategy="one-shot", judge="synflow")
    (explore,) = reckoned(run, settings).steps
    # Three epochs of 5 steps without a step of the architecture; 100 nets in 5 + 2 batches, forward alone.
    assert explore.seconds == pytest.approx(3 * 5 * 1.0 + 100 * (5 + 2) / 3, abs=5.0)  # and eight nets by synflow
    assert explore.what == (
        "a supernet for 3 epochs of 5 steps, up to 100 nets judged with its weights; then 8 nets judged by synflow"
    )
    assert (explore.memory_bytes, explore.disk_bytes) == (3e6, 5e6)


def test_the_search_of_a_supernet_counts_once_as_effort(run: Run) -> None:
    # 3 epochs of 5 batches of 8 images, and a third of 100 times 7 batches, in passes over 60 images.
    asking = (3 * 5 * 8 + 100 * 7 * 8 // 3) / 60
    settings = evolve(SETTINGS, strategy="one-shot", effort=asking + 2.5 * PASSES)
    explore, *_ = reckoned(run, settings).steps
    assert explore.what.endswith(f"; then {3 + 3} nets judged by scratch")


def test_nets_that_are_tried_keep_the_limits(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    space = small_space()
    tried: list[Any] = []
    at_most = 0.5 * MACS.of(MACS.dearest(space))

    def trainings(nets: Sequence[Any]) -> list[TrainingTrial]:
        tried.extend(net for _, net in nets)
        return [TrainingTrial(step_s=1.0, memory_bytes=0.0, state_bytes=0.0)]

    monkeypatch.setattr(module, "tried_trainings", trainings)
    reckoned(evolve(run, budget=Budget(macs=at_most)), SETTINGS)
    assert len({space.choices(net) for net in tried}) == 3
    assert max(map(MACS.of, tried)) <= at_most
