"""Training, searching and their checkpoints."""

import io
import itertools
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from attrs import evolve
from safetensors.torch import save
from torchvision.transforms.v2.functional import resize

from apps.interruption import Interrupted
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.ground.randomness import seeded_generator
from pnas_apps.images.augmentation import Augmentation
from pnas_apps.images.image_set import ImageSet
from pnas_apps.run.preset import ImagePreset
from pnas_apps.run.run import Run
from pnas_apps.steps.int8_adjustments import check_int8
from pnas_apps.steps.int8_training import fine_tune, load_fine_tuned
from pnas_apps.steps.land import land_run
from pnas_apps.steps.net_training import load_network, retrain
from pnas_apps.steps.reference_nets import biggest, fastest
from pnas_apps.steps.supernet_search import expected_history_ms, run_search
from pnas_apps.steps.table import Tabled
from pnas_apps.training.config import TrainConfig
from pnas_apps.training.judging import accuracy
from pnas_apps.training.training import Training, TrainingDivergedError, TrainRecord
from pnas_export import KeepFloat
from pnas_latency import Device, LatencyTable
from pnas_ops import (
    FormatError,
    SearchSpace,
    Space,
    architecture_macs,
    build_network,
    digits_network_space,
    nas_bench_201_space,
    save_json,
    write_atomically,
)
from pnas_supernet import CheckpointError, SuperNet, extract, save_checkpoint
from small_runs import small_preset, small_run, small_space, small_table

MakeRun = Callable[..., Run]


SPACES: dict[str, Space] = {
    "blocks": small_space(),
    "cells": nas_bench_201_space(0.25, blocks_per_stage=1, classes=3, resolution=8, in_channels=1),
    "networks": digits_network_space(0.5, blocks_per_stage=1, classes=3, resolution=8),
}


@pytest.fixture
def space(request: pytest.FixtureRequest) -> Space:
    return SPACES[getattr(request, "param", "blocks")]


@pytest.fixture
def preset() -> ImagePreset:
    return small_preset()


@pytest.fixture
def table(space: SearchSpace) -> LatencyTable:
    return small_table(space)


@pytest.fixture
def make_run(tmp_path: Path, image_set: ImageSet, space: Space, preset: ImagePreset, reporter: Reporter) -> MakeRun:
    """Runs that differ by their folders, and by what the test changes."""

    def make(name: str, *, preset: ImagePreset = preset, reporter: Reporter = reporter) -> Run:
        return small_run(tmp_path / name, image_set, reporter, preset=preset, space=space)

    return make


@pytest.mark.parametrize(
    ("space", "step"), [("blocks", 3), ("blocks", 15), ("cells", 9), ("networks", 9)], indirect=["space"]
)
def test_an_interrupted_search_ends_as_one_that_never_stopped(
    make_run: MakeRun, table: LatencyTable, reporter: Reporter, step: int
) -> None:
    whole, history = run_search(make_run("whole"), table, table.predict_ms)
    with pytest.raises(KeyboardInterrupt):
        run_search(make_run("stopped", reporter=Interrupted(reporter, step)), table, table.predict_ms)
    resumed, resumed_history = run_search(make_run("stopped"), table, table.predict_ms)
    assert history == resumed_history
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    lines = make_run("stopped").folder.history.read_text()
    assert lines == make_run("whole").folder.history.read_text()
    assert lines.count("\n") == 3


def test_an_interrupted_training_ends_as_one_that_never_stopped_and_learns(
    make_run: MakeRun, space: SearchSpace, table: LatencyTable, reporter: Reporter
) -> None:
    whole_run = make_run("whole")
    supernet, _ = run_search(whole_run, table, table.predict_ms)
    net = space.architecture([0] * len(space.mixed), name="net")
    whole = retrain(whole_run, supernet, net, whole_run.preset.train)
    with pytest.raises(KeyboardInterrupt):
        retrain(make_run("stopped", reporter=Interrupted(reporter, 20)), supernet, net, whole_run.preset.train)
    resumed = retrain(make_run("stopped"), supernet, net, whole_run.preset.train)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    read = load_network(whole_run.folder.network("net"))
    batches = whole_run.ordered_batches(whole_run.task.test)
    assert accuracy(read.eval(), batches) == accuracy(whole.eval(), batches) > 0.9


def test_damaged_files_of_a_net_are_made_again_or_named_with_a_way_out_that_works(
    make_run: MakeRun, space: SearchSpace, table: LatencyTable
) -> None:
    run = make_run("run")
    config = evolve(run.preset.train, epochs=1, warmup_epochs=0)
    supernet = SuperNet(space, generator=run.generator("supernet"))
    net, other = (space.architecture([choice] * len(space.mixed), name="net") for choice in (0, 1))
    retrain(run, supernet, net, config)
    folder = run.folder.network("net")
    whole, described = folder.weights.read_bytes(), folder.architecture.read_bytes()

    for damaged in (b"{", described.replace(b"resolution", b"resolutiom"), b""):
        folder.architecture.write_bytes(damaged)
        with pytest.raises(FormatError, match=r"architecture\.json has changed .*: the command train writes it again"):
            load_network(folder)
        retrain(run, supernet, net, config)
        assert folder.architecture.read_bytes() == described

    for damaged in (whole[:-1], whole[:-1] + b"?", b""):
        folder.weights.write_bytes(damaged)
        with pytest.raises(FormatError, match=r"weights\.safetensors has changed .*: delete .*/networks/net, and"):
            retrain(run, supernet, net, config)
    shutil.rmtree(folder.path)
    retrain(run, supernet, net, config)
    assert folder.weights.read_bytes() == whole

    folder.checkpoint.write_bytes(b"of a kill before it was deleted")
    retrain(run, supernet, other, config)
    assert folder.weights.read_bytes() != whole
    assert not folder.checkpoint.exists()
    assert isinstance(run.reporter.console.file, io.StringIO)
    told = " ".join(run.reporter.console.file.getvalue().split())
    assert told.count("architecture.json has changed since it was written: it is written again") == 3
    assert "networks/net holds another net: it is trained again" in told


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("optimizer"),
        lambda state: state["history"][0].update(epoch="0"),
        lambda state: state.update(history=state["history"] * 9),
        lambda state: next(iter(state["network"].values())).fill_(float("nan")),
        lambda state: state["network"].popitem(),
        lambda state: state["optimizer"]["param_groups"][0].update(momentum="much"),
    ],
)
def test_a_checkpoint_of_a_training_with_odd_content_is_named(
    change: Callable[[dict[str, Any]], object], make_run: MakeRun, space: SearchSpace
) -> None:
    run = make_run("run")
    supernet = SuperNet(space, generator=run.generator("supernet"))
    net = space.architecture([0] * len(space.mixed), name="net")
    training = Training(extract(supernet, net), run.preset.train, classes=3)
    training.history.append(TrainRecord(epoch=0, loss=1.0, accuracy=0.5))
    state = training.state_dict()
    change(state)
    folder = run.folder.network("net")
    folder.path.mkdir(parents=True)
    save_checkpoint(state, folder.checkpoint, kind="training")
    with pytest.raises(CheckpointError, match=r"training\.pt is of another training \(.*\): .* delete it to begin"):
        retrain(run, supernet, net, run.preset.train)


@pytest.mark.parametrize("damaged", ["", "{", '{"schema": "Landing", "schema_version": 2}', "[NaN]"])
def test_a_damaged_landing_is_made_again_with_the_net_that_it_led_to(
    damaged: str, make_run: MakeRun, space: SearchSpace, table: LatencyTable
) -> None:
    run = make_run("run")
    device = evolve(table.device, device="elsewhere")  # so that nothing is measured
    tabled = Tabled(device=cast(Device, SimpleNamespace(info=device)), table=table)
    supernet = SuperNet(space, generator=run.generator("supernet"))
    landing = land_run(run, tabled, supernet)
    assert land_run(run, tabled, supernet) == landing
    trained = space.architecture([1] * len(space.mixed), name="searched")  # another than would be chosen now
    run.folder.files.save(trained, run.folder.architecture)
    run.folder.landing.write_text(damaged)
    assert land_run(run, tabled, supernet).result.architecture == trained
    run.folder.architecture.write_text(damaged)
    run.folder.landing.write_text(damaged)
    assert land_run(run, tabled, supernet) == landing


def test_the_extreme_nets_are_those_of_a_search_over_all_nets(space: SearchSpace, table: LatencyTable) -> None:
    small = evolve(space, stages=space.stages[:1], head=evolve(space.head, in_channels=space.stages[0].width))
    rows = [range(len(blocks)) for blocks in small.mixed]
    nets = [small.architecture(choices) for choices in itertools.product(*rows)]
    assert architecture_macs(biggest(small)) == max(map(architecture_macs, nets))
    whole = [space.architecture(c) for c in itertools.product(*[range(len(blocks)) for blocks in space.mixed])]
    assert table.predict_ms(fastest(space, table)) == min(table.predict_ms(net) for net in whole)


def test_the_expected_latency_of_an_epoch_is_that_of_its_probabilities(
    make_run: MakeRun, space: SearchSpace, table: LatencyTable
) -> None:
    _, history = run_search(make_run("run"), table, table.predict_ms)
    uniform = [sum(row) / len(row) for row in table.costs(space)]
    expected = expected_history_ms(history, space, table)
    # alpha begins at N(0, 1e-6), not at zero.
    assert expected[0] == pytest.approx(table.fixed_ms(space) + sum(uniform), rel=1e-3)
    assert expected[-1] < expected[0]


def test_a_trained_net_has_the_statistics_of_the_images_as_they_are(
    make_run: MakeRun, space: SearchSpace, table: LatencyTable
) -> None:
    run = make_run("run")
    supernet, _ = run_search(run, table, table.predict_ms)
    network = retrain(run, supernet, space.architecture([0] * len(space.mixed), name="net"), run.preset.train)
    first = network[0].op
    batches = list(run.shuffled_batches(run.task.train, "recalibrate"))
    with torch.no_grad():
        outputs = [first[0](images) for images, _ in batches]
    means = torch.stack([output.mean((0, 2, 3)) for output in outputs])
    torch.testing.assert_close(first[1].running_mean, means.mean(0), rtol=1e-4, atol=1e-5)


def test_a_net_of_a_smaller_resolution_is_trained_on_images_of_its_size(make_run: MakeRun) -> None:
    space = evolve(digits_network_space(0.5, classes=3, blocks_per_stage=1), resolutions=(4, 8))
    run = make_run("run")
    run = evolve(run, task=evolve(run.task, space=space))
    small, large = (space.architecture([size, *[0] * (len(space.options) - 1)], name="net") for size in (0, 1))
    assert run.sized_for(large) is run
    sized = run.sized_for(small)
    assert sized.preprocessing.input_shape == small.input_shape == (1, 1, 4, 4)
    pixels, smaller = (one.pixels(one.task.test) for one in (run, sized))
    wanted = resize(pixels, [4, 4], antialias=True)
    assert (smaller.int() - wanted.int()).abs().max() <= 1

    supernet = SuperNet(space, generator=torch.Generator().manual_seed(0))
    config = evolve(run.preset.train, epochs=1, warmup_epochs=0)
    network = retrain(run, supernet, small, config)
    first = network[0].op
    with torch.no_grad():
        outputs = [first[0](images) for images, _ in sized.shuffled_batches(sized.task.train, "recalibrate")]
    means = torch.stack([output.mean((0, 2, 3)) for output in outputs])
    torch.testing.assert_close(first[1].running_mean, means.mean(0), rtol=1e-4, atol=1e-5)


def test_the_learning_rate_rises_linearly_and_falls_as_a_cosine() -> None:
    config = TrainConfig(epochs=6, warmup_epochs=2, lr=0.4, momentum=0.9, weight_decay=0.0, label_smoothing=0.0)
    assert [config.lr_at(epoch) for epoch in (0, 1, 2, 4, 6)] == pytest.approx([0.0, 0.2, 0.4, 0.2, 0.0])


def test_a_diverging_training_names_the_step_and_the_flag(
    make_run: MakeRun, space: SearchSpace, preset: ImagePreset, table: LatencyTable
) -> None:
    run = make_run("run", preset=evolve(preset, train=evolve(preset.train, lr=1e4, weight_decay=1.0)))
    supernet, _ = run_search(run, table, table.predict_ms)
    net = space.architecture([0] * len(space.mixed), name="wild")
    with pytest.raises(
        TrainingDivergedError, match=r"the loss is (nan|inf) at epoch \d, step \d+: lower the learning rate"
    ):
        retrain(run, supernet, net, run.preset.train)


def test_augmentation_of_nothing_changes_nothing(image_set: ImageSet) -> None:
    nothing = Augmentation(crop_padding=0, horizontal_flip=False, cutout=0)
    every, drawn = torch.arange(len(image_set)), nothing.draw(len(image_set), (8, 8), seeded_generator(0))
    assert torch.equal(nothing(image_set.images, every, drawn), image_set.images)


def test_a_fine_tuning_for_int8_keeps_the_weights_of_the_run_and_is_fixed_by_its_seed(
    make_run: MakeRun, space: SearchSpace
) -> None:
    run = make_run("tuned")
    folder = run.folder.network("searched")
    network = build_network(biggest(space), generator=torch.Generator().manual_seed(0))
    save_json(biggest(space), folder.architecture)
    write_atomically(folder.weights, save(network.state_dict()))
    before = folder.weights.read_bytes()
    tuned = fine_tune(run, folder, 1).state_dict()
    assert folder.weights.read_bytes() == before
    for again in (load_fine_tuned(folder), fine_tune(run, folder, 1)):
        assert all(torch.equal(tensor, tuned[name]) for name, tensor in again.state_dict().items())
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, tuned[name])}
    assert changed == {name for name, _ in network.named_parameters()}


@pytest.mark.parametrize(("keep_float", "epochs", "flag"), [("auto", None, "--keep-float"), (None, 2, "--fine-tune")])
def test_options_of_int8_files_need_one(keep_float: KeepFloat | None, epochs: int | None, flag: str) -> None:
    with pytest.raises(UserError, match=rf"^{flag} is for int8 files: name a --format of onnx-int8, tflite-int8, "):
        check_int8(["tflite", "onnx", "tflite-dynamic-int8"], keep_float, epochs)
    check_int8(["tflite", "onnx-int8"], keep_float, epochs)
