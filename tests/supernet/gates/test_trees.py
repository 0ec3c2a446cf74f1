"""A supernet with a `MixedOp` at every edge of every tree."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from materialized import StraightThrough
from pnas_ops import Tree, TreeSpace, build_network, build_op, cifar_tree_space, tree_edges
from pnas_supernet import (
    ExactGate,
    GatePath,
    MixedOp,
    ProxylessNAS,
    SearchConfig,
    SinglePath,
    SuperNet,
    TwoPathGate,
    active_paths,
    alpha_parameters,
    arch_step,
    derive,
    extract,
    frozen_parameters,
    mixed_ops,
    sample_exact_gate,
    sample_paths,
    sample_single,
    saved_bytes,
    weight_parameters,
)
from strategies import choices, tree_spaces

RESOLUTION, BATCH = 16, 2


def make_supernet(dtype: torch.dtype = torch.float32) -> SuperNet:
    space = cifar_tree_space(0.25, blocks_per_stage=1, resolution=RESOLUTION, classes=3)
    return SuperNet(space, generator=torch.Generator().manual_seed(0)).to(dtype)


def make_images(dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(BATCH, 3, RESOLUTION, RESOLUTION, generator=generator, dtype=dtype)


def sampled(supernet: SuperNet, seed: int) -> list[int]:
    paths = sample_paths(supernet, sample_single, torch.Generator().manual_seed(seed))
    return [path.members[0] for path in paths]


def kept(network: nn.Module, images: Tensor, paths: Sequence[GatePath] = ()) -> int:
    with active_paths(network, paths):
        return saved_bytes(lambda: network(images), besides=[*network.parameters(), *network.buffers(), images])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), tree_spaces(), st.integers(0, 2**20))
def test_the_extracted_net_equals_the_supernet_on_its_path(data: st.DataObject, space: TreeSpace, seed: int) -> None:
    picks = data.draw(choices(space))
    torch.manual_seed(seed)
    supernet = SuperNet(space)
    for module in supernet.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    supernet.eval()
    architecture = space.architecture(picks)
    network = extract(supernet, architecture)
    rebuilt = build_network(architecture).eval()
    rebuilt.load_state_dict(network.state_dict())
    images = torch.randn(2, space.in_channels, space.resolution, space.resolution)
    with torch.no_grad(), active_paths(supernet, [SinglePath(pick) for pick in picks]):
        expected = supernet(images)
        assert torch.equal(network(images), expected)
        assert torch.equal(rebuilt(images), expected)
    assert not mixed_ops(network)


def test_mixed_operations_stand_in_the_order_of_the_space() -> None:
    supernet = make_supernet()
    rows = supernet.space.mixed
    assert len(mixed_ops(supernet)) == len(rows) == 36
    for op, row in zip(mixed_ops(supernet), rows, strict=True):
        built = [build_op(block.op, in_channels=block.in_channels, out_channels=block.out_channels) for block in row]
        assert [[p.shape for p in candidate.parameters()] for candidate in op.candidates] == [
            [p.shape for p in candidate.parameters()] for candidate in built
        ]
    wanted = [(5 * index) % 7 for index in range(36)]
    with torch.no_grad():
        for alpha, choice in zip(alpha_parameters(supernet), wanted, strict=True):
            alpha[choice] = 1.0
    assert supernet.space.choices(derive(supernet)) == tuple(wanted)


@pytest.mark.parametrize("seed", range(4))
def test_a_weight_step_keeps_what_ordinary_training_of_the_path_keeps(seed: int) -> None:
    supernet, images = make_supernet(), make_images()
    picks = sampled(supernet, seed)
    alone = extract(supernet, supernet.space.architecture(picks)).train()
    with frozen_parameters(alpha_parameters(supernet)):
        assert kept(supernet, images, [SinglePath(pick) for pick in picks]) == kept(alone, images)


@pytest.mark.parametrize("seed", range(4))
def test_an_arch_step_keeps_inputs_and_outputs_of_edges_beside_that_and_no_candidate(seed: int) -> None:
    supernet, images = make_supernet(), make_images()
    picks = sampled(supernet, seed)
    with frozen_parameters(alpha_parameters(supernet)):
        ordinary = kept(supernet, images, [SinglePath(pick) for pick in picks])
    with frozen_parameters(weight_parameters(supernet)):
        exact = kept(supernet, images, [ExactGate(pick) for pick in picks])
        two_path = kept(supernet, images, [TwoPathGate(pick, (pick + 1) % 7) for pick in picks])
    space = supernet.space
    edges = sum(
        12 * 4 * BATCH * row[0].in_channels * size**2
        for row, size in zip(space.mixed[::12], (RESOLUTION, RESOLUTION // 2, RESOLUTION // 4), strict=True)
    )
    # A gate needs the input and the output of its edge, of which autograd may hold both already.
    for found in (exact, two_path):
        assert found <= ordinary + 2 * edges + 36 * 7 * 4
        assert found < 1.5 * ordinary


@pytest.mark.parametrize("seed", range(3))
def test_gates_have_the_gradient_of_autograd_in_every_edge(seed: int) -> None:
    """In double precision, in a whole residual net, where every gate sees the others' outputs."""
    supernet, images = make_supernet(torch.float64), make_images(torch.float64)
    labels = torch.arange(BATCH)
    picks = sampled(supernet, seed)
    found = []
    for paths in ([ExactGate(pick) for pick in picks], [StraightThrough(pick, tuple(range(7))) for pick in picks]):
        supernet.zero_grad()
        with active_paths(supernet, paths), frozen_parameters(weight_parameters(supernet)):
            cross_entropy(supernet(images), labels).backward()
        found.append([alpha.grad for alpha in alpha_parameters(supernet)])
    for gated, materialized in zip(*found, strict=True):
        assert gated is not None
        torch.testing.assert_close(gated, materialized, rtol=1e-9, atol=1e-12)
    assert any(gradient.abs().max() > 1e-6 for gradient in found[0])


def test_no_candidate_of_an_edge_changes_its_input() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(BATCH, 4, 6, 6, generator=generator)
    before = x.clone()
    op = MixedOp(build_op(edge, in_channels=4, out_channels=4) for edge in tree_edges())
    tree = Tree([op, MixedOp([nn.Identity(), nn.ReLU(inplace=True)])])
    for active in range(7):
        with active_paths(tree, [ExactGate(active), SinglePath(0)]):
            tree(x).sum().backward()
        assert torch.equal(x, before)
    with (
        pytest.raises(ValueError, match=r"\(ReLU\) changes its input in place"),
        active_paths(tree, [SinglePath(0), ExactGate(1)]),
    ):
        tree(x)


def test_a_search_of_trees_moves_every_alpha_and_goes_on() -> None:
    supernet, images = make_supernet(), make_images()
    labels = torch.arange(BATCH)
    config = SearchConfig(warmup_epochs=1, epochs=2, arch_interval=1)
    search = ProxylessNAS(supernet, config, generator=torch.Generator().manual_seed(2))
    before = [alpha.detach().clone() for alpha in alpha_parameters(supernet)]
    while search.epochs_left:
        search.run_epoch([(images, labels)] * 2, [(images, labels)])
    assert all(not torch.equal(a, b) for a, b in zip(before, alpha_parameters(supernet), strict=True))
    again = ProxylessNAS(make_supernet(), config, generator=torch.Generator().manual_seed(2))
    again.load_state_dict(search.state_dict())
    assert again.history == search.history
    other = cifar_tree_space(0.25, blocks_per_stage=2, resolution=RESOLUTION, classes=3)
    with pytest.raises(ValueError, match="the search space is another, in name, stages"):
        ProxylessNAS(SuperNet(other), config, generator=torch.Generator()).load_state_dict(search.state_dict())


def test_an_arch_step_leaves_weights_and_statistics_alone() -> None:
    supernet, images = make_supernet(), make_images()
    paths = sample_paths(supernet, sample_exact_gate, torch.Generator().manual_seed(0))
    before = {name: value.clone() for name, value in supernet.state_dict().items()}
    optimizer = torch.optim.SGD(alpha_parameters(supernet), lr=0.1)
    arch_step(supernet, images, torch.arange(BATCH), paths=paths, loss=cross_entropy, optimizer=optimizer)
    changed = {name for name, value in supernet.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all(name.endswith("alpha") for name in changed)
