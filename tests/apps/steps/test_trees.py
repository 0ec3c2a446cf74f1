"""Nets of trees in the programs: spaces, pictures, tables, training."""

import copy
from pathlib import Path

import matplotlib.image
import pytest
import torch
from attrs import evolve
from torch import Tensor, nn

from pnas_apps.cli.presets import read_preset
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.image_set import ImageSet, measure_preprocessing
from pnas_apps.images.memory_source import MemorySource
from pnas_apps.run.named_spaces import named_space
from pnas_apps.run.preset import ImagePreset, structure_preset
from pnas_apps.run.run import Run
from pnas_apps.run.run_folder import RunFolder
from pnas_apps.run.settings import RunSettings
from pnas_apps.run.task import Task, check_task
from pnas_apps.showing.run_tables import architecture_table
from pnas_apps.steps.net_training import load_network, retrain
from pnas_apps.steps.reference_nets import biggest, fastest
from pnas_apps.steps.rewards import file_bytes
from pnas_apps.steps.supernet_search import run_search
from pnas_apps.training.regularization import training_view
from pnas_cifar10.cli import PRESETS
from pnas_cifar10.tasks import SPACES, images_task
from pnas_latency import Budget, check_budget
from pnas_ops import (
    Tree,
    TreeBlock,
    build_network,
    cifar_tree_space,
    draw_architectures,
    from_json,
    save_figure,
    to_json,
)
from tables import uniform_table

SPACE = cifar_tree_space(0.25, blocks_per_stage=1, classes=3, resolution=8)
TABLE = uniform_table(SPACE, 0.01)


def test_a_net_of_trees_is_drawn_and_listed_edge_by_edge(tmp_path: Path) -> None:
    net = SPACE.architecture([index % 7 for index in range(36)], name="searched")
    save_figure(draw_architectures([TABLE.priced(net), TABLE.priced(fastest(SPACE, TABLE))]), tmp_path / "trees.png")
    picture = matplotlib.image.imread(tmp_path / "trees.png")
    assert picture.shape[0] > 400
    assert picture.std() > 0.01
    operations = list(architecture_table(TABLE.priced(net)).columns[2].cells)
    assert str(operations[1]) == "id(max3+sep3) + avg3(dil3+sep5)\nsep7(avg3+max3) + id(sep3+dil3)"
    assert [str(operations[0]), str(operations[-1])] == ["linearconv3", "classifier-preact"]


def test_the_ends_of_the_space() -> None:
    assert set(SPACE.choices(fastest(SPACE, TABLE))) == {0}
    assert set(SPACE.choices(biggest(SPACE))) == {6}


def test_spaces_by_their_names() -> None:
    full = named_space(SPACES, "tree", classes=10, resolution=None, blocks_per_stage=None, width_mult=1.0)
    assert full == cifar_tree_space()
    small = named_space(SPACES, "tree", classes=3, resolution=8, blocks_per_stage=1, width_mult=0.25)
    assert small == SPACE
    with pytest.raises(UserError, match="there is no space 'bush': name one of cifar, cifar-network, tree, "):
        named_space(SPACES, "bush", classes=3, resolution=8, blocks_per_stage=1, width_mult=0.25)
    with pytest.raises(UserError, match="'widths' must be >= 1"):
        named_space(SPACES, "tree", classes=3, resolution=8, blocks_per_stage=1, width_mult=0.001)


@pytest.mark.parametrize(("name", "edges"), [("tree-cpu", 72), ("tree-paper", 648)])
def test_the_presets_search_trees(name: str, edges: int, image_folder: Path, reporter: Reporter) -> None:
    preset = structure_preset(read_preset(name, PRESETS), name, ImagePreset)
    task = images_task(image_folder, False, preset, None, reporter)
    assert len(task.space.mixed) == edges
    grey = evolve(preset, space="digits")
    check_task(task, preset)
    with pytest.raises(UserError, match="'digits' is for images of 1 channel, these have 3: name another --space"):
        check_task(images_task(image_folder, False, grey, None, reporter), grey)
    blocks = evolve(preset, space="cifar", train=evolve(preset.train, path_dropping=0.1))
    with pytest.raises(UserError, match="'cifar' has no trees, whose paths could be dropped: set path_dropping to 0"):
        check_task(images_task(image_folder, False, blocks, None, reporter), blocks)


def test_what_cannot_be_known_of_trees_is_refused_before_the_search(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not known edge by edge: leave out this limit, or search whole blocks"):
        check_budget(SPACE, TABLE, Budget(peak_activation_bytes=1e6))
    check_budget(SPACE, TABLE, Budget(latency_ms=1.0, macs=1e9, parameters=1e9, weight_bytes=1e9))
    with pytest.raises(
        UserError, match="has too many blocks to know their file sizes: give another --objective-reward-cost"
    ):
        file_bytes(SPACE, conversions=None, log=None)


def test_a_search_and_a_training_of_trees(tmp_path: Path, image_set: ImageSet, reporter) -> None:
    preset = structure_preset(read_preset("tree-cpu", PRESETS), "tree-cpu", ImagePreset)
    colours = evolve(image_set, images=image_set.images.expand(-1, 3, -1, -1).contiguous())
    preset = evolve(
        preset,
        resolution=8,
        batch_size=8,
        search_share=1.0,
        search=evolve(preset.search, warmup_epochs=1, epochs=2, arch_interval=1),
        train=evolve(preset.train, epochs=2, stochastic_depth=0.3, path_dropping=0.1),
    )
    images = MemorySource(
        images=colours, augmentation=preset.augmentation, preprocessing=measure_preprocessing(colours)
    )
    run = Run(
        task=Task(name="test", train=images, test=images, space=SPACE),
        preset=preset,
        folder=RunFolder(tmp_path / "run"),
        seed=0,
        reporter=reporter,
        cache=Cache(tmp_path / "cache"),
        budget=Budget(latency_ms=0.2),
    )
    supernet, history = run_search(run, TABLE, TABLE.predict_ms)
    assert len(history) == 3
    assert len(history[-1].probs) == 36
    net = SPACE.architecture([3] * 36, name="net")
    network = retrain(run, supernet, net, preset.train).eval()
    again = load_network(run.folder.network("net")).eval()
    x = torch.rand(2, 3, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(again(x), network(x))


def test_a_block_of_trees_is_dropped_but_for_its_shortcut() -> None:
    network = build_network(SPACE.architecture([3] * 36), generator=torch.Generator().manual_seed(0))
    view = training_view(network, stochastic_depth=0.6)
    assert view.state_dict().keys() == network.state_dict().keys()
    assert all(a is b for a, b in zip(view.parameters(), network.parameters(), strict=True))
    blocks = [part for part in view.modules() if isinstance(part, TreeBlock)]
    originals = [part for part in network.modules() if isinstance(part, TreeBlock)]
    generator = torch.Generator().manual_seed(1)
    for number, (block, original) in enumerate(zip(blocks, originals, strict=True), start=1):
        x = torch.randn(64, block.in_channels, 4, 4, generator=generator)
        kept = _shortcut(original, x)
        # The statistics of BatchNorm are of the batch in both.
        whole = copy.deepcopy(original)(x) - kept
        torch.manual_seed(number)
        found = block(x) - kept
        rate = 0.6 * number / 3
        acted = found.flatten(1).abs().amax(1) > 1e-5
        torch.testing.assert_close(found[acted], whole[acted] / (1 - rate), rtol=1e-3, atol=1e-4)
        assert (~acted).float().mean().item() == pytest.approx(rate, abs=0.2)
    network.eval()
    images = torch.randn(2, 3, 8, 8)
    assert torch.equal(training_view(network, stochastic_depth=0.6)(images), network(images))


def test_the_paths_of_a_tree_are_dropped_for_whole_images() -> None:
    tree = Tree([nn.Conv2d(2, 2, 1), nn.Conv2d(2, 2, 1)])
    view = training_view(tree.train(), path_dropping=0.25)
    assert view.state_dict().keys() == tree.state_dict().keys()
    x = torch.randn(400, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    left, right = (edge(x).detach() / 0.75 for edge in tree.edges)
    torch.manual_seed(0)
    y = view(x).detach()
    cases = {"both": left + right, "left": left, "right": right, "none": torch.zeros_like(left)}
    found = {
        name: sum(torch.allclose(*pair, atol=1e-5) for pair in zip(y, case, strict=True)) / 400
        for name, case in cases.items()
    }
    assert sum(found.values()) == 1
    assert found == pytest.approx(
        {"both": 0.75**2, "left": 0.75 * 0.25, "right": 0.75 * 0.25, "none": 0.25**2}, abs=0.06
    )
    assert torch.equal(view.eval()(x), tree(x))
    with pytest.raises(ValueError, match="has no trees, whose paths could be dropped"):
        training_view(nn.Conv2d(2, 2, 1), path_dropping=0.25)


def _shortcut(block: TreeBlock, x: Tensor) -> Tensor:
    without = copy.deepcopy(block)
    last = [part for part in without.body.modules() if isinstance(part, nn.BatchNorm2d)][-1]
    nn.init.zeros_(last.weight)
    return without(x)


def test_settings_with_a_space_of_trees_are_read_back() -> None:
    preset = structure_preset(read_preset("tree-cpu", PRESETS), "tree-cpu", ImagePreset)
    settings = RunSettings(task="t", seed=0, preset=preset, space=SPACE, train_images=3, test_images=2)
    assert from_json(to_json(settings), RunSettings) == settings
