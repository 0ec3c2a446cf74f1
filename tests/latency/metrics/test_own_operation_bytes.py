"""Bytes of operations of somebody's own: counted where their parts are known, refused in a line where not."""

import pytest
from attrs import evolve, frozen
from torch import nn

from ghost_operations import GhostSpec
from pnas_latency import (
    Budget,
    Metric,
    UnknownCostError,
    check_budget,
    file_bytes,
    peak_activation_bytes,
    weight_bytes,
)
from pnas_ops import ConvSpec, OwnOperation, build_op, digits_mbconv_space
from tables import uniform_table

SPACE = evolve(digits_mbconv_space(0.5, blocks_per_stage=1), candidates=(ConvSpec(kernel_size=5),))
METRICS = [one(dtype) for one in (weight_bytes, file_bytes, peak_activation_bytes) for dtype in ("float32", "int8")]


@frozen(kw_only=True)
class PlainSpec(OwnOperation):
    """What is there already under another name."""

    @property
    def name(self) -> str:
        return "plain"

    def build(self, *, in_channels: int, out_channels: int, stride: int) -> nn.Module:
        return build_op(ConvSpec(kernel_size=5), in_channels=in_channels, out_channels=out_channels, stride=stride)


@pytest.mark.parametrize("metric", METRICS, ids=lambda one: one.name)
def test_known_parts_have_their_bytes_in_whatever_operation(metric: Metric) -> None:
    own = evolve(SPACE, candidates=(PlainSpec(),))
    assert metric.of(own.architecture([0, 0])) == metric.of(SPACE.architecture([0, 0])) > 0


LIMITS = [Budget(weight_bytes=1e9), Budget(file_bytes=1e9), Budget(peak_activation_bytes=1e9)]


@pytest.mark.parametrize("budget", LIMITS)
def test_unknown_parts_are_refused_before_a_search_in_a_line(budget: Budget) -> None:
    space = evolve(SPACE, candidates=(*SPACE.candidates, GhostSpec()))
    table = uniform_table(space)
    message = r"^the bytes of ghost-3x3 .*, an operation of one's own, are not known before .*: leave out limits"
    with pytest.raises(UnknownCostError, match=message) as caught:
        check_budget(space, table, budget)
    assert "\n" not in str(caught.value)
    check_budget(space, table, Budget(latency_ms=100.0, parameters=1e9))
