"""What stands in the picture of operations."""

import pytest
from matplotlib.patches import Rectangle

from pnas_ops import Account, architecture_account, draw_primitives, primitives


@pytest.fixture(scope="module")
def accounts() -> dict[str, Account]:
    return {one.name: architecture_account(one.net(6)) for one in primitives(8) if one.blocks}


def test_each_operation_is_a_bar_in_each_column(accounts: dict[str, Account]) -> None:
    figure = draw_primitives(accounts, title="8 channels")
    values = [
        [account.macs / 1e6 for account in accounts.values()],
        [account.parameters / 1e3 for account in accounts.values()],
        [account.peak_activation_bytes / 1e6 for account in accounts.values()],
        [account.macs_per_byte for account in accounts.values()],
    ]
    for axes, expected in zip(figure.axes, values, strict=True):
        bars = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
        assert [bar.get_width() for bar in bars] == pytest.approx(expected)
        # The line at which one may compare.
        assert axes.lines[0].get_xdata()[0] == pytest.approx(expected[0])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list(accounts)
    assert figure.get_suptitle() == "8 channels"


def test_latencies_are_one_more_column(accounts: dict[str, Account]) -> None:
    latency_ms = {name: 0.5 * number for number, name in enumerate(accounts)}
    *_, axes = draw_primitives(accounts, title="", latency_ms=latency_ms).axes
    assert axes.get_title(loc="left") == "ms"
    assert [bar.get_width() for bar in axes.patches if isinstance(bar, Rectangle)] == list(latency_ms.values())


def test_there_is_no_picture_of_nothing() -> None:
    with pytest.raises(ValueError, match=r"^there is no operation to draw$"):
        draw_primitives({}, title="")
