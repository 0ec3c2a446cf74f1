"""Nets of cells, against nets written down from the papers, and against what these publish."""

import ast
import re
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cell_nets import ALL_CONVOLUTIONS, DARTS_V2, DartsNet, NasBench201Net, copy_weights, randomize
from pnas_ops import (
    DARTS_OPERATIONS,
    NAS_BENCH_201_OPERATIONS,
    BlockSpec,
    CellEdge,
    CellSpace,
    CellSpec,
    CellStackSpec,
    ConvSpec,
    IdentitySpec,
    NoneSpec,
    PoolSpec,
    ReluConvSpec,
    Sum,
    architecture_macs,
    architecture_parameters,
    build_block,
    build_network,
    build_space,
    count_macs,
    count_parameters,
    darts_imagenet_space,
    darts_space,
    drop_what_is_not_taken,
    genotype_text,
    nas_bench_201_space,
    read_genotype,
    workload_parts,
    workloads,
)
from strategies import cell_spaces, choices

SMALL_201 = nas_bench_201_space(0.25, blocks_per_stage=2, resolution=8)


# Of the authors' own count, which they print before they train it: 3.349342 MB, and 4.718752 for ImageNet.
PUBLISHED = [(darts_space(), 3_349_342, 528_359_040), (darts_imagenet_space(), 4_718_752, 529_911_552)]


@pytest.mark.parametrize(("space", "parameters", "macs"), PUBLISHED, ids=lambda one: str(getattr(one, "name", "")))
def test_the_parts_of_darts_net_have_the_published_parameters(space: CellSpace, parameters: int, macs: int) -> None:
    net = read_genotype(DARTS_V2, space)
    parts = Counter(part for (workload,) in workloads(net) for part in workload_parts(workload))
    found = [0, 0]
    for part, times in parts.items():
        with torch.device("meta"):
            block = build_block(part.block)
        found[0] += times * count_parameters(block)
        found[1] += times * count_macs(block, part.input_shape)
    assert found == [parameters, macs]


@pytest.mark.slow
@pytest.mark.parametrize(("space", "parameters", "macs"), PUBLISHED, ids=lambda one: str(getattr(one, "name", "")))
def test_the_published_net_of_darts_has_the_published_parameters(space: CellSpace, parameters: int, macs: int) -> None:
    net = read_genotype(DARTS_V2, space)
    assert (architecture_parameters(net), architecture_macs(net)) == (parameters, macs)


@pytest.mark.parametrize(
    ("text", "parameters", "flops"),
    [
        # The largest and the smallest of the benchmark, and others that its users name.
        (ALL_CONVOLUTIONS, 1_531_546, 220_119_690),
        ("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", 73_306, 7_783_050),
        (
            "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|avg_pool_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
            802_426,
            113_951_370,
        ),
        (
            "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
            None,
            15_647_370,
        ),
    ],
)
def test_nets_of_nas_bench_201_have_its_parameters_and_flops(text: str, parameters: int | None, flops: int) -> None:
    net = read_genotype(text, nas_bench_201_space())
    if parameters is not None:
        assert architecture_parameters(net) == parameters
    # The benchmark's FLOPs are multiply-accumulates of convolutions and the classifier, and its ten biases.
    assert architecture_macs(net) + 10 == flops


@settings(max_examples=4)
@given(st.data())
def test_nets_of_darts_are_those_of_the_paper(data: st.DataObject) -> None:
    layers = data.draw(st.sampled_from([5, 8]))
    space = darts_space(4 / 36, blocks_per_stage=(layers - 2) // 3, resolution=8, classes=3)
    net = space.architecture(data.draw(choices(space)))
    call = ast.parse(genotype_text(net), mode="eval").body
    assert isinstance(call, ast.Call)
    normal, _, reduction, _ = (ast.literal_eval(one.value) for one in call.keywords)
    paper, ours = DartsNet(normal, reduction, 4, layers, 3), build_network(net)
    compare(paper, ours, resolution=8)


@settings(max_examples=6)
@given(st.tuples(*[st.sampled_from([*NAS_BENCH_201_OPERATIONS])] * 6))
def test_nets_of_nas_bench_201_are_those_of_the_paper(names: tuple[str, ...]) -> None:
    edges = zip(names, (0, 0, 1, 0, 1, 2), strict=True)
    texts = [f"{name}~{source}" for name, source in edges]
    text = "+".join(f"|{'|'.join(texts[first:end])}|" for first, end in ((0, 1), (1, 3), (3, 6)))
    net = read_genotype(text, SMALL_201)
    compare(NasBench201Net(names, 4, 2, 10), build_network(net), resolution=8)


def compare(paper: nn.Module, ours: nn.Module, *, resolution: int) -> None:
    assert count_parameters(paper) == count_parameters(ours)
    assert count_macs(paper, (1, 3, resolution, resolution)) == count_macs(ours, (1, 3, resolution, resolution))
    images = torch.rand(2, 3, resolution, resolution, generator=torch.Generator().manual_seed(0))
    randomize(paper, seed=1)
    paper.eval()
    ours.eval()
    copy_weights(paper, ours, images)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), paper(images), rtol=1e-4, atol=1e-4)


@settings(max_examples=15)
@given(st.data())
def test_all_nets_in_one_are_each_of_them(data: st.DataObject) -> None:
    space = data.draw(cell_spaces())
    chosen = data.draw(choices(space))
    numbers = iter(space.mixtures)
    counts: list[int] = []

    def pick(candidates: list[nn.Module]) -> nn.Module:
        counts.append(len(candidates))
        return candidates[chosen[next(numbers)]]

    picked = drop_what_is_not_taken(build_space(space, pick)).eval()
    assert counts == [space.options[number] for number in space.mixtures]
    net = space.architecture(chosen)
    rebuilt = build_network(net).eval()
    rebuilt.load_state_dict(picked.state_dict())
    images = torch.rand(2, *net.input_shape[1:])
    with torch.inference_mode():
        assert torch.equal(picked(images), rebuilt(images))


def test_what_a_cell_joins() -> None:
    def block(join: str, outputs: tuple[int, ...], width: int) -> nn.Module:
        edges = (CellEdge(source=0, op=IdentitySpec()),)
        cell = CellSpec(inputs=1, nodes=(edges, edges), outputs=outputs, join=join)  # type: ignore[arg-type]
        stack = CellStackSpec(channels=2, cells=(1,), normal=cell, preprocessed=False)
        return build_block(BlockSpec(op=stack, in_channels=2, out_channels=width))

    x = torch.rand(1, 2, 4, 4)
    assert torch.equal(block("sum", (1, 2), 2)(x), 2 * x)
    assert torch.equal(block("concatenation", (1, 2), 4)(x), torch.cat([x, x], 1))
    assert torch.equal(block("sum", (1,), 2)(x), x)


@pytest.mark.parametrize("size", [4, 6])
def test_an_edge_that_is_not_there_gives_zeros(size: int) -> None:
    none, pool = NoneSpec(), PoolSpec(mode="max", kernel_size=3)

    def net(op: object) -> nn.Module:
        nodes = ((CellEdge(source=0, op=op), CellEdge(source=1, op=none)),)  # type: ignore[arg-type]
        cell = CellSpec(inputs=2, nodes=nodes, outputs=(2,))
        stack = CellStackSpec(channels=2, cells=(1, 1), normal=cell, reduction=cell)
        return build_block(BlockSpec(op=stack, in_channels=2, out_channels=4, stride=2)).eval()

    images = torch.rand(1, 2, size, size)
    assert torch.equal(net(none)(images), torch.zeros(1, 4, size // 2, size // 2))
    assert net(pool)(images).abs().sum() > 0


def test_an_edge_may_have_any_operation() -> None:
    op = ConvSpec(kernel_size=3)
    cell = CellSpec(inputs=1, nodes=((CellEdge(source=0, op=op),),), outputs=(1,))
    stack = CellStackSpec(channels=4, cells=(2, 1), normal=cell, reduction=cell)
    block = build_block(BlockSpec(op=stack, in_channels=3, out_channels=8, stride=2))
    assert block(torch.rand(1, 3, 8, 8)).shape == (1, 8, 4, 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"out_channels": 4}, r"has stride 1 and 8 output channels, got s1 and 4"),
        ({"stride": 2}, r"has stride 1 and 8 output channels, got s2 and 8"),
        ({"residual": True, "in_channels": 8}, r"has skip connections of its own"),
        ({"preprocessed": False, "in_channels": 8}, r"takes its inputs as they are, with 4 channels, got 8"),
    ],
)
def test_refuses_a_stack_where_it_cannot_stand(changes: dict[str, object], message: str) -> None:
    node = (CellEdge(source=0, op=ReluConvSpec(kernel_size=1)),)
    cell = CellSpec(inputs=1, nodes=(node, node), outputs=(1, 2))
    stack = CellStackSpec(channels=4, cells=(1,), normal=cell, preprocessed=bool(changes.pop("preprocessed", True)))
    place = {"op": stack, "in_channels": 4, "out_channels": 8} | changes
    with pytest.raises(ValueError, match=message):
        BlockSpec(**place)  # type: ignore[arg-type]


def test_every_operation_of_darts_can_halve_an_image() -> None:
    for name, op in DARTS_OPERATIONS.items():
        cell = CellSpec(inputs=1, nodes=((CellEdge(source=0, op=op),),), outputs=(1,))
        stack = CellStackSpec(channels=2, cells=(1, 1), normal=cell, reduction=cell)
        block = build_block(BlockSpec(op=stack, in_channels=2, out_channels=4, stride=2))
        assert block(torch.rand(1, 2, 6, 6)).shape == (1, 4, 3, 3), name
        assert re.fullmatch(r"cells2-3\(.*\)", str(stack))


def test_a_sum_asks_for_what_it_takes_and_leaves_it_alone() -> None:
    asked: list[int] = []

    class Terms:
        """Tensors of ones, each made when it is asked for."""

        def __getitem__(self, number: int) -> torch.Tensor:
            asked.append(number)
            return terms[number]

    terms = [torch.ones(2, 3) for _ in range(3)]
    assert torch.equal(Sum([0, 2])(Terms()), torch.full((2, 3), 2.0))
    assert asked == [0, 2]
    Sum([1])(Terms()).zero_()
    assert torch.equal(terms[1], torch.ones(2, 3))
