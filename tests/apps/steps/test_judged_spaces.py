"""Judged nets in spaces of every kind, and in a search that begins with another one."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from attrs import evolve

from pnas_apps.ground.progress import Reporter
from pnas_apps.images.image_set import ImageSet
from pnas_apps.run.checked_lines import read_lines
from pnas_apps.run.judged_nets import JudgedNet, weights_digest
from pnas_apps.run.run import Run
from pnas_apps.run.search_start import SearchStart
from pnas_apps.run.settings import RunSettings
from pnas_apps.steps.land import land_run
from pnas_apps.steps.start import find_start
from pnas_apps.steps.supernet_search import run_search
from pnas_apps.steps.table import Tabled
from pnas_apps.steps.weights_judge import WeightsJudge, batches_by_weights
from pnas_latency import Device, fitted_probs
from pnas_ops import (
    Architecture,
    Batches,
    Judgement,
    Space,
    Trial,
    cifar_tree_space,
    darts_space,
    digits_network_space,
    nas_bench_201_space,
    sha256_of,
)
from pnas_supernet import InheritedWeights, SuperNet
from small_runs import small_preset, small_run, small_space
from tables import uniform_table

SPACES: list[Callable[[], Space]] = [
    lambda: cifar_tree_space(0.25, blocks_per_stage=1, classes=3, resolution=8),
    lambda: nas_bench_201_space(0.25, blocks_per_stage=1, classes=3, resolution=8),
    lambda: darts_space(4 / 36, blocks_per_stage=1, classes=3, resolution=8),
    lambda: digits_network_space(0.5, classes=3),
]


def made_run(folder: Path, images: ImageSet, reporter: Reporter, space: Space) -> Run:
    """A run on these images, in colours and of a size as the space wants them."""
    images = evolve(images.resized(space.resolution), classes=images.classes)
    images = evolve(images, images=images.images.expand(-1, space.in_channels, -1, -1).contiguous())
    preset = evolve(small_preset(), resolution=space.resolution, judged_nets=4)
    folder.mkdir()
    return small_run(folder, images, reporter, preset=preset, space=space)


def tabled(space: Space) -> Tabled:
    table = uniform_table(space, 0.01)
    elsewhere = evolve(table.device, device="elsewhere")
    return Tabled(device=cast(Device, SimpleNamespace(info=elsewhere)), table=table)


def kept(run: Run) -> list[Trial]:
    nets, _ = read_lines(run.folder.judged, JudgedNet)
    return [Trial(choices=net.choices, value=net.value) for net in nets]


@pytest.mark.parametrize("make", SPACES, ids=["trees", "nas-bench-201", "darts", "networks"])
def test_nets_of_any_space_are_judged_and_chosen_by(
    make: Callable[[], Space], tmp_path: Path, image_set: ImageSet, reporter: Reporter
) -> None:
    space = make()
    run = made_run(tmp_path / "run", image_set, reporter, space)
    found = land_run(run, tabled(space), SuperNet(space, generator=run.generator("supernet")))
    trials = kept(run)
    assert len({trial.choices for trial in trials}) == 4
    net = found.result.architecture
    assert isinstance(net, Architecture)
    assert space.has(net)
    probs, choices = fitted_probs(space.options, trials), space.choices(net)
    # No limit holds the fit back, but for nets that are none in some spaces.
    taken = [float(row[option] / row.max()) for row, option in zip(probs, choices, strict=True)]
    assert sum(share > 0.999 for share in taken) > len(taken) / 2


def test_a_net_is_judged_on_images_of_its_own_size(
    tmp_path: Path, image_set: ImageSet, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = digits_network_space(0.5, classes=3)
    run = made_run(tmp_path / "run", image_set, reporter, space)
    supernet = SuperNet(space, generator=run.generator("supernet"))
    judge = WeightsJudge(run=run, supernet=supernet)
    seen: list[tuple[Batches, Batches]] = []

    def watched(self: InheritedWeights[Any], net: Architecture, generator: torch.Generator) -> Judgement:
        seen.append((self.statistics, self.validation))
        return Judgement(value=0.5)

    monkeypatch.setattr(InheritedWeights, "judge", watched)
    nets = {}
    for choices in ([option, *(0 for _ in space.options[1:])] for option in range(space.options[0])):
        net = space.architecture(choices)
        nets[net.resolution] = net
    assert len(nets) > 1
    for size, net in nets.items():
        judge.judge(net, run.generator("judge"))
        for batches in seen[-1]:
            assert {images.shape[-1] for images, _ in batches} == {size}
        assert sum(map(len, seen[-1])) == batches_by_weights(run)


def test_a_search_that_begins_with_another_one_judges_by_its_own_weights(
    tmp_path: Path, image_set: ImageSet, reporter: Reporter
) -> None:
    space, of_space = small_space(), tabled(small_space())
    first = made_run(tmp_path / "first", image_set, reporter, space)
    count = len(image_set)
    first.folder.begin(
        RunSettings(task="t", seed=0, preset=first.preset, space=space, train_images=count, test_images=count)
    )
    supernet, _ = run_search(first, of_space.table, of_space.table.predict_ms)
    land_run(first, of_space, supernet)
    start = SearchStart(run=str(first.folder.path), sha256=sha256_of(first.folder.search_checkpoint))
    second = evolve(made_run(tmp_path / "second", image_set, reporter, space), start=start)
    later, _ = run_search(second, of_space.table, of_space.table.predict_ms)
    assert len(land_run(second, of_space, later).attempts) == 1
    assert len(kept(second)) == 4
    weights = [{net.weights for net in read_lines(run.folder.judged, JudgedNet)[0]} for run in (first, second)]
    assert weights == [{weights_digest(supernet)}, {weights_digest(later)}]
    assert weights[0] != weights[1]
    begun = find_start(first.folder.path, alpha=False)
    assert begun.doubt(second.preset, seed=0) is None
    assert begun.doubt(evolve(second.preset, judged_nets=0), seed=1) is None
    share = second.preset.search_share
    for preset, seed in ((second.preset, 1), (evolve(second.preset, search_share=share / 2), 0)):
        doubt = begun.doubt(preset, seed)
        assert doubt is not None
        assert f"with --seed 0 --search-share {share:g} --validation-share" in doubt
