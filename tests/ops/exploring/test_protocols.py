"""What judges say and strategies are told."""

import math

import pytest
import torch
from torch import nn

from pnas_ops import Architecture, Judgement, ProxyJudge, Trial, digits_mbconv_space


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="value"):
        Judgement(value=value)
    with pytest.raises(ValueError, match="value"):
        Trial(choices=(0, 1), value=value)


def test_a_net_through_which_nothing_flows_is_worth_less_than_any_other() -> None:
    def proxy(network: nn.Module, architecture: Architecture) -> float:
        return -math.inf

    net = digits_mbconv_space(0.5, blocks_per_stage=1).architecture([0, 0])
    assert ProxyJudge(proxy=proxy).judge(net, torch.Generator().manual_seed(0)).value == -1e9
