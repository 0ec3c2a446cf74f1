"""What a run is reckoned to take, beside clocks that are made up; and that reckoning leaves nothing."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice, product
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from click.testing import CliRunner

from command_line import assert_refused
from pnas_apps.devices.cached_tables import Lacking, cached_table, lacking
from pnas_apps.ground.durations import shown_duration
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.image_set import ImageSet
from pnas_apps.run.accuracies import Finished
from pnas_apps.run.checked_lines import as_lines
from pnas_apps.run.compare_config import CompareConfig
from pnas_apps.run.device_settings import DeviceSettings
from pnas_apps.run.judged_nets import keep_judged
from pnas_apps.run.lock import held_folder
from pnas_apps.run.reckoned import Reckoned, ReckonedStep
from pnas_apps.run.run import Run
from pnas_apps.steps import budget_doubt, device_trial, trials
from pnas_apps.steps.device_trial import DeviceTrial, try_device
from pnas_apps.steps.dry_run import dry_run
from pnas_apps.steps.learning_trial import SearchTrial, TrainingTrial
from pnas_apps.steps.pace import Pace
from pnas_apps.steps.table import TableChoice
from pnas_cifar10 import datasets
from pnas_cifar10.cli import main
from pnas_latency import Budget, TorchDevice
from pnas_ops import Architecture, DeviceInfo, Measurement, architecture_macs, architecture_parameters, save_json
from small_runs import small_preset, small_run, small_space, small_table

TRIAL = DeviceTrial(
    begin_s=7.0,
    converting_s=4.0,
    net_converting_s=0.0,
    measuring_s=3.0,
    net_ms=2.0,
    blocks=8,
    in_turns=True,
    memory_bytes=1e9,
)
STEP_S = {"biggest": 0.5, "fastest": 0.125}


@pytest.fixture
def run(tmp_path: Path, image_set: ImageSet, reporter: Reporter) -> Run:
    """60 images in batches of 8, of which 45 are for the weights: 7 and 5 steps an epoch; 3 + 4 epochs."""
    preset = evolve(small_preset(), compare=CompareConfig(nets=2, epochs=2, seeds=3))
    found = small_run(tmp_path / "run", image_set, reporter, preset=preset)
    return evolve(found, target=DeviceSettings(name="torch-cpu"), budget=Budget(latency_ms=20.0))


@pytest.fixture(autouse=True)
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps of a quarter of a second, other ones with the ends of a space; no clock is looked at."""

    def training(run: Run, net: Any, seconds: float, tell: Callable[[float], None]) -> TrainingTrial:
        tell(2.0)  # a step that was longer than all that there was time for
        return TrainingTrial(step_s=STEP_S.get(net.name, 0.25), memory_bytes=2e6, state_bytes=1e6)

    pace = Pace(reading_s=0.0, weights_s=1.0, both_s=2.5)
    search = SearchTrial(pace=pace, memory_bytes=3e6, state_bytes=4e6)
    monkeypatch.setattr(trials, "try_device", lambda device, net, **_: TRIAL)
    monkeypatch.setattr(trials, "try_search", lambda *arguments, **options: search)
    monkeypatch.setattr(trials, "_training_trial", training)


def seconds_of(run: Run, **options: Any) -> dict[str, float | None]:
    return {step.name: step.seconds for step in dry_run(run, TableChoice(), **options).steps}


def test_a_new_run_takes_every_step_in_full(run: Run) -> None:
    left = lacking(TorchDevice("cpu").info, run.task.space, run.cache)
    found = seconds_of(run)
    assert found["table"] == TRIAL.table_s(left)
    interval = run.preset.search.arch_interval
    assert interval == 2
    # Three epochs of 5 steps, in two of them an architecture step after every other one, and three nets to land on.
    assert found["search"] == 3 * 5 * 1.0 + 2 * (5 // interval) * 1.5 + 3 * 7.0
    # An epoch of 7 steps; then these, and 8 of the test images, forward alone.
    assert found["train"] == pytest.approx(0.25 * (4 * 7 + (7 + 8) / 3))
    one = 2 * 7 + (7 + 8) / 3
    # Three seeds of the searched net and two random ones, and of the ends; whose latencies are measured
    # before, one more block of each converted for it.
    assert found["compare"] == pytest.approx(3 * one * (3 * 0.25 + 0.5 + 0.125) + 3 * 4.0 / 8 + 3.0)
    assert found["report"] == 3.0
    assert not run.folder.path.exists()


def test_what_there_is_in_the_space_is_told_to_who_names_limits(run: Run) -> None:
    space = run.task.space
    nets = [space.architecture(one) for one in product(*map(range, space.options))]
    macs, parameters = (sorted(map(count, nets)) for count in (architecture_macs, architecture_parameters))
    assert dry_run(run, TableChoice()).notes == (
        f"Nets of the space have {macs[0]:,} to {macs[-1]:,} MACs and {parameters[0]:,} to {parameters[-1]:,} "
        "parameters.",
    )


def test_nets_that_are_judged_before_the_search_lands_take_time(run: Run) -> None:
    before = seconds_of(run)["search"]
    judging = evolve(run, preset=evolve(run.preset, judged_nets=9))
    # Each of them 5 whole batches of the weights' 45 images, and 2 of the 15 others, forward alone.
    assert before is not None
    assert seconds_of(judging)["search"] == pytest.approx(before + 9 * (5 + 2) / 3)
    assert [step.what for step in dry_run(judging, TableChoice()).steps][1].endswith(
        "; then up to 9 nets judged; then about 3 nets measured"
    )
    # Of an interrupted landing those that are left.
    run.folder.path.mkdir()
    few = islice(product(*map(range, run.task.space.options)), 4)
    keep_judged(run.folder, "weights", dict.fromkeys(few, 0.5))
    assert seconds_of(judging)["search"] == pytest.approx(before + 5 * (5 + 2) / 3)
    assert "; then up to 5 nets judged; " in [step.what for step in dry_run(judging, TableChoice()).steps][1]


def test_no_more_nets_are_judged_than_there_are(run: Run) -> None:
    judging = evolve(run, preset=evolve(run.preset, judged_nets=10**6))
    nets = run.task.space.size()
    assert f"; then up to {nets} nets judged; " in [step.what for step in dry_run(judging, TableChoice()).steps][1]


def test_what_a_run_has_done_is_not_reckoned_again(run: Run) -> None:
    folder = run.folder
    folder.path.mkdir()
    small_table(small_space()).save(folder.table)
    before = seconds_of(run)
    assert before["table"] == 0.0
    folder.search_checkpoint.write_bytes(b"")
    folder.history.write_text("{}\n{}\n")
    net = run.task.space.architecture([0] * len(run.task.space.options), name="searched")
    save_json(net, folder.landing)
    folder.network("searched").path.mkdir(parents=True)
    folder.network("searched").history.write_text("{}\n" * 3)
    folder.compared.mkdir()
    done = [
        Finished(net="a", digest=f"{n}", epochs=epochs, seed=0, accuracy=0.5) for n in range(5) for epochs in (1, 2)
    ]
    folder.accuracies.write_text(as_lines(done))
    folder.contenders.write_text("{}")
    found = seconds_of(run)
    assert found["search"] == 5 * 1.0 + 2 * 1.5
    assert found["train"] == pytest.approx(0.25 * (1 * 7 + (7 + 8) / 3))
    passes = 2 * 7 + (7 + 8) / 3
    # 10 of 15 trainings are left.
    assert found["compare"] == pytest.approx(3 * passes * (3 * 0.25 + 0.5 + 0.125) * 10 / 15)
    folder.network("searched").weights.write_bytes(b"")
    assert seconds_of(run)["train"] == 0.0


def test_a_run_up_to_a_step_is_reckoned_up_to_it_and_rewards_that_are_measured_are_not_known(run: Run) -> None:
    assert [*seconds_of(run, until="search")] == ["table", "search"]
    objective = evolve(run.preset.objective, form="reinforce", reward_cost="measured")
    measuring = evolve(run, preset=evolve(run.preset, objective=objective))
    assert seconds_of(measuring, until="search")["search"] is None


def test_a_table_takes_what_it_lacks() -> None:
    blocks: Any = (tuple("abcdefghij"), ("j", "k", "l"))
    left = Lacking(blocks=blocks, nets=("m", "n"))  # type: ignore[arg-type]
    assert left.count == 12
    # Eight are converted, since they were tried, and four as long as half of these; then the other nine of the longest
    # row, each 200 times, and another net 100 times.
    assert TRIAL.table_s(left) == 7.0 + 4.0 / 2 + 3.0 + 1.5 * (200 * 9 + 100) * 2.0 / 1000
    assert TRIAL.table_s(Lacking(blocks=((), ()), nets=())) == 0.0
    assert evolve(TRIAL, in_turns=False, begin_s=0.0).table_s(left) == 14 * 7.0
    # Nets of somebody's module are converted one by one.
    assert evolve(TRIAL, net_converting_s=5.0).table_s(left) == TRIAL.table_s(left) + 2 * 5.0


def test_what_a_net_takes_to_convert_is_told_from_its_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a device that takes a second for each block, a minute for each net, and an hour to measure."""
    now = [0.0]

    class Slow(Instant):
        def measure(
            self, rows: Sequence[Sequence[Any]], *, nets: Sequence[Any] = (), progress: Any = None
        ) -> Iterator[tuple[Any, Measurement]]:
            for done, seconds in enumerate((len(rows), *(60 for _ in nets))):
                progress("converting", done, 1 + len(nets))
                now[0] += seconds
            progress("converting", 1 + len(nets), 1 + len(nets))
            progress("measuring", 0, 1)
            now[0] += 3600
            return super().measure(rows, nets=nets)

    monkeypatch.setattr(device_trial, "_IN_TURNS", (Slow,))
    monkeypatch.setattr(device_trial.time, "perf_counter", lambda: now[0])
    net = small_space().architecture([0] * len(small_space().options))
    trial = try_device(Slow(), net, name="slow", progress=lambda *_: None)
    assert (trial.converting_s, trial.net_converting_s, trial.measuring_s) == (len(net.blocks), 60, 3600)
    assert trial.begin_s == 0.0


class Instant:
    """A device on which everything takes a millisecond."""

    info = DeviceInfo(device="d", runtime="r", runtime_version="1", threads=1, dtype="float32")

    def measure(
        self, rows: Sequence[Sequence[Any]], *, nets: Sequence[Any] = (), progress: object = None
    ) -> Iterator[tuple[Any, Measurement]]:
        one = Measurement(latency_ms=1.0, p25_ms=1.0, median_ms=1.0, p75_ms=1.0, count=2)
        return iter([(key, one) for row in (*rows, nets) for key in row])


def test_what_a_table_lacks_is_what_is_measured(run: Run) -> None:
    device, space = Instant(), run.task.space
    left = lacking(device.info, space, run.cache)
    table = cached_table(device, space, run.cache, run.reporter)
    assert left.count == len(table.entries)
    assert len(left.nets) == len(table.nets)
    after = lacking(device.info, space, run.cache)
    assert (after.count, after.nets) == (0, ())


def test_a_reckoning_adds_up_what_is_known() -> None:
    steps = (
        ReckonedStep(name="a", what="", seconds=30.0, disk_bytes=1.0),
        ReckonedStep(name="b", what="", seconds=None),
        ReckonedStep(name="c", what="", seconds=60.0, disk_bytes=2.0),
    )
    reckoned = Reckoned(steps=steps, on_gpu=False, measured_s=1.0)
    assert (reckoned.seconds, reckoned.disk_bytes) == (90.0, 3.0)
    assert [*map(shown_duration, (0.6, 90.0, 120.0, 7200.0, 2 * 86400.0))] == [
        "1 second",
        "90 seconds",
        "2 minutes",
        "2.0 hours",
        "2.0 days",
    ]


def test_a_dry_run_leaves_nothing_and_is_refused_as_the_run_would_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    few = ["demo", "--dry-run", "--cache-dir", str(tmp_path / "cache"), "--device", "torch-cpu"]
    result = CliRunner().invoke(main, [*few, "--max-macs", "1e12"])
    assert result.exit_code == 0, result.output
    printed = capfd.readouterr().out
    assert printed.count(" macs: the limit of 1,000,000,000,000 excludes none\n") == 1
    for step in ("table", "search", "train", "compare", "export", "report"):
        assert f"\n {step} " in printed
    assert "Nothing was written." in " ".join(printed.split())
    assert not [*(tmp_path / "here").iterdir()]
    (tmp_path / "here" / "foreign").mkdir()
    (tmp_path / "here" / "foreign" / "note.txt").touch()
    assert_refused(CliRunner().invoke(main, [*few, "--run-dir", "foreign"]), "holds something that is not a run")
    assert_refused(CliRunner().invoke(main, [*few, "--max-macs", "10"]), "no net")
    with held_folder(Path("held")):
        assert_refused(CliRunner().invoke(main, [*few, "--run-dir", "held"]), "held is in use by process .*: wait")
    inside = str(Path("foreign", "note.txt", "run"))
    assert_refused(CliRunner().invoke(main, [*few, "--run-dir", inside]), r"run cannot be written \(Not a directory\)")
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["foreign"]


def test_a_budget_below_the_lightest_net_is_doubted_where_there_is_no_table(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def measured(device: object, net: Architecture, *, build: None) -> float:
        asked.append(net)
        return 0.5

    monkeypatch.setattr(budget_doubt, "measure_net_ms", measured)
    assert dry_run(run, TableChoice()).doubts == ()
    below, above = (evolve(run, budget=Budget(latency_ms=ms)) for ms in (0.4, 0.6))
    (doubt,) = dry_run(below, TableChoice()).doubts
    assert "fewest multiply-accumulates takes 0.5000 ms now, but 0.4 ms are requested: unless another net" in doubt
    assert dry_run(above, TableChoice()).doubts == ()
    # Where another net is known to be within the budget, nothing more is measured.
    assert len(asked) == 2
    space = run.task.space
    fewest = min(architecture_macs(space.architecture(one)) for one in product(*map(range, space.options)))
    assert {architecture_macs(net) for net in asked} == {fewest}
    below.folder.path.mkdir()
    small_table(small_space()).save(below.folder.table)
    assert dry_run(below, TableChoice()).doubts == ()
    (needless,) = dry_run(evolve(below, budget=Budget(latency_ms=1e6)), TableChoice()).doubts
    assert needless.endswith(" latency_ms: the limit of 1000000.0000 excludes none")


def test_a_dry_run_downloads_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets, "CIFAR10_SIZES", (1280, 160))
    flags = ["--cache-dir", "cache", "--device", "torch-cpu", "--compare", "0", "--dry-run", "--download"]
    result = CliRunner().invoke(main, ["run", "--data-dir", "data", *flags])
    assert result.exit_code == 0, result.output
    printed = " ".join(capfd.readouterr().out.split())
    assert "CIFAR-10 is not in data and would be downloaded (170 MB)" in printed
    assert "data: 1280 training and 160 test images of 10 classes" in printed
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]
