"""Nets are judged once, whoever judges them and however often the run is killed meanwhile."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from apps.steps.parallel_judging import NETS, landed, made_run
from pnas_apps.run.checked_lines import read_lines
from pnas_apps.run.judged_nets import JudgedNet
from pnas_apps.run.run import Run
from pnas_latency import Landing
from pnas_ops import Judgement, load_json
from pnas_supernet import InheritedWeights
from small_runs import printed_by_run
from two_processes import TESTS, run_in_two_processes

PROGRAM = Path(__file__).with_name("parallel_judging.py")


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The nets that this process judges."""
    nets: list[tuple[int, ...]] = []
    judge = InheritedWeights.judge

    def counted(self: InheritedWeights[Any], net: Any, generator: torch.Generator) -> Judgement:
        nets.append(self.supernet.space.choices(net))
        return judge(self, net, generator)

    monkeypatch.setattr(InheritedWeights, "judge", counted)
    return nets


@pytest.fixture
def whole(tmp_path: Path) -> tuple[Run, Landing]:
    """A run that was never interrupted."""
    run = made_run(tmp_path / "whole")
    return run, landed(run)


def kept(run: Run) -> list[tuple[int, ...]]:
    nets, damaged = read_lines(run.folder.judged, JudgedNet)
    assert not damaged
    return [net.choices for net in nets]


def kill_in_the_middle(folder: Path, count: int) -> None:
    """A process that is killed when so many nets are judged."""
    given = [sys.executable, str(PROGRAM), str(folder), f"{count}"]
    ended = subprocess.run(
        given, env=os.environ | {"PYTHONPATH": str(TESTS)}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def test_a_run_that_is_killed_while_it_judges_goes_on_with_the_next_net(
    tmp_path: Path, whole: tuple[Run, Landing], judged: list[tuple[int, ...]]
) -> None:
    for count, known in ((4, 4), (3, 7)):
        kill_in_the_middle(tmp_path, count)
        run = made_run(tmp_path / "run")
        assert kept(run) == kept(whole[0])[:known]
        assert not run.folder.landing.exists()
    assert landed(run) == whole[1]
    assert judged == kept(whole[0])[7:]
    for name in ("judged", "landing"):
        assert getattr(run.folder, name).read_bytes() == getattr(whole[0].folder, name).read_bytes()
    assert f"judging nets with inherited weights: {NETS} of {NETS} nets in" in printed_by_run(run)
    assert not run.folder.damages()


def test_nets_differ_and_each_is_kept_once(whole: tuple[Run, Landing]) -> None:
    lines, _ = read_lines(whole[0].folder.judged, JudgedNet)
    assert len({line.choices for line in lines}) == NETS
    assert len({line.value for line in lines}) > 2


def test_a_net_whose_line_is_damaged_is_judged_again_and_told(
    whole: tuple[Run, Landing], judged: list[tuple[int, ...]]
) -> None:
    run, landing = whole
    before, nets = run.folder.judged.read_text(), kept(run)
    lines = before.splitlines(keepends=True)
    lines[2] = lines[2].replace('"value": 0', '"value": 1', 1)
    run.folder.judged.write_text("".join(lines))
    assert not run.folder.damages()  # the landing is there, and needs none of them
    run.folder.landing.unlink()
    mended = made_run(run.folder.path)
    assert landed(mended) == landing
    assert judged == [nets[2]]
    assert f"{run.folder.judged}, line 3 is damaged: its net is judged again" in printed_by_run(mended)
    run.folder.landing.unlink()
    again = made_run(run.folder.path)
    assert landed(again) == landing
    assert judged == [nets[2]]
    assert "damaged" not in printed_by_run(again)


def test_what_other_weights_got_is_not_taken(
    tmp_path: Path, whole: tuple[Run, Landing], judged: list[tuple[int, ...]]
) -> None:
    run = whole[0]
    run.folder.landing.unlink()
    found = landed(run, seed="another")
    assert len(judged) == NETS
    assert found == landed(made_run(tmp_path / "other"), seed="another")


def test_two_processes_judge_a_net_each_and_land_as_one_does(tmp_path: Path, whole: tuple[Run, Landing]) -> None:
    run_in_two_processes(PROGRAM, tmp_path)
    assert [load_json(tmp_path / f"{rank}.json", Landing) for rank in range(2)] == [whole[1]] * 2
    both = made_run(tmp_path / "run")
    for name in ("judged", "landing"):
        assert getattr(both.folder, name).read_bytes() == getattr(whole[0].folder, name).read_bytes()
