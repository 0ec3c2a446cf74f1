"""Scaled nets: EfficientNet's own by torchvision, and what the rule says of others."""

from itertools import pairwise
from math import isclose

import pytest
import torch
from attrs import evolve
from torchvision import models

from pnas_ops import (
    BASELINES,
    DIMENSIONS,
    Architecture,
    ArchitectureError,
    BaselineName,
    BlockSpec,
    ClassifierSpec,
    CompoundScaling,
    Dimension,
    MBConvSpec,
    TreeBlockSpec,
    architecture_macs,
    architecture_parameters,
    baseline,
    build_network,
    compound_grid,
    count_macs,
    count_parameters,
    digits_mbconv_space,
    multiple_alone,
    released,
    scaled,
)

# Depth, width and image of EfficientNet's own nets.
EFFICIENTNETS = {
    "efficientnet_b1": (1.1, 1.0, 240),
    "efficientnet_b2": (1.2, 1.1, 288),
    "efficientnet_b3": (1.4, 1.2, 300),
}


@pytest.mark.parametrize("name", EFFICIENTNETS)
def test_efficientnets_scaled_from_b0_are_torchvisions(name: str) -> None:
    depth, width, resolution = EFFICIENTNETS[name]
    with torch.device("meta"):
        theirs = models.get_model(name)
    weights = models.get_model_weights(name)["IMAGENET1K_V1"]
    net = scaled(baseline("efficientnet_b0"), depth=depth, width=width, resolution=resolution / 224)
    assert net.resolution == resolution
    assert architecture_parameters(net) == count_parameters(theirs) == weights.meta["num_params"]
    assert architecture_macs(net) == count_macs(theirs, (1, 3, resolution, resolution))


def kinds(net: Architecture) -> list[str]:
    return [f"{block.out_channels}{'+' if block.residual else ''}" for block in net.blocks]


def test_a_resnet_gets_more_blocks_in_its_stages_alone() -> None:
    deeper = scaled(baseline("resnet50"), depth=1.2)
    # 3, 4, 6 and 3 blocks; around them convolution, pooling and classifier.
    assert kinds(deeper) == ["64"] * 2 + ["256"] * 4 + ["512"] * 5 + ["1024"] * 8 + ["2048"] * 4 + ["1000"]
    assert [block.stride for block in deeper.blocks if block.stride > 1] == [2] * 5


def test_a_net_without_its_skips_is_scaled_by_what_it_computes() -> None:
    space = digits_mbconv_space()
    net = space.architecture([0, len(space.mixed[1]) - 1, 1, 0, 0, 0])
    assert net.blocks[3].computes_nothing
    # One block becomes two, two of three become three, three become four.
    deeper = scaled(net, depth=1.01)
    assert kinds(deeper) == ["16", "16+", "16+", "24", "24+", "24+", "48", "48+", "48+", "48+", "10"]


@pytest.mark.parametrize("name", BASELINES)
def test_half_of_a_net_still_has_a_block_of_each_stage(name: BaselineName) -> None:
    net = baseline(name)
    least, half = scaled(net, depth=0.01), scaled(net, depth=0.5)
    widths = [list(dict.fromkeys(block.out_channels for block in one.blocks)) for one in (net, least, half)]
    assert widths[0] == widths[1] == widths[2]
    assert len(least.blocks) <= len(half.blocks) < len(net.blocks)


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("multiples", [(1.2, 1.1, 1.15), (1.0, 0.5, 0.5), (0.6, 1.37, 1.0)])
def test_what_is_scaled_is_a_net(name: BaselineName, multiples: tuple[float, float, float]) -> None:
    depth, width, resolution = multiples
    net = scaled(baseline(name, classes=7), depth=depth, width=width, resolution=resolution)
    with torch.device("meta"):
        assert build_network(net).eval()(torch.empty(net.input_shape)).shape == (1, 7)


def test_once_is_the_net_itself() -> None:
    for net in (baseline("shufflenet_v2_x1_0"), released("proxyless_cifar")):
        assert scaled(net).blocks == net.blocks


def test_a_net_of_trees_becomes_wider_in_its_trees_too() -> None:
    net = released("proxyless_cifar")
    wider = scaled(net, width=2.0)
    assert wider.blocks[0].out_channels == 2 * net.blocks[0].out_channels
    trees = [(one.op, other.op) for one, other in zip(net.blocks, wider.blocks, strict=True)]
    hidden = [
        (a.hidden_channels, b.hidden_channels)
        for a, b in trees
        if isinstance(a, TreeBlockSpec) and isinstance(b, TreeBlockSpec)
    ]
    assert len(hidden) == 54
    assert all(after == pytest.approx(2 * before, abs=4) for before, after in hidden)


@pytest.mark.parametrize(
    ("multiples", "message"),
    [
        ({"width": 0.0}, "^width must be a positive number, got 0$"),
        ({"depth": -1.0}, "^depth must be a positive number, got -1$"),
        ({"resolution": float("inf")}, "^resolution must be a positive number, got inf$"),
        ({"depth": "x"}, "^depth must be a positive number, got 'x'$"),
        ({"width": None}, "^width must be a positive number, got None$"),
        ({"resolution": 0.05}, r"^resnet18 d1 w1 r11 needs images of at least 17 pixels, got 11$"),
    ],
)
def test_what_is_no_multiple_is_refused(multiples: dict[str, float], message: str) -> None:
    with pytest.raises(ArchitectureError, match=message):
        scaled(baseline("resnet18"), **multiples)


def test_a_phi_multiplies_what_the_paper_says() -> None:
    one = CompoundScaling(alpha=1.2, beta=1.1, gamma=1.15)
    assert isclose(one.growth, 1.2 * 1.1**2 * 1.15**2)
    assert one.multiples(2) == {"depth": 1.2**2, "width": 1.1**2, "resolution": 1.15**2}
    base = baseline("efficientnet_b0")
    macs = [architecture_macs(scaled(base, **one.multiples(phi))) for phi in (0, 1, 2, 3)]
    assert macs[0] == architecture_macs(base)
    # Rounding up the depth of short stages is more than what it is rounded from.
    assert all(1.6 < after / before < 2.6 for before, after in pairwise(macs))


def test_the_grid_holds_the_constraint_and_efficientnets_own_coefficients() -> None:
    grid = compound_grid()
    assert CompoundScaling() in grid
    assert all(1.9 - 1e-9 <= one.growth <= 2.1 + 1e-9 for one in grid)
    assert {CompoundScaling(alpha=2.0, beta=1.0, gamma=1.0), CompoundScaling(alpha=1.0, beta=1.0, gamma=1.4)} <= {*grid}
    # By brute force over whole numbers of steps of 0.1.
    steps = [(a, b, c) for a in range(10, 31) for b in range(10, 18) for c in range(10, 18)]
    wanted = [step for step in steps if abs(step[0] * step[1] ** 2 * step[2] ** 2 / 2e5 - 1) <= 0.05 + 1e-9]
    assert [(one.alpha, one.beta, one.gamma) for one in compound_grid(step=0.1)] == [
        (a / 10, b / 10, c / 10) for a, b, c in wanted
    ]


@pytest.mark.parametrize("dimension", DIMENSIONS)
def test_one_dimension_alone_comes_to_the_macs_asked_for(dimension: Dimension) -> None:
    base = baseline("resnet18", resolution=64)
    wanted = 2 * architecture_macs(base)
    net = scaled(base, **{dimension: multiple_alone(base, dimension, wanted)})
    # Depth comes in steps of a block a stage, width of 8 channels.
    assert architecture_macs(net) == pytest.approx(wanted, rel=0.1)
    assert (net.resolution > base.resolution) == (dimension == "resolution")
    assert (len(net.blocks) > len(base.blocks)) == (dimension == "depth")
    assert (net.blocks[-1].in_channels > base.blocks[-1].in_channels) == (dimension == "width")


def test_coefficients_below_one_and_other_mistakes_are_refused() -> None:
    with pytest.raises(ArchitectureError, match=r"^alpha must be at least 1, got 0\.9$"):
        CompoundScaling(alpha=0.9)
    with pytest.raises(ArchitectureError, match=r"^phi must be a number from -100 to 100, got nan$"):
        CompoundScaling().multiples(float("nan"))
    with pytest.raises(ArchitectureError, match=r"^growth must be at least 1, got 0\.5$"):
        compound_grid(growth=0.5)
    with pytest.raises(ArchitectureError, match=r"^step must be from 0\.01 to 1, .*, got 0 and 0\.05$"):
        compound_grid(step=0.0)
    with pytest.raises(ArchitectureError, match=r"^MACs must be a positive number, got 0$"):
        multiple_alone(baseline("resnet18"), "depth", 0)


def test_a_single_block_is_repeated_as_one_that_keeps_its_shape_if_others_of_its_kind_do() -> None:
    def block(op: object, before: int, after: int, *, residual: bool = False) -> BlockSpec:
        return BlockSpec(op=op, in_channels=before, out_channels=after, residual=residual)  # type: ignore[arg-type]

    op = MBConvSpec(kernel_size=3, expansion=3)
    blocks = (
        block(op, 3, 8),
        block(op, 8, 16),
        block(op, 16, 24),
        block(op, 24, 24, residual=True),
        block(ClassifierSpec(hidden_channels=None), 24, 10),
    )
    net = Architecture(name="net", resolution=8, blocks=blocks)
    assert kinds(scaled(net, depth=2.0)) == ["8", "16", "16+", "24", "24+", "24+", "24+", "10"]
    # With nothing to repeat it stays.
    short = evolve(net, blocks=(*blocks[:3], blocks[-1]))
    with pytest.raises(
        ArchitectureError,
        match=r"^net cannot be deeper or shallower, none of its blocks keeps its shape: leave its depth as it is$",
    ):
        scaled(short, depth=2.0)


def test_25_blocks_times_1_12_are_28() -> None:
    # In floating point a little more, of which the next whole number is 29.
    op = MBConvSpec(kernel_size=3, expansion=3)
    first, second = (BlockSpec(op=op, in_channels=before, out_channels=16) for before in (3, 8))
    stem = evolve(first, out_channels=8)
    same = BlockSpec(op=op, in_channels=16, out_channels=16, residual=True)
    end = BlockSpec(op=ClassifierSpec(hidden_channels=None), in_channels=16, out_channels=10)
    net = Architecture(name="net", resolution=8, blocks=(stem, second, *[same] * 24, end))
    assert kinds(scaled(net, depth=1.12)) == ["8", "16", *["16+"] * 27, "10"]


def test_a_stage_keeps_a_block_however_shallow_the_net() -> None:
    net = baseline("mobilenet_v2")
    assert scaled(net, depth=1e-9).blocks == scaled(net, depth=0.01).blocks


@pytest.mark.parametrize(("alpha", "phi"), [(1e300, 2), (1e6, 1), (2.0, 60)])
def test_no_net_is_scaled_beyond_all_measure(alpha: float, phi: float) -> None:
    with pytest.raises(ArchitectureError, match=r"alpha\^phi = .* is more than 100"):
        CompoundScaling(alpha=alpha).multiples(phi)
