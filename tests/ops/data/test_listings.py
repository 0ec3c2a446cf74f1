"""What people see of spaces and nets at a prompt and in a notebook."""

import xml.etree.ElementTree as ET
from math import prod

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from pnas_ops import (
    RELEASED,
    Architecture,
    BlockSpec,
    ConvSpec,
    IdentitySpec,
    PricedNet,
    SearchSpace,
    TreeBlockSpec,
    cifar_mbconv_space,
    cifar_tree_space,
    digits_mbconv_space,
    html_table,
    imagenet_mbconv_space,
    pyramid_tree_architecture,
    released,
    tree_edges,
)
from pnas_ops.data.listings import shortened
from strategies import architectures, network_spaces, search_spaces, tree_spaces, trees

NET = digits_mbconv_space(blocks_per_stage=1).architecture([3, 1], name="two")
NET_LINES = """
  0  16x16  conv3           1->16
  1  16x16  mb1-3x3         16->16      +x
  2  16x16  mb6-3x3         16->24  s2
  3  8x8    mb3-5x5         24->48  s2
  4  4x4    classifier-128  48->10"""
SPACES = [imagenet_mbconv_space(), cifar_mbconv_space(), digits_mbconv_space(), cifar_tree_space()]


def is_short(text: str) -> bool:
    return text.startswith("<") and "\n" not in text and len(text) <= 120


@given(st.one_of(search_spaces(), tree_spaces(), network_spaces(), architectures(), trees))
def test_whatever_it_is_its_repr_is_one_short_line(value: object) -> None:
    assert is_short(repr(value))


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_the_repr_of_a_named_space_is_one_short_line(space: object) -> None:
    assert is_short(repr(space))


def test_a_name_of_any_length_leaves_the_repr_short() -> None:
    net = evolve(NET, name="n" * 500)
    assert is_short(repr(net))
    assert is_short(repr(PricedNet(architecture=net, block_ms=(0.1,) * 5, total_ms=1.0, device="d" * 500)))
    assert is_short(repr(evolve(NET, name="\U00010d28" * 500)))
    assert shortened("a\x1b b\u00e9") == "a? b\u00e9"
    assert [shortened("n" * count) for count in (40, 41)] == ["n" * 40, "n" * 37 + "..."]


def test_reprs_say_what_it_is() -> None:
    assert repr(NET) == "<Architecture 'two': 5 blocks, 16x16x1 to 10 classes>"
    *body, head = NET.blocks
    assert "to 1 class>" in repr(evolve(NET, blocks=(*body, evolve(head, out_channels=1))))
    priced = PricedNet(architecture=NET, block_ms=(0.1,) * 5, total_ms=0.6, device="board")
    assert repr(priced) == "<PricedNet 'two': 5 blocks, 0.600 ms on board>"
    assert repr(SPACES[0]) == (
        "<SearchSpace 'imagenet-mbconv-1': 21 searched blocks, about 10^17 nets, 224x224x3 to 1000 classes>"
    )
    assert repr(SPACES[-1]) == (
        "<TreeSpace 'cifar-tree-1': 648 searched edges, about 10^548 nets, 32x32x3 to 10 classes>"
    )
    spec = TreeBlockSpec(hidden_channels=4, edges=(IdentitySpec(), ConvSpec(kernel_size=5)) * 2)
    assert repr(spec) == "<TreeBlockSpec tree4: id + conv5 | id + conv5>"


@given(search_spaces())
def test_a_small_space_says_how_many_nets_it_has(space: SearchSpace) -> None:
    count = prod(len(row) for row in space.mixed)
    assert f", {count} net{'s' if count > 1 else ''}, " in repr(space)


@pytest.mark.parametrize(("depth", "said"), [(6, "1000000 nets"), (5, "100000 nets")])
def test_many_nets_are_counted_in_powers_of_ten(depth: int, said: str) -> None:
    space = digits_mbconv_space(blocks_per_stage=1)
    stage = evolve(space.stages[0], stride=1, depth=depth, width=16)
    candidates = tuple(ConvSpec(kernel_size=size) for size in range(1, 20, 2))
    head = evolve(space.head, in_channels=16)
    space = evolve(space, stages=(stage,), candidates=candidates, head=head)
    assert len(space.mixed) == depth
    assert f", {'about 10^6 nets' if depth == 6 else said}, " in repr(space)


def test_a_printed_net_shows_its_blocks_a_line_each() -> None:
    assert str(NET) == "two: 5 blocks, 16x16x1 to 10 classes" + NET_LINES


def test_a_priced_net_shows_the_latency_of_each_block() -> None:
    *body, head = NET.blocks
    assert "to 1 class>" in repr(evolve(NET, blocks=(*body, evolve(head, out_channels=1))))
    priced = PricedNet(architecture=NET, block_ms=(0.1, 0.2, 0.3, 0.4, 1.5), total_ms=2.6, device="board")
    title, *lines = str(priced).splitlines()
    assert title == "two: 2.600 ms on board"
    prices = ["0.100 ms", "0.200 ms", "0.300 ms", "0.400 ms", "1.500 ms"]
    assert [line[-8:] for line in lines] == prices
    assert [line[:-8].rstrip() for line in lines] == NET_LINES.splitlines()[1:]
    assert cells(priced._repr_html_())[1:] == [
        [*row, price] for row, price in zip(cells(NET._repr_html_())[1:], prices, strict=True)
    ]


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_net_is_printed_within_a_screen_s_width(name: str) -> None:
    net = released(name)  # type: ignore[arg-type]
    _, *lines = str(net).splitlines()
    assert len(lines) == len(net.blocks)
    assert max(map(len, lines)) <= 110


def test_a_printed_net_of_trees_shows_sums() -> None:
    same, average, largest, three, dilated, five, seven = tree_edges()
    edges = (seven, same, largest, three, five, average, *(dilated, same) * 3)
    net = pyramid_tree_architecture([edges], name="trees", stem_channels=4, growth=4)
    line = str(net).splitlines()[2]
    assert line.split("  ")[3] == "tree8: sep7(max3+sep3) + id(sep5+avg3) | dil3(dil3+id) + id(dil3+id)"


def test_a_printed_space_shows_what_can_stand_where() -> None:
    space = digits_mbconv_space(blocks_per_stage=2)
    title, *lines = str(space).splitlines()
    assert title == "digits-mbconv-1-2: 4 searched blocks, 1764 nets, 16x16x1 to 10 classes"
    every = "mb3-3x3 mb3-5x5 mb3-7x7 mb6-3x3 mb6-5x5 mb6-7x7"
    assert [" ".join(line.split()) for line in lines] == [
        "0 16x16 conv3 1->16",
        "1 16x16 mb1-3x3 16->16 +x",
        f"2 16x16 one of {every} 16->24 s2",
        f"3 8x8 one of {every} skip 24->24 +x",
        f"4 8x8 one of {every} 24->48 s2",
        f"5 4x4 one of {every} skip 48->48 +x",
        "6 4x4 classifier-128 48->10",
    ]


def test_a_printed_space_of_trees_shows_its_blocks() -> None:
    space = cifar_tree_space(0.25, blocks_per_stage=1)
    lines = str(space).splitlines()[1:]
    every = "one of id avg3 max3 sep3 dil3 sep5 sep7 at each of 12 edges"
    channels = [f"{block.in_channels}->{block.out_channels}" for block in space.blocks]
    assert [" ".join(line.split()) for line in lines] == [
        "0 32x32 linearconv3 3->4",
        f"1 32x32 {every} {channels[0]}",
        f"2 32x32 {every} {channels[1]} s2",
        f"3 16x16 {every} {channels[2]} s2",
        f"4 8x8 classifier-preact {space.head.in_channels}->10",
    ]


def cells(html: str) -> list[list[str]]:
    """The texts of a table, headings first, as a reader of XML finds them."""
    return [["".join(cell.itertext()) for cell in row] for row in ET.fromstring(html).iter("tr")]


@given(st.one_of(architectures(), search_spaces(), tree_spaces(), network_spaces()))
def test_a_notebook_shows_the_same_as_a_table(value: Architecture) -> None:
    value = evolve(value, name="<b>&amp; \"net'")
    html = value._repr_html_()
    caption = ET.fromstring(html).find("caption")
    assert caption is not None
    title, *lines = str(value).splitlines()
    assert caption.text == title
    heading, *rows = cells(html)
    assert heading == ["block", "image", "operation", "channels", "stride", "shortcut"]
    assert [" ".join(filter(None, row)).split() for row in rows] == [line.split() for line in lines]


def test_stride_and_shortcut_stand_in_their_columns() -> None:
    block = BlockSpec(op=ConvSpec(kernel_size=1), in_channels=2, out_channels=2, residual=True)
    net = Architecture(name="one", resolution=9, blocks=(evolve(block, residual=False, stride=2), block))
    assert cells(net._repr_html_())[1:] == [
        ["0", "9x9", "conv1", "2->2", "s2", ""],
        ["1", "5x5", "conv1", "2->2", "", "+x"],
    ]


def test_a_table_escapes_its_texts_and_may_end_with_a_line() -> None:
    html = html_table("<i>", ["a<", "b&"], [["<1>", "2"]], below="more & more")
    found = ET.fromstring(f"<div>{html}</div>")
    assert [part.tag for part in found] == ["table", "p"]
    assert [part.text for part in found.iter() if part.text] == ["<i>", "a<", "b&", "<1>", "2", "more & more"]
    assert "<p>" not in html_table("", [], [])
