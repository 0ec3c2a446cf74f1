"""`explore` as its users call it."""

import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from command_line import assert_refused
from pnas_apps.exploring import explore as exploring
from pnas_apps.exploring.outcome import Explored
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.randomness import seeded_generator
from pnas_apps.run.run_folder import RunFolder
from pnas_cifar10.cli import main
from pnas_ops import Architecture, Trial, cifar_mbconv_space, fit_predictor, load_json, to_json
from tables import uniform_table

TINY = ["--blocks-per-stage", "1", "--width-mult", "0.25", "--resolution", "16", "--train-epochs", "1"]
TINY += ["--train-warmup-epochs", "0"]
FEW = ["--validation-share", "0.5", "--search-arch-interval", "1", "--batch-size", "4"]
MACRO = ["--space", "nas-bench-macro", "--judge", "table"]
WITHIN = ["--target-latency-ms", "5", "--device", "torch-cpu"]
"""A limit that is read from a table, which is not there yet."""


def explore(folder: Path, run: str, *arguments: object) -> Result:
    given = ["explore", "--data-dir", folder / "data", "--run-dir", folder / run, "--cache-dir", folder / "cache"]
    fixed = ["--accelerator", "cpu", "--nets", "2", "--random-nets", "1", *FEW]
    return CliRunner().invoke(main, [*map(str, [*given, *fixed, *arguments])])


def found_in(folder: Path) -> Explored:
    return load_json(folder / "explored.json", Explored)


@pytest.fixture
def folder(image_folder: Path) -> Path:
    return image_folder.parent


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """No table is measured."""
    monkeypatch.setattr(exploring, "find_table", lambda run, choice: pytest.fail("a table is measured"))


@pytest.fixture
def accuracies(tmp_path: Path) -> Path:
    """Two of the nets of NAS-Bench-MACRO."""
    path = tmp_path / "accuracies.csv"
    header = "architecture,accuracy_1,accuracy_2,accuracy_3,parameters,macs"
    path.write_text(f"{header}\n00000000,80,81,82,1000,2000\n11111111,90,91,92,1000,2000\n")
    return path


def test_an_exploration_ends_with_a_trained_net_and_goes_on_with_more(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert explore(folder, "run", *TINY).exit_code == 0
    printed = capfd.readouterr().out
    found = found_in(folder / "run")
    assert [net.group for net in found.nets] == ["searched", "searched", "random"]
    assert f"trained: {found.test_accuracy:.2%} of 8 test images" in printed
    assert "2 nets by evolution (the first 2 at random) and 1 at random for comparison, judged by scratch" in printed
    assert "accuracy on 4 held-out training images" in " ".join(printed.split())
    assert found.images == 4
    # No latency is asked for, and no table is read: that is no step.
    assert [line for line in printed.splitlines() if line[:4] in ("1/2 ", "2/2 ")] == ["1/2 explore", "2/2 train"]
    best = load_json(folder / "run" / "architecture.json", Architecture)
    assert best.blocks == load_json(folder / "run" / "nets" / f"net-{found.best.number}.json", Architecture).blocks
    run = RunFolder(folder / "run")
    assert run.damages() == []
    assert run.read_settings().exploration is not None
    assert not (folder / "run" / "workers").exists()

    assert explore(folder, "run", *TINY, "--nets", "3").exit_code == 0
    more = found_in(folder / "run")
    assert len(more.of("searched")) == 3
    assert more.nets[:3] == found.nets

    capfd.readouterr()
    evaluated = CliRunner().invoke(main, ["eval", str(folder / "run")])
    assert evaluated.exit_code == 0
    assert f"{more.test_accuracy:.2%}" in capfd.readouterr().out


def test_a_proxy_judges_two_aims_without_training_anything(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    result = explore(folder, "run", *TINY, "--judge", "synflow", "--strategy", "nsga2", "--aim", "macs")
    assert result.exit_code == 0, result.stderr
    printed = capfd.readouterr().out
    assert "The Pareto front" in printed
    assert "report" in printed
    found = found_in(folder / "run")
    assert found.test_accuracy is None
    assert not (folder / "run" / "networks").exists()
    assert {f"net-{net.number}.json" for net in found.front} <= {
        path.name for path in (folder / "run" / "nets").iterdir()
    }


def test_a_dry_run_tells_what_would_be_judged_and_leaves_nothing(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    result = explore(folder, "run", *TINY, "--judge", "synflow", *WITHIN, "--dry-run")
    assert result.exit_code == 0, result.stderr
    printed = " ".join(capfd.readouterr().out.split())
    assert "3 nets judged by synflow" in printed
    assert "to measure" in printed
    assert "Nothing was written." in printed
    assert not (folder / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--judge", "table"], "--judge table needs --accuracies: add it"),
        (["--judge", "predictor"], "--judge predictor needs --accuracies: add it"),
        (["--judge", "predictor", "--accuracies", __file__], r"test_explore.py is not an exploration \(not JSON"),
        (["--judge", "inherited"], "--judge inherited needs --from: add it"),
        (["--train-warmup-epochs", "2"], "--train-warmup-epochs are the first of the .*: 2 of 1, give at most 1$"),
        (["--judge", "inherited", "--from", "nowhere"], "nowhere holds no run"),
        (["--accuracies", __file__], "--accuracies is for --judge table or predictor, not for scratch: leave it out"),
        (["--judge", "table", "--accuracies", "no.csv"], r"no.csv cannot be read \(No such file or directory\)"),
        (["--aim", "macs"], "strategy evolution takes one aim only: for several, use tpe or nsga2"),
        (["--strategy", "nsga2", "--aim", "macs", "--aim", "macs"], "--aim macs is given twice"),
        (["--workers", "0"], "--workers must be a whole number from 1 to 1,024, got 0"),
        (["--nets", "0"], "--nets must be a whole number from 1"),
        (["--effort", "0"], "--effort must be a number above 0 and at most 1,000,000,000, got 0: give another number"),
        (["--study", "://x"], "is not a database URL"),
        (["--max-macs", "1"], r"no net of .* takes at most 1 MACs"),
    ],
)
def test_what_cannot_be_explored_is_refused_before_anything_is_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(folder)
    assert_refused(explore(folder, "run", *TINY, *arguments), message)
    assert not (folder / "run").exists()


@pytest.mark.parametrize("judge", ["predictor", "table"])
def test_a_file_that_cannot_be_read_is_told_before_images_are(folder: Path, judge: str) -> None:
    (folder / "data" / "train" / "blue" / "0.png").write_bytes(b"no image")
    wrong = folder / "wrong.json"
    wrong.write_text("no accuracies\n")
    assert_refused(explore(folder, "run", *TINY, "--judge", judge, "--accuracies", wrong), "wrong.json")


def test_nets_are_judged_by_the_weights_of_a_search(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space = cifar_mbconv_space(0.25, blocks_per_stage=1, classes=2, resolution=16)
    monkeypatch.setattr("pnas_apps.steps.search.land_run", _stop)
    table = folder / "table.json"
    uniform_table(space).save(table)
    given = ["--data-dir", folder / "data", "--run-dir", folder / "search", "--cache-dir", folder / "cache"]
    short = ["--search-warmup-epochs", "1", "--search-epochs", "1", "--table", table, "--foreign-table"]
    search = ["search", *given, "--accelerator", "cpu", "--seed", "3", *FEW, *TINY, *short]
    assert_refused(CliRunner().invoke(main, list(map(str, search))), "the search is over")

    inherited = ["--judge", "inherited", "--from", folder / "search"]
    assert explore(folder, "run", *TINY, *inherited).exit_code == 0
    found = found_in(folder / "run")
    # 4 of the 8 images are held out, 4 give the statistics of BatchNorm: forward passes, which count as a third.
    assert [net.epochs for net in found.nets] == pytest.approx([1 / 3] * 3)
    assert (found.test_accuracy, found.images) == (None, 4)
    refused = explore(folder, "other", *TINY, *inherited, "--width-mult", "0.5")
    assert_refused(refused, "search has a supernet of another space than")


def test_nets_are_judged_by_a_predictor_of_another_exploration(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    known = folder / "first" / "explored.json"
    judged = ["--judge", "predictor", "--accuracies", known]
    assert explore(folder, "first", *TINY, "--judge", "synflow", "--nets", "3", "--random-nets", "3").exit_code == 0
    assert_refused(explore(folder, "run", *TINY, *judged), "has 6 nets, too few for a predictor: continue")
    assert explore(folder, "first", *TINY, "--judge", "synflow", "--nets", "15", "--random-nets", "0").exit_code == 0
    assert_refused(explore(folder, "run", *TINY, *judged, "--width-mult", "0.5"), "of nets of another space than")
    assert_refused(explore(folder, "run", *judged, "--blocks-per-stage", "2"), "of nets of another space than")
    assert not (folder / "run").exists()

    capfd.readouterr()
    assert explore(folder, "run", *TINY, *judged).exit_code == 0
    printed = " ".join(capfd.readouterr().out.split())
    nets = {net.choices: Trial(choices=net.choices, value=net.value) for net in found_in(folder / "first").nets}
    space = cifar_mbconv_space(0.25, blocks_per_stage=1, classes=2, resolution=16)
    predictor = fit_predictor(space, [*nets.values()], seeded_generator(0, "predictor"))
    rank = f"its rank correlation on {predictor.held_out} held-out ones is"
    assert (
        f"the predictor has learned from {len(nets) - predictor.held_out} nets; {rank} {predictor.rank_correlation:.2f}"
        in printed
    )
    assert "The best nets by predicted accuracy" in printed
    found = found_in(folder / "run").nets
    assert [net.value for net in found] == pytest.approx(predictor.values([net.choices for net in found]).tolist())
    assert {net.epochs for net in found} == {0}


def _stop(*arguments: object) -> None:
    raise UserError("the search is over")


@pytest.mark.parametrize("option", ["--strategy", "--judge"])
def test_unknown_names_are_refused_with_those_that_are_known(folder: Path, option: str) -> None:
    result = explore(folder, "run", option, "magic")
    assert result.exit_code == 2
    assert f"Invalid value for '{option}': 'magic' is not one of" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.usefixtures("unmeasured")
def test_a_table_without_the_nets_of_the_space_is_refused(folder: Path, accuracies: Path) -> None:
    few = explore(folder, "run", *MACRO, "--accuracies", accuracies, *WITHIN)
    assert_refused(few, r"csv has 2 of the 6,561 nets of space 'nas-bench-macro-1': use the file as published")
    others = explore(folder, "run", *TINY, "--judge", "table", "--accuracies", accuracies)
    assert_refused(others, r"has 0 of the [\d,]+ nets of space 'cifar.*': search its --space, or use --judge scratch")
    assert not (folder / "run").exists()


@pytest.mark.usefixtures("unmeasured")
def test_a_worker_with_other_images_or_another_question_is_refused_before_anything_is_there(folder: Path) -> None:
    study = ["--study", folder / "study.db", *TINY, "--judge", "synflow"]
    assert explore(folder, "first", *study).exit_code == 0
    weights = ["--judge", "inherited", "--from", folder / "first"]
    assert_refused(explore(folder, "other", *TINY, *weights), "first is an exploration without a supernet: name")
    for arguments, what in (
        (["--seed", "1"], "seed"),
        (["--strategy", "random"], "strategy"),
        (["--judge", "naswot"], "judge"),
        (["--max-macs", "1e9"], "limits"),
        (["--width-mult", "0.5"], "space"),
        (WITHIN, "limits and table"),
    ):
        refused = explore(folder, "other", *study, *arguments)
        assert_refused(
            refused, rf"study.db holds a study that differs in {what}: give the settings it was started with"
        )
        assert not (folder / "other").exists()
    blue = folder / "data" / "train" / "blue" / "0.png"
    shutil.copy(folder / "data" / "train" / "red" / "0.png", blue)
    assert_refused(explore(folder, "other", *study), "study.db holds a study that differs in data: give the settings")


@pytest.mark.usefixtures("unmeasured")
def test_nets_that_a_proxy_cannot_judge_are_refused_before_a_table_is_measured(folder: Path) -> None:
    space = json.loads(to_json(cifar_mbconv_space(0.25, blocks_per_stage=1, classes=2, resolution=16)))
    ops = [*(block["op"] for block in space["stem"]), *space["candidates"], space["head"]["op"]]
    for op in ops:
        op |= {} if op["kind"] == "Zero" else {"activation": "silu"}
    (folder / "space.json").write_text(json.dumps(space))
    result = explore(folder, "run", "--space", folder / "space.json", "--judge", "naswot", *WITHIN)
    assert_refused(result, "NASWOT counts ReLUs, and the net has none: judge it by synflow")
    assert not (folder / "run").exists()


@pytest.mark.usefixtures("unmeasured")
def test_a_study_that_cannot_be_used_is_refused_before_a_table_is_measured(folder: Path) -> None:
    text = folder / "text.db"
    text.write_text("no database at all, but long enough to be looked at" * 99)
    for study, said in (
        (text, r"text.db cannot be used for a study \(.*file is not a database\)"),
        (folder, rf"{folder} cannot be used for a study \(.*unable to open database file\)"),
        (folder / "nowhere" / "study.db", r"study.db cannot be written: make the folder .*nowhere or permit access"),
        ("nosuch://host/nets", r"nosuch://host/nets cannot be used for a study \(.*nosuch"),
    ):
        assert_refused(explore(folder, "run", *TINY, "--judge", "synflow", *WITHIN, "--study", study), said)
    assert {path.name for path in folder.iterdir()} == {"cache", "data", "text.db"}


def test_a_study_whose_table_is_not_here_is_joined_with_that_table_only(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = folder / "table.json"
    uniform_table(cifar_mbconv_space(0.25, blocks_per_stage=1, classes=2, resolution=16)).save(table)
    study = ["--study", folder / "study.db", *TINY, "--judge", "synflow", *WITHIN, "--target-latency-ms", "1e3"]
    given = ["--table", table, "--foreign-table"]
    assert explore(folder, "first", *study, *given).exit_code == 0
    with monkeypatch.context() as patch:
        patch.setattr(exploring, "find_table", lambda run, choice: pytest.fail("a table is measured"))
        refused = explore(folder, "second", *study)
    assert_refused(
        refused,
        r"study.db holds a study that differs in table: give the settings it was started with \(as --table, the "
        r"table.json of the run that started it\), or name another --study",
    )
    own = folder / "first" / "table.json"
    assert explore(folder, "second", *study, "--table", own, "--foreign-table", "--nets", "3").exit_code == 0
    assert len(found_in(folder / "second").of("searched")) == 3


def test_a_run_goes_on_with_its_own_study_only(folder: Path) -> None:
    assert explore(folder, "run", *TINY, "--judge", "synflow").exit_code == 0
    refused = explore(folder, "run", *TINY, "--judge", "synflow", "--study", folder / "other.db")
    assert_refused(refused, r"run holds an unfinished run with other settings \(exploration.study\)")


def test_train_and_report_wait_for_the_end_of_an_exploration(folder: Path) -> None:
    assert explore(folder, "run", *TINY, "--judge", "synflow").exit_code == 0
    (folder / "run" / "explored.json").unlink()
    for verb in ("train", "report"):
        refused = CliRunner().invoke(main, [verb, str(folder / "run")])
        assert_refused(refused, "run holds an unfinished exploration: give the same explore command again to resume it")


@pytest.mark.slow
def test_processes_share_the_work(folder: Path) -> None:
    arguments = ["--data-dir", folder / "data", "--run-dir", folder / "run", "--cache-dir", folder / "cache"]
    more = ["--accelerator", "cpu", "--nets", "6", "--random-nets", "2", "--workers", "2", *FEW, *TINY]
    command = [sys.executable, "-m", "pnas_cifar10", "explore", *map(str, [*arguments, *more])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len({net.choices for net in found_in(folder / "run").nets}) == 8
    with sqlite3.connect(folder / "run" / "study.db") as database:
        rows = database.execute("SELECT value_json FROM trial_user_attributes WHERE key = 'worker'").fetchall()
    assert {json.loads(row[0]).rpartition("/")[2] for row in rows} == {"1", "2"}
