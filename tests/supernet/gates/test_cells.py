"""All cells of a space in one network: its gates, its search, and the nets that come out of it."""

import re
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
import torch
from attrs import evolve, frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pnas_ops import (
    BlockSpec,
    CellSpace,
    CellStackSpec,
    ClassifierSpec,
    LinearConvSpec,
    NoneSpec,
    PoolSpec,
    ReluConvSpec,
    build_network,
    darts_space,
    full_cell,
    nas_bench_201_space,
)
from pnas_ops.modules import cells
from pnas_supernet import (
    ExactGate,
    GatePath,
    MixedOp,
    Mixture,
    ProxylessNAS,
    SearchConfig,
    SinglePath,
    SuperNet,
    TwoPathGate,
    active_paths,
    alpha_parameters,
    choice_numbers,
    derive,
    extract,
    mixed_ops,
)
from strategies import cell_spaces, choices

CELL = full_cell(inputs=2, nodes=2, outputs=(2, 3))
STACK = CellStackSpec(channels=2, cells=(1, 1), normal=CELL, reduction=CELL)
TINY = CellSpace(
    name="tiny",
    resolution=8,
    stem=(BlockSpec(op=LinearConvSpec(kernel_size=3), in_channels=1, out_channels=3),),
    body=(BlockSpec(op=STACK, in_channels=3, out_channels=8, stride=2),),
    candidates=(PoolSpec(mode="max", kernel_size=3), ReluConvSpec(kernel_size=3), NoneSpec()),
    taken=1,
    head=BlockSpec(op=ClassifierSpec(hidden_channels=None), in_channels=8, out_channels=3),
)


@frozen(eq=False)
class Gates:
    """sum_j g_j o_j(x) with gates that are given."""

    gates: Tensor

    @property
    def members(self) -> range:
        return range(len(self.gates))

    def __call__(self, candidates: Sequence[nn.Module], alpha: Tensor, *inputs: Tensor) -> Tensor:
        outputs = [gate * one(*inputs) for gate, one in zip(self.gates, candidates, strict=True)]
        return torch.stack(outputs).sum(0)

    def probs(self, alpha: Tensor) -> Tensor:
        return alpha.softmax(dim=0)


@pytest.mark.parametrize("seed", range(3))
def test_gates_of_edges_and_of_nodes_have_the_gradient_of_all_candidates(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    supernet = SuperNet(TINY, generator=generator).double()
    images, labels = torch.rand(3, 1, 8, 8, dtype=torch.float64, generator=generator), torch.arange(3)
    alphas = alpha_parameters(supernet)
    with torch.no_grad():
        for alpha in alphas:
            alpha.copy_(torch.randn(alpha.shape, generator=generator))
    # The active ones are to let something through, beside the third that does not.
    picks = [int(torch.randint(2, (), generator=generator)) for _ in alphas]
    numbers = TINY.mixtures

    with active_paths(supernet, [ExactGate(picks[number]) for number in numbers]):
        cross_entropy(supernet(images), labels).backward()
    found = [alpha.grad for alpha in alphas]

    # A gate for each choice, which is the gate of all mixtures that share it.
    gates = [
        nn.functional.one_hot(torch.tensor(pick), len(alpha)).double().requires_grad_()
        for pick, alpha in zip(picks, alphas, strict=True)
    ]
    paths = [Gates(gate) for gate in gates]
    with active_paths(supernet, [paths[number] for number in numbers]):
        loss = cross_entropy(supernet(images), labels)
    for alpha, gradient, of_gates in zip(alphas, found, torch.autograd.grad(loss, gates), strict=True):
        p = alpha.detach().softmax(0)
        expected = p * (of_gates - of_gates @ p)  # eq. 4
        torch.testing.assert_close(torch.zeros_like(p) if gradient is None else gradient, expected)
    assert sum(gradient is not None and float(gradient.abs().max()) > 1e-6 for gradient in found) >= 4


def every_output(edges: Sequence[nn.Module], states: Sequence[Tensor]) -> list[Tensor]:
    """In the place of `EdgeOutputs`: all of them, whoever takes them."""
    return [edge(state) for edge, state in zip(edges, states, strict=True)]


PATHS: dict[str, Callable[[int, int], GatePath]] = {
    "single": lambda count, pick: SinglePath(pick % count),
    "exact": lambda count, pick: ExactGate(pick % count),
    "two": lambda count, pick: TwoPathGate(pick % count, (pick + 1) % count),
    "mixture": lambda count, pick: Mixture(count),
}


@pytest.mark.parametrize("kind", PATHS)
@pytest.mark.parametrize("taken", [1, 2])
def test_what_is_left_out_changes_no_gradient(kind: str, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = full_cell(inputs=2, nodes=2, outputs=(2, 3))
    space = evolve(TINY, taken=taken, body=(evolve(TINY.body[0], op=evolve(STACK, normal=cell, reduction=cell)),))
    generator = torch.Generator().manual_seed(3)
    supernet = SuperNet(space, generator=generator).double()
    picks = torch.randint(60, (len(space.options),), generator=generator).tolist()
    paths = [PATHS[kind](space.options[number], picks[number]) for number in space.mixtures]
    images, labels = torch.rand(3, 1, 8, 8, dtype=torch.float64, generator=generator), torch.arange(3)

    def gradients() -> list[Tensor]:
        with active_paths(supernet, paths):
            loss = cross_entropy(supernet(images), labels)
            of = torch.autograd.grad(loss, [*supernet.parameters()], allow_unused=True)
        return [loss, *(torch.zeros(()) if one is None else one for one in of)]

    found = gradients()
    monkeypatch.setattr(cells, "EdgeOutputs", every_output)
    for ours, plain in zip(found, gradients(), strict=True):
        torch.testing.assert_close(ours, plain, check_dtype=False)


def test_an_edge_that_no_node_takes_is_computed_for_a_gate_alone_and_without_a_graph() -> None:
    space = darts_space(4 / 36, blocks_per_stage=1, resolution=8)
    supernet = SuperNet(space, generator=torch.Generator().manual_seed(0))
    with_graph: list[bool] = []
    for cell in supernet.modules():
        if isinstance(cell, cells.Cell):
            for edge in cell.edges.modules():
                if isinstance(edge, MixedOp):
                    edge.register_forward_hook(lambda *_: with_graph.append(torch.is_grad_enabled()))
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    for gate, computed in ((SinglePath, {True: 5 * 8}), (ExactGate, {True: 5 * 8, False: 5 * 6})):
        with_graph.clear()
        with active_paths(supernet, [gate(0)] * len(space.mixtures)):
            supernet(images).sum().backward()
        assert Counter(with_graph) == computed


def test_mixtures_share_alpha_as_cells_share_choices() -> None:
    supernet = SuperNet(darts_space(4 / 36, blocks_per_stage=2, resolution=8))
    space = supernet.space
    assert choice_numbers(supernet) == space.mixtures
    assert [len(alpha) for alpha in alpha_parameters(supernet)] == [*space.options]
    assert len(space.options) == 34
    assert len(space.mixtures) == 8 * 17
    assert repr(supernet).endswith(": 136 mixed operations of 3 to 10 candidates>")
    assert len(str(supernet).splitlines()) == 1 + 34
    assert re.search(r" [0-4]\+[0-4] \d", str(supernet))


@settings(max_examples=15)
@given(st.data())
def test_a_net_that_is_taken_out_is_the_net_on_its_path(data: st.DataObject) -> None:
    space = data.draw(cell_spaces())
    chosen = data.draw(choices(space))
    supernet = SuperNet(space, generator=torch.Generator().manual_seed(0)).eval()
    net = space.architecture(chosen)
    taken = extract(supernet, net)
    rebuilt = build_network(net).eval()
    rebuilt.load_state_dict(taken.state_dict())
    images = torch.rand(2, *net.input_shape[1:])
    kept = space.choices(net)
    with torch.no_grad(), active_paths(supernet, [SinglePath(kept[number]) for number in space.mixtures]):
        expected = supernet(images)
    for one in (taken, rebuilt):
        with torch.no_grad():
            torch.testing.assert_close(one(images), expected, rtol=1e-4, atol=1e-5)


def test_what_is_most_probable_is_derived() -> None:
    space = darts_space(4 / 36, blocks_per_stage=1, resolution=8)
    supernet = SuperNet(space)
    generator = torch.Generator().manual_seed(1)
    net = space.sample(generator, name="net")
    with torch.no_grad():
        for alpha, choice in zip(alpha_parameters(supernet), space.choices(net), strict=True):
            alpha.zero_()[choice] = 1.0
    assert derive(supernet, name="net") == net


def test_a_search_of_cells_moves_every_alpha() -> None:
    space = evolve(TINY, candidates=TINY.candidates[:2])
    supernet = SuperNet(space, generator=torch.Generator().manual_seed(0))
    images, labels = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(1)), torch.arange(6) % 3
    config = SearchConfig(warmup_epochs=0, epochs=1, arch_interval=1)
    before = [alpha.detach().clone() for alpha in alpha_parameters(supernet)]
    search = ProxylessNAS(supernet, config, generator=torch.Generator().manual_seed(2))
    # An edge learns in the steps in which its node takes it.
    search.run_epoch([(images, labels)] * 12, [(images, labels)])
    assert all(not torch.equal(a, b) for a, b in zip(before, alpha_parameters(supernet), strict=True))


def digits(first: int, last: int) -> list[tuple[Tensor, Tensor]]:
    """Batches of 50 images of 8 x 8 pixels."""
    found = load_digits()
    images = torch.tensor(found.images[first:last], dtype=torch.float32)[:, None] / 8 - 1
    labels = torch.tensor(found.target[first:last])
    return list(zip(images.split(50), labels.split(50), strict=True))


def test_a_whole_search_finds_a_net_that_knows_digits() -> None:
    space = nas_bench_201_space(0.5, blocks_per_stage=1, resolution=8, in_channels=1)
    supernet = SuperNet(space, generator=torch.Generator().manual_seed(0))
    config = SearchConfig(warmup_epochs=1, epochs=4, arch_interval=3, alpha_lr=0.1, weight_lr=0.1)
    search = ProxylessNAS(supernet, config, generator=torch.Generator().manual_seed(1))
    train, validation = digits(0, 900), digits(900, 1400)
    while search.epochs_left:
        search.run_epoch(train, validation)
    net = derive(supernet, name="found")
    network = extract(supernet, net)
    images, labels = (torch.cat(parts) for parts in zip(*digits(1400, 1797), strict=True))
    network.train()  # the statistics of its own path
    with torch.no_grad():
        accuracy = (network(images).argmax(1) == labels).double().mean()
    assert accuracy > 0.4  # of ten digits
    # What has no edge knows nothing.
    assert space.candidates.index(NoneSpec()) not in space.choices(net)
    assert len(mixed_ops(supernet)) == 18
    assert space.has(net)
