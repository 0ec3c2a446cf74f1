"""Spaces and architectures."""

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st
from torchvision.models._utils import _make_divisible

from pnas_ops import (
    Architecture,
    BlockSpec,
    ClassifierSpec,
    ConvSpec,
    GlobalPoolSpec,
    GroupedConvSpec,
    IdentitySpec,
    MBConvSpec,
    SearchSpace,
    Stage,
    ZeroSpec,
    cifar_mbconv_space,
    digits_mbconv_space,
    from_json,
    imagenet_mbconv_space,
    to_json,
)
from pnas_ops.data.spaces import scale_width
from strategies import choices, fits, search_spaces


@given(st.data())
def test_choices_and_architecture_are_inverse(data: st.DataObject) -> None:
    space = data.draw(search_spaces())
    chosen = data.draw(choices(space))
    net = space.architecture(chosen)
    assert space.choices(net) == chosen
    assert space.has(net)
    assert not space.has(evolve(net, resolution=net.resolution + 1))
    assert not space.has(evolve(net, blocks=net.blocks[:-1]))
    assert len(net.blocks) == len(net.positions) == len(space.positions)
    assert (net.in_channels, net.classes, net.resolution) == (space.in_channels, space.classes, space.resolution)


@given(search_spaces())
def test_shortcuts_stand_where_they_can(space: SearchSpace) -> None:
    for blocks in space.mixed:
        stride, before, after = blocks[0].stride, blocks[0].in_channels, blocks[0].out_channels
        keeps_shape = stride == 1 and before == after
        residual = space.residual and keeps_shape
        assert all(block.residual == residual for block in blocks)
        skips = {ZeroSpec: keeps_shape and space.residual, IdentitySpec: keeps_shape and not space.residual}
        expected = [
            op
            for op in space.candidates
            if skips.get(type(op), fits(op, before, after, stride=stride, residual=residual))
        ]
        assert [block.op for block in blocks] == expected


def test_blocks_that_change_the_shape_may_have_candidates_of_their_own() -> None:
    space = evolve(
        digits_mbconv_space(blocks_per_stage=2),
        candidates=(ZeroSpec(), MBConvSpec(kernel_size=3, expansion=3)),
        reducing_candidates=(ConvSpec(kernel_size=1), MBConvSpec(kernel_size=5, expansion=3)),
    )
    assert [[str(block.op) for block in row] for row in space.mixed] == [["conv1", "mb3-5x5"], ["skip", "mb3-3x3"]] * 2
    net = space.architecture([0, 0, 1, 0])
    assert space.choices(net) == (0, 0, 1, 0)
    assert from_json(to_json(space), SearchSpace) == space
    # A search of a space without them goes on from a checkpoint that knows nothing of them.
    assert "reducing_candidates" not in to_json(digits_mbconv_space())


def test_refuses_reducing_candidates_as_it_does_candidates() -> None:
    space = digits_mbconv_space()
    with pytest.raises(ValueError, match="names a candidate twice: conv1, conv1"):
        evolve(space, reducing_candidates=(ConvSpec(kernel_size=1),) * 2)
    with pytest.raises(ValueError, match="has a classifier among its candidates"):
        evolve(space, reducing_candidates=(ClassifierSpec(hidden_channels=None),))
    with pytest.raises(ValueError, match="has a block at which none of its candidates can stand"):
        evolve(space, reducing_candidates=(ZeroSpec(),))
    with pytest.raises(ValueError, match="has the candidate conv1, which can stand at none of its blocks"):
        evolve(
            space,
            stages=(Stage(width=16, depth=1, stride=1),),
            head=evolve(space.head, in_channels=16),
            reducing_candidates=(ConvSpec(kernel_size=1),),
        )


def test_the_imagenet_space_is_the_original() -> None:
    space = imagenet_mbconv_space()
    assert [(block.op, block.in_channels, block.out_channels, block.stride) for block in space.stem] == [
        (ConvSpec(kernel_size=3), 3, 32, 2),
        (MBConvSpec(kernel_size=3, expansion=1), 32, 16, 1),
    ]
    widths = [24] * 4 + [40] * 4 + [80] * 4 + [96] * 4 + [192] * 4 + [320]
    strides = [2, 1, 1, 1] * 3 + [1] * 4 + [2, 1, 1, 1] + [1]
    assert [blocks[0].out_channels for blocks in space.mixed] == widths
    assert [blocks[0].stride for blocks in space.mixed] == strides
    assert [len(blocks) for blocks in space.mixed] == [6, 7, 7, 7] * 5 + [6]
    assert space.head == BlockSpec(op=ClassifierSpec(hidden_channels=1280), in_channels=320, out_channels=1000)


def test_the_small_spaces_have_the_blocks_they_promise() -> None:
    assert [len(space.mixed) for space in (cifar_mbconv_space(), digits_mbconv_space())] == [9, 6]
    assert [space.in_channels for space in (cifar_mbconv_space(), digits_mbconv_space())] == [3, 1]


@given(st.integers(8, 2000), st.floats(0.25, 2))
def test_a_scaled_width_is_a_multiple_of_eight_near_the_wanted(channels: int, width_mult: float) -> None:
    scaled = scale_width(channels, width_mult)
    wanted = channels * width_mult
    assert scaled % 8 == 0
    assert scaled >= 0.9 * wanted
    assert scaled == 8 or scaled - wanted <= 8


@given(st.integers(1, 2000), st.floats(0.01, 4))
@example(8, 10 / 9)  # 8 is 90% of what is wanted, and no less
def test_a_scaled_width_is_that_of_torchvisions_mobile_nets(channels: int, width_mult: float) -> None:
    assert scale_width(channels, width_mult) == _make_divisible(channels * width_mult, 8)


@pytest.mark.parametrize(
    ("channels", "width_mult", "scaled"), [(32, 1.4, 48), (16, 1.4, 24), (24, 0.5, 16), (8, 0.1, 8)]
)
def test_scaled_widths_of_mobilenet(channels: int, width_mult: float, scaled: int) -> None:
    assert scale_width(channels, width_mult) == scaled


def test_refuses_choices_that_are_not_there() -> None:
    space = digits_mbconv_space()
    with pytest.raises(ValueError, match="has 6 searched blocks, got 5 choices"):
        space.architecture([0] * 5)
    with pytest.raises(ValueError, match="searched block 3 has candidates 0 to 5, got 6"):
        space.architecture([0, 0, 0, 6, 0, 0])
    with pytest.raises(ValueError, match="searched block 0 has candidates 0 to 5, got -1"):
        space.architecture([-1, 0, 0, 0, 0, 0])


def test_refuses_an_architecture_of_another_space() -> None:
    space = evolve(digits_mbconv_space(), name="digits")
    net = space.architecture([0] * 6, name="net")
    with pytest.raises(ValueError, match="'net' is not of space 'cifar-mbconv-1'"):
        cifar_mbconv_space().choices(net)
    with pytest.raises(ValueError, match="'net' is not of space 'digits'"):
        space.choices(evolve(net, resolution=17))
    other = evolve(space, candidates=space.candidates[1:])
    with pytest.raises(ValueError, match=r"block 2 \(mb3-3x3 16->24 s2\) of architecture 'net' is not in space"):
        other.choices(net)


def test_refuses_blocks_that_do_not_fit() -> None:
    conv = BlockSpec(op=ConvSpec(kernel_size=3), in_channels=3, out_channels=4)
    end = BlockSpec(op=ClassifierSpec(hidden_channels=4), in_channels=4, out_channels=4)
    with pytest.raises(ValueError, match=r"block 0 \(conv3 3->4 s1\) gives 4 channels, block 1 .* takes 3"):
        Architecture(name="", resolution=8, blocks=(conv, conv))
    with pytest.raises(ValueError, match="block 1 is a classifier, which can only be the last block"):
        Architecture(name="", resolution=8, blocks=(conv, end, end))
    with pytest.raises(ValueError, match="'blocks' must be >= 1"):
        Architecture(name="", resolution=8, blocks=())


def test_refuses_candidates_that_make_no_space() -> None:
    space = digits_mbconv_space()
    with pytest.raises(ValueError, match="names a candidate twice: skip, skip"):
        evolve(space, candidates=(ZeroSpec(), ZeroSpec()))
    with pytest.raises(ValueError, match="has a block at which none of its candidates can stand"):
        evolve(space, candidates=(ZeroSpec(),))
    with pytest.raises(ValueError, match="has the candidate group7-3x3, which can stand at none of its blocks"):
        evolve(space, candidates=(*space.candidates, GroupedConvSpec(kernel_size=3, groups=7)))
    with pytest.raises(ValueError, match="has a classifier among its candidates: it can only be the head"):
        evolve(space, candidates=(ConvSpec(kernel_size=3), ClassifierSpec(hidden_channels=8)))
    with pytest.raises(ValueError, match="has globalpool among its candidates: it has another output size"):
        evolve(space, candidates=(ConvSpec(kernel_size=3), GlobalPoolSpec()))
    with pytest.raises(ValueError, match=r"gives 40 channels, block 8 .* takes 48"):
        evolve(space, stages=(Stage(width=40, depth=6, stride=1),))
