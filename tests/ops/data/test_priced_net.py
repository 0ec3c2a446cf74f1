"""A net and its prices."""

import re

import pytest

from pnas_ops import PricedNet, digits_mbconv_space

NET = digits_mbconv_space().architecture([0] * 6)


@pytest.mark.parametrize("count", [0, len(NET.blocks) - 1, len(NET.blocks) + 1])
def test_every_block_has_one_price(count: int) -> None:
    with pytest.raises(ValueError, match=re.escape(f"a net of 9 blocks got the prices of {count}")):
        PricedNet(architecture=NET, block_ms=(0.1,) * count, total_ms=1.0, device="board")
