"""The last choice of a run on a net of somebody's, by what random nets get with the weights of its search."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

import pnas_own.beginning
import pnas_own.searching
from command_line import assert_refused
from own.interrupted import interrupted_before
from own.test_run import LOADERS
from own_nets import TINY, Run, WriteFile
from pnas_apps.run.checked_lines import read_lines
from pnas_apps.run.judged_nets import JudgedNet
from pnas_latency import Landing
from pnas_ops import Batches, Judgement, load_json
from pnas_own.given import Given
from pnas_own.loader_data import SeededBatches
from pnas_own.run import OwnFolder
from pnas_supernet import InheritedWeights

pytestmark = pytest.mark.usefixtures("tables")

MANY = TINY.replace("nn.AdaptiveAvgPool2d", "nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d")
"""Two places."""
JUDGED = ("--judged-nets", "5")


def told(text: str) -> str:
    return " ".join(text.split())


def judged_in(folder: Path) -> tuple[JudgedNet, ...]:
    nets, damaged = read_lines(folder / "judged.jsonl", JudgedNet)
    assert not damaged
    return nets


def test_nets_of_a_net_of_ones_own_are_judged_once_and_told(
    run: Run,
    write_file: WriteFile,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    command = (write_file(MANY), *JUDGED)
    for name in ("whole", "often"):
        with monkeypatch.context() as patch:
            if name == "often":
                _interrupt_at_net(3, patch)
                assert run(*command, "--run-dir", tmp_path / name).exit_code == 130
                assert not (tmp_path / name / "landing.json").exists()
                assert len(judged_in(tmp_path / name)) >= 1
        ended = interrupted_before(monkeypatch, "train", run, *command, "--run-dir", tmp_path / name)
        assert ended.exit_code == 130, ended.stderr
        nets = judged_in(tmp_path / name)
        least, most = (f"{edge(net.value for net in nets):.1%}" for edge in (min, max))
        assert len({net.choices for net in nets}) == len(nets) == 5
        line = f"{len(nets)} random nets near the limits have accuracy {least} to {most} on held-out data"
        assert line in told(capfd.readouterr().out)
    for name in ("judged.jsonl", "landing.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "often" / name).read_bytes()


def _interrupt_at_net(number: int, patch: pytest.MonkeyPatch) -> None:
    left, judge = iter(range(number - 1)), InheritedWeights.judge

    def judged(self: InheritedWeights[Any], net: Any, generator: torch.Generator) -> Judgement:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return judge(self, net, generator)

    patch.setattr(InheritedWeights, "judge", judged)


def test_images_that_judge_are_not_augmented_and_none_that_the_weights_learn_on(
    run: Run, write_file: WriteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judges: list[InheritedWeights[Any]] = []

    def judge(self: InheritedWeights[Any], net: object, generator: torch.Generator) -> Judgement:
        judges.append(self)
        return Judgement(value=0.5)

    monkeypatch.setattr(InheritedWeights, "judge", judge)
    for name in ("first", "second"):
        torch.manual_seed(len(name))  # which decides nothing
        interrupted_before(monkeypatch, "train", run, write_file(TINY), *JUDGED, "--run-dir", tmp_path / name)

    def pixels(batches: Batches) -> list[bytes]:
        return [image.contiguous().numpy().tobytes() for images, _ in batches for image in images]

    statistics, validation = ([pixels(getattr(one, part)) for one in judges] for part in ("statistics", "validation"))
    assert len(judges) > 2
    assert all(found == statistics[0] for found in statistics)
    assert all(found == validation[0] for found in validation)
    assert {*statistics[0]}.isdisjoint(validation[0])
    # Of 42 images for the training three tenths of each class judge; of the others whole batches of four.
    assert [len(statistics[0]), len(validation[0])] == [28, 12]


def test_of_loaders_so_many_first_batches_are_taken_as_hold_the_images() -> None:
    batches = [(torch.full((8, 3, 2, 2), number), torch.zeros(8)) for number in range(5)]
    given = cast(Given, SimpleNamespace(call=lambda name, function: function()))
    whole = SeededBatches(given, batches, seed=0)
    for images, count in ((7, 1), (8, 1), (23, 2), (24, 3), (1000, 5)):
        first = whole.first(images)
        assert len(first) == min(len(batches), max(1, images // 8))
        found = [int(pixels[0, 0, 0, 0]) for pixels, _ in first]
        assert found == [*range(count)]


def test_loaders_and_a_score_of_ones_own_judge_nets(
    run: Run, write_file: WriteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        command = (write_file("from torch import nn\n" + LOADERS), *JUDGED, "--run-dir", tmp_path / name)
        assert interrupted_before(monkeypatch, "train", run, *command).exit_code == 130
    # The loaders shuffle by PyTorch's randomness; nets see the same batches in the same order all the same.
    assert judged_in(tmp_path / "first") == judged_in(tmp_path / "second")
    assert all(0 < net.value <= 1 for net in judged_in(tmp_path / "first"))


def test_a_score_that_is_not_finite_is_told_in_one_line(
    run: Run, write_file: WriteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = LOADERS.replace(
        "return float(", "return float('nan') if Path(__file__).with_name('nan').exists() else float("
    )
    file = write_file(f"from pathlib import Path\nfrom torch import nn\n{text}")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pnas_own.searching, "random_nets", interrupt)
        assert run(file, *JUDGED, "--run-dir", tmp_path / "run").exit_code == 130
    monkeypatch.setattr(pnas_own.beginning, "check_net", lambda *_: None)
    nan = file.with_name("nan")
    nan.touch()
    told = rf"{re.escape(str(file))}: score returned nan for a random net of the search: return a finite number"
    assert_refused(run(file, *JUDGED, "--run-dir", tmp_path / "run"), told)
    file.with_name("nan").unlink()
    assert not (tmp_path / "run" / "judged.jsonl").exists()


def test_one_shot_lands_on_the_best_of_judged_nets(
    run: Run, write_file: WriteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = (write_file(MANY), "--search-gate", "one-shot", "--run-dir", tmp_path / "run")
    assert_refused(
        run(*command), "'one-shot' learns no probabilities to choose a net by: give --judged-nets, such as 100"
    )
    ended = interrupted_before(monkeypatch, "train", run, *command, *JUDGED, "--max-parameters", "1500")
    assert ended.exit_code == 130, ended.stderr
    best = max(judged_in(tmp_path / "run"), key=lambda net: net.value)
    landing = load_json(tmp_path / "run" / "landing.json", Landing)
    assert len(landing.attempts) == 1
    space = OwnFolder(tmp_path / "run").read_settings().space
    assert space.choices(landing.result.architecture) == best.choices
