"""What stands in the picture of a net's memory."""

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation
from torch import nn

from pnas_ops import Account, AccountError, account_of, architecture_account, draw_memory, released


@pytest.fixture(scope="module")
def account() -> Account:
    return architecture_account(released("proxyless_mobile"))


def bars(axes: Axes) -> list[Rectangle]:
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def test_the_bars_are_what_is_in_memory(account: Account) -> None:
    figure = draw_memory(account, title="a net")
    memory, weights = figure.axes
    tops: dict[float, float] = {}
    for bar in bars(memory):
        center = bar.get_x() + bar.get_width() / 2
        assert bar.get_y() == pytest.approx(tops.get(center, 0))
        tops[center] = bar.get_y() + bar.get_height()
    assert list(tops.values()) == pytest.approx([line.alive_bytes / 1e6 for line in account.lines])
    assert [bar.get_height() for bar in bars(weights)] == pytest.approx(
        [line.weight_bytes / 1e6 for line in account.lines]
    )
    waiting = bars(memory)[2 * len(account.lines) :]
    assert [bar.get_height() for bar in waiting] == pytest.approx([line.waiting_bytes / 1e6 for line in account.lines])
    assert any(bar.get_height() for bar in waiting)


def test_the_worst_moment_is_marked(account: Account) -> None:
    memory = draw_memory(account, title="a net").axes[0]
    (mark,) = (text for text in memory.texts if isinstance(text, Annotation))
    worst = account.lines[account.peak]
    assert mark.get_text().startswith(f"peak {worst.alive_bytes / 1e6:.3g} MB: {worst.place} ")
    assert mark.xy == (account.peak, worst.alive_bytes / 1e6)
    assert memory.get_title(loc="left") == "a net"


@pytest.mark.parametrize("layers", [1, 24, 25, 100])
def test_so_many_places_are_named_as_there_is_room_for(layers: int) -> None:
    net = nn.Sequential(*(nn.Conv2d(1, 1, 1) for _ in range(layers)))
    named = labels(draw_memory(account_of(net, [(1, 1, 2, 2)]), title=""))
    assert 12 < len(named) <= 24 or len(named) == layers
    assert named[0] == "0"


def labels(figure: Figure) -> list[str]:
    return [label.get_text() for label in figure.axes[1].get_xticklabels()]


def test_there_is_no_picture_of_a_net_that_computes_nothing() -> None:
    with pytest.raises(AccountError, match="has no peak"):
        draw_memory(account_of(nn.Identity(), [(1, 1)]), title="")
