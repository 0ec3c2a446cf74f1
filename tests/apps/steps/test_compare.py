"""Nets that are trained anew, to say whether a search paid."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from attrs import evolve
from rich.console import Console

import pnas_apps.steps.compare
from apps.interruption import Interrupted
from pnas_apps.cli.presets import read_preset
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.ground.randomness import seed_of
from pnas_apps.images.image_set import ImageSet, measure_preprocessing
from pnas_apps.images.memory_source import MemorySource
from pnas_apps.run.accuracies import Finished
from pnas_apps.run.checked_lines import read_lines
from pnas_apps.run.compare_config import CompareConfig
from pnas_apps.run.preset import ImagePreset, structure_preset
from pnas_apps.run.run import Run
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.task import Task
from pnas_apps.run.verdict import Contender, Verdict
from pnas_apps.steps.compare import compare, find_verdict
from pnas_apps.steps.contenders import Contenders, contenders
from pnas_apps.steps.hand_made_nets import fitted, nearest
from pnas_apps.steps.reference_nets import fastest
from pnas_apps.steps.table import Tabled
from pnas_apps.steps.train import Trained
from pnas_apps.training.training import Training, TrainingDivergedError
from pnas_cifar10.cli import PRESETS
from pnas_latency import Device
from pnas_ops import (
    Architecture,
    DeviceInfo,
    Measurement,
    SearchSpace,
    ZeroSpec,
    build_network,
    cifar_mbconv_space,
    digits_mbconv_space,
    from_json,
    to_json,
    workloads,
)
from small_runs import printed_by_run
from tables import measurement, uniform_table

# Of 36 nets.
SPACE = digits_mbconv_space(0.25, blocks_per_stage=1, classes=3, resolution=8)
SEARCHED = SPACE.architecture([0, 1], name="searched")
CONFIG = CompareConfig(nets=1, epochs=2, seeds=1)
MakeRun = Callable[..., Run]


def tabled_of(space: SearchSpace, device: object = None) -> Tabled:
    """A table of a device that is not here, unless one is given; every line another latency."""
    table = uniform_table(space)
    lines = [evolve(one, measurement=measurement(1.0 + number / 100)) for number, one in enumerate(table.entries)]
    elsewhere = SimpleNamespace(info=evolve(table.device, device="elsewhere"))
    return Tabled(device=cast(Device, device or elsewhere), table=evolve(table, entries=tuple(lines)))


TABLED = tabled_of(SPACE)


@pytest.fixture
def make_run(tmp_path: Path, image_set: ImageSet) -> MakeRun:
    """Runs that differ by their folders and reporters."""

    def make(name: str, *, reporter: Reporter | None = None, space: SearchSpace = SPACE, **options: Any) -> Run:
        preset = structure_preset(read_preset("digits", PRESETS), "digits", ImagePreset)
        preset = evolve(preset, resolution=8, batch_size=30, compare=CONFIG, **options)
        images = MemorySource(
            images=image_set, augmentation=preset.augmentation, preprocessing=measure_preprocessing(image_set)
        )
        (tmp_path / name).mkdir(exist_ok=True)
        return Run(
            task=Task(name="test", train=images, test=images, space=space),
            preset=preset,
            folder=RunFolder(tmp_path / name),
            seed=0,
            reporter=reporter or Reporter(Console(file=io.StringIO(), width=1000)),
            cache=Cache(tmp_path / "cache"),
        )

    return make


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the trainings that began."""
    names: list[str] = []
    inner = pnas_apps.steps.compare.train_network

    def counting(*arguments: Any, name: str, **options: Any) -> Any:
        names.append(name)
        return inner(*arguments, name=name, **options)

    monkeypatch.setattr(pnas_apps.steps.compare, "train_network", counting)
    return names


def test_a_comparison_that_is_interrupted_anywhere_ends_as_one_that_never_stopped(make_run: MakeRun) -> None:
    whole = make_run("whole")
    verdict = find_verdict(whole, TABLED, SEARCHED, CONFIG)
    wanted = whole.folder.accuracies.read_bytes()
    assert len(wanted.splitlines()) == 4
    # Two batches an epoch: within a training, and at the end of its first epoch and of its last.
    for step in (2, 4, 6):
        quitter = make_run(f"stopped-{step}", reporter=Interrupted(Reporter(Console(file=io.StringIO())), step))
        with pytest.raises(KeyboardInterrupt):
            find_verdict(quitter, TABLED, SEARCHED, CONFIG)
        resumed = make_run(f"stopped-{step}")
        assert find_verdict(resumed, TABLED, SEARCHED, CONFIG) == verdict
        assert resumed.folder.accuracies.read_bytes() == wanted
        assert {path.name for path in resumed.folder.compared.iterdir()} == {"nets.json", "accuracies.jsonl"}
        assert not resumed.folder.damages()


def test_more_nets_and_seeds_go_on_from_those_that_are_done(make_run: MakeRun, trained: list[str]) -> None:
    run = make_run("run")
    first = find_verdict(run, TABLED, SEARCHED, CompareConfig(nets=1, epochs=1, seeds=1))
    assert trained == [f"{name} net, seed 0" for name in ("searched", "random-1", "fastest", "biggest")]
    trained.clear()
    more = find_verdict(run, TABLED, SEARCHED, CompareConfig(nets=2, epochs=1, seeds=2))
    assert trained[0] == "random-2 net, seed 0"
    assert len(trained) == 1 + 5
    assert [net.accuracies[:1] for net in more.nets if net.name != "random-2"] == [net.accuracies for net in first.nets]
    trained.clear()
    assert find_verdict(run, TABLED, SEARCHED, CompareConfig(nets=2, epochs=1, seeds=2)) == more
    assert not trained
    find_verdict(run, TABLED, SEARCHED, CompareConfig(nets=1, epochs=2, seeds=1))
    assert len(trained) == 4
    assert len(read_lines(run.folder.accuracies, Finished)[0]) == 4 + 6 + 4


def test_a_net_that_is_compared_for_two_reasons_is_trained_and_counted_once(
    make_run: MakeRun, trained: list[str]
) -> None:
    run, once = make_run("run"), CompareConfig(nets=1, epochs=1, seeds=1)
    searched = evolve(fastest(SPACE, TABLED.table), name="searched")
    verdict = find_verdict(run, TABLED, searched, once)
    assert trained == [f"{name} net, seed 0" for name in ("searched", "random-1", "biggest")]
    assert verdict.of_kind("fastest")[0].accuracies == verdict.of_kind("searched")[0].accuracies
    run.folder.accuracies.write_text("".join(run.folder.accuracies.read_text().splitlines(keepends=True)[:-1]))
    find_verdict(run, TABLED, searched, once)
    assert "1 of 3 trainings are left: 1 pass over the training images" in printed_by_run(run)
    find_verdict(run, TABLED, searched, evolve(once, seeds=2))
    assert "3 of 6 trainings are left: 3 passes over the training images" in printed_by_run(run)


def test_every_net_is_trained_from_fresh_weights_as_any_training_is_and_judged_at_its_end(make_run: MakeRun) -> None:
    run = make_run("run")
    verdict = find_verdict(run, TABLED, SEARCHED, CONFIG)
    (net,) = verdict.of_kind("biggest")
    (architecture,) = (one.architecture for one in contenders(run, TABLED, SEARCHED, 1).nets if one.kind == "biggest")
    network = build_network(architecture, generator=run.generator("anew", 0, "weights"))
    network.to(memory_format=torch.channels_last)
    config = evolve(run.preset.train, epochs=2, warmup_epochs=1)
    training = Training(network, config, seed=seed_of(0, "anew", 0), classes=3)
    for epoch in range(2):
        training.run_epoch(run.training_batches(run.task.train, "anew", 0, epoch), on_step=lambda: None)
    torch.optim.swa_utils.update_bn(run.shuffled_batches(run.task.train, "recalibrate"), network)
    network.eval()
    with torch.no_grad():
        right = sum(
            int((network(images).argmax(1) == labels).sum()) for images, labels in run.ordered_batches(run.task.test)
        )
    assert net.accuracies == (pytest.approx(right / len(run.task.test), abs=1e-12),)
    assert verdict.test_images == len(run.task.test)
    assert from_json(to_json(verdict), Verdict) == verdict


def test_random_nets_are_others_of_the_same_latency(make_run: MakeRun) -> None:
    space = digits_mbconv_space(0.25, blocks_per_stage=2, classes=3, resolution=8)
    tabled = tabled_of(space)
    searched = space.architecture([1] * len(space.mixed), name="searched")
    run = make_run("run", space=space)
    found = contenders(run, tabled, searched, 4)
    target_ms = tabled.table.predict_ms(searched)
    assert len({space.choices(net.architecture) for net in (found.searched, *found.random)}) == 5
    for net in found.random:
        assert net.predicted_ms == tabled.table.predict_ms(net.architecture) == pytest.approx(target_ms, rel=0.02)
    assert found.remarks(4) == ()
    # Those that were drawn stay the first ones, whatever is asked for.
    assert contenders(run, tabled, searched, 2) == found
    assert contenders(make_run("other", space=space), tabled, searched, 2).random == found.random[:2]


def test_a_net_that_skips_at_another_place_of_a_stage_is_no_other_net(make_run: MakeRun) -> None:
    space = digits_mbconv_space(0.25, blocks_per_stage=4, classes=3, resolution=8)
    few = evolve(space, candidates=(space.candidates[0], ZeroSpec()))
    assert few.size() == 2**6  # and 4 * 4 networks, by how many of three blocks each stage skips
    searched = few.architecture([0, 0, 0, 1, *[0] * (len(few.mixed) - 4)], name="searched")
    run = make_run("run", space=few)
    found = contenders(run, tabled_of(few), searched, 8)

    def done(net: Architecture) -> tuple[tuple[object, ...], ...]:
        """What is computed, in order."""
        blocks = [(str(one.op), one.in_channels, one.out_channels, one.stride) for one in net.blocks]
        return tuple(one for one in blocks if one[0] != "skip")

    nets = [found.searched, *found.random]
    assert len(nets) == 9
    assert len({done(net.architecture) for net in nets}) == len(nets)


def test_a_space_with_too_few_nets_of_the_latency_says_what_was_taken(make_run: MakeRun) -> None:
    space = evolve(SPACE, candidates=SPACE.candidates[:2])
    table = uniform_table(space)
    # What the second candidate of the last block takes beside the first decides.
    second = workloads(space)[-2][1]
    lines = [evolve(one, measurement=measurement(1.5 if one.workload == second else 1.0)) for one in table.entries]
    tabled = evolve(tabled_of(space), table=evolve(table, entries=tuple(lines)))
    found = contenders(make_run("run", space=space), tabled, space.architecture([0, 0], name="searched"), 5)
    assert [net.predicted_ms for net in found.random] == [5.0, 5.5, 5.5]
    assert found.remarks(5) == (
        "only 1 of 5 random nets are within 2% of the searched one's latency: 2 more, up to 10.0% off, were taken; "
        "2 more were not found",
    )


def test_a_near_net_that_was_drawn_after_a_far_one_is_not_called_far() -> None:
    random = [Contender(architecture=SEARCHED, kind="random", predicted_ms=ms) for ms in (1.0, 1.05, 1.01)]
    searched = Contender(architecture=SEARCHED, kind="searched", predicted_ms=1.0)
    assert Contenders(nets=(searched, *random)).remarks(3) == (
        "only 2 of 3 random nets are within 2% of the searched one's latency: 1 more, up to 5.0% off, was taken",
    )


def test_what_is_damaged_is_told_and_made_again_as_it_was(make_run: MakeRun, trained: list[str]) -> None:
    run = make_run("run")
    once = CompareConfig(nets=1, epochs=1, seeds=1)
    verdict = find_verdict(run, TABLED, SEARCHED, once)
    trained.clear()
    path = run.folder.contenders
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"0", b"1", 1))
    assert run.folder.damages() == [path]
    assert find_verdict(run, TABLED, SEARCHED, once) == verdict
    assert path.read_bytes() == whole
    assert f"{path} has changed since it was written: it is written again" in printed_by_run(run)
    assert not trained


@pytest.mark.parametrize(
    "damage",
    [lambda line: line[:-9], lambda line: b"\xff", lambda line: line.replace(b'"accuracy": 0', b'"accuracy": 1')],
    ids=["half a line", "no text", "another accuracy"],
)
def test_of_the_trainings_that_are_done_those_with_a_damaged_line_are_done_again(
    damage: Callable[[bytes], bytes], make_run: MakeRun, trained: list[str]
) -> None:
    run, once = make_run("run"), CompareConfig(nets=1, epochs=1, seeds=1)
    verdict = find_verdict(run, TABLED, SEARCHED, once)
    trained.clear()
    path = run.folder.accuracies
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([lines[0], damage(lines[1]), *lines[2:]]) + b"\n")
    assert run.folder.damages() == [path]
    assert find_verdict(run, TABLED, SEARCHED, once) == verdict
    assert trained == ["random-1 net, seed 0"]
    assert sorted(path.read_bytes().splitlines()) == sorted(lines)
    assert f"{path}, line 2 is damaged: its net is trained again" in printed_by_run(run)
    assert not run.folder.damages()


def test_lines_of_an_earlier_version_count_as_long_as_their_file_is_what_was_written(
    make_run: MakeRun, trained: list[str]
) -> None:
    run, once = make_run("run"), CompareConfig(nets=1, epochs=1, seeds=1)
    verdict = find_verdict(run, TABLED, SEARCHED, once)
    lines = [json.loads(line) for line in run.folder.accuracies.read_text().splitlines()]
    text = "".join(json.dumps({name: line[name] for name in line if name != "check"}) + "\n" for line in lines)
    trained.clear()
    run.folder.files.write(run.folder.accuracies, text)
    assert find_verdict(run, TABLED, SEARCHED, once) == verdict
    assert not trained
    run.folder.accuracies.write_text(f"{text}\n")
    assert find_verdict(run, TABLED, SEARCHED, once) == verdict
    assert len(trained) == 4


def test_a_net_that_diverges_is_named_with_a_way_on_that_works(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(*arguments: Any, **options: Any) -> None:
        raise TrainingDivergedError("the loss is nan at epoch 0, step 1", "lower the learning rate")

    monkeypatch.setattr(pnas_apps.steps.compare, "train_network", diverge)
    run = make_run("run")
    before = cast(
        Trained, SimpleNamespace(searched=SimpleNamespace(tabled=TABLED, architecture=SEARCHED), show=lambda to: None)
    )
    with pytest.raises(
        UserError, match=r"^searched net, seed 0, trained from scratch: the loss is nan .*: resume with --compare 0"
    ):
        compare(run, before)
    off = evolve(run, preset=evolve(run.preset, compare=CompareConfig()))
    assert compare(off, before).verdict is None
    # A step with nothing in it says so.
    assert isinstance(run.reporter.console.file, io.StringIO)
    assert "nothing is compared (--compare 0)" in run.reporter.console.file.getvalue()


def test_a_net_of_another_width_is_found_for_a_latency_in_a_few_tries() -> None:
    measured: list[float] = []

    def of_width(width: float) -> Architecture:
        return evolve(SEARCHED, name=f"{width:.4f}")

    def measure(net: Architecture) -> float:
        measured.append(float(net.name))
        return 0.1 + 2.0 * float(net.name) ** 1.7

    for target_ms in (0.4, 2.1, 9.0):
        measured.clear()
        net, latency_ms = nearest(of_width, measure, target_ms)
        assert latency_ms == pytest.approx(target_ms, rel=0.02)
        assert latency_ms == pytest.approx(0.1 + 2.0 * float(net.name) ** 1.7)
        assert len(measured) <= 5


def test_where_another_width_cannot_be_measured_one_that_could_be_is_found() -> None:
    def of_width(width: float) -> Architecture:
        return evolve(SEARCHED, name=f"{width:.4f}")

    def measure_up_to(most: float) -> Callable[[Architecture], float | None]:
        return lambda net: float(net.name) if float(net.name) <= most else None

    net, latency_ms = nearest(of_width, measure_up_to(1.0), 1.08)
    assert (net.name, latency_ms) == ("1.0000", pytest.approx(1.0))
    assert nearest(of_width, measure_up_to(0.5), 1.08)[1] is None


class _Device:
    """Takes a millisecond for every 10,000 weights of a dense net, and one at least."""

    info: DeviceInfo = TABLED.table.device

    def __init__(self, *, noisy: bool = False) -> None:
        self.noisy = noisy

    def measure(self, rows: object, *, nets: Any, progress: object = None) -> Any:
        assert not rows
        return [(net, self.measurement(net)) for net in nets]

    def measurement(self, net: Architecture) -> Measurement:
        dense = sum(block.in_channels * block.out_channels for block in net.blocks)
        return evolve(measurement(max(1.0, dense / 1e4), overhead_ms=0.25), noisy=self.noisy)


def test_hand_made_nets_are_scaled_to_the_latency_and_those_that_cannot_be_are_named(make_run: MakeRun) -> None:
    space = cifar_mbconv_space(classes=3)
    run = make_run("run", space=space, baselines="mobilenet_v2, resnet18")
    device = _Device()
    (net,), (line,) = fitted(run, tabled_of(space, device), 4.0)
    one = device.measurement(net.architecture)
    assert net.name.startswith("mobilenet_v2-")
    assert net.measured_ms == one.latency_ms + one.overhead_ms == pytest.approx(4.0, rel=0.1)
    assert (net.kind, net.architecture.classes, net.architecture.resolution) == ("hand-made", 3, 32)
    # Eight channels more are a quarter more of its work.
    assert line == "resnet18 is not compared: in the width nearest to 4.0000 ms it takes 3.5956"

    found, (first, second) = fitted(run, tabled_of(space, device), 0.5)  # which no net is as fast as
    assert (found, first) == ((), "mobilenet_v2 is not compared: in the width nearest to 0.5000 ms it takes 2.7996")
    assert second.startswith("resnet18 is not compared")
    found, left_out = fitted(run, tabled_of(space), None)
    assert not found
    assert all("is not compared: its latency can only be measured on" in line for line in left_out)
    (noisy,), (line,) = fitted(run, tabled_of(space, _Device(noisy=True)), 4.0)
    assert (net.noisy, noisy.noisy) == (False, True)
    assert line == "resnet18 is not compared: its measurements are too noisy to find a width by"
    small = make_run("small", baselines="resnet18")
    assert fitted(small, TABLED, 1.0)[1] == (
        "resnet18 is not compared: resnet18 needs images of at least 17 pixels, got 8",
    )
