"""Spaces compared by what their nets compute within limits."""

from itertools import product
from math import sqrt

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pnas_latency import (
    MACS,
    PARAMETERS,
    InfeasibleBudgetError,
    Limit,
    Metric,
    SpaceDesign,
    SpaceOutlook,
    design_spaces,
    peak_activation_bytes,
    weight_bytes,
)
from pnas_ops import Space, digits_mbconv_space, from_json, mcunet_space, to_json, workloads
from tables import uniform_table

SPACES: list[Space] = [
    digits_mbconv_space(width, blocks_per_stage=1, resolution=resolution)
    for width, resolution in product((0.5, 1.0), (8, 12))
]
SRAM, FLASH = peak_activation_bytes("int8"), weight_bytes("int8")


def _outlook(*macs: float, drawn: int = 100, name: str = "space") -> SpaceOutlook:
    return SpaceOutlook(name=name, resolution=8, drawn=drawn, macs=macs)


def _design(*outlooks: SpaceOutlook) -> SpaceDesign:
    return SpaceDesign(limits={"macs": 9.0}, outlooks=outlooks)


@pytest.mark.parametrize("metric", [MACS, PARAMETERS, SRAM, FLASH], ids=lambda metric: metric.name)
def test_many_nets_at_once_cost_what_each_is_reckoned_for(metric: Metric) -> None:
    space = SPACES[1]
    generator = torch.Generator().manual_seed(0)
    choices = [space.sample_choices(generator) for _ in range(4)]
    assert metric.reckoned_all(space, torch.tensor(choices)).tolist() == [
        metric.reckoned(space, one) for one in choices
    ]


def test_a_latency_of_many_nets_has_the_cost_of_a_call_in_it() -> None:
    space = SPACES[0]
    metric = uniform_table(space, 2.0).metric()
    assert metric.reckoned_all(space, torch.tensor([[0, 0], [1, 2]])).tolist() == [10.0, 10.0]


def test_the_nets_of_each_space_that_keep_every_limit_are_counted_with_their_macs() -> None:
    limits = [Limit(metric=SRAM, at_most=7000), Limit(metric=PARAMETERS, at_least=6000, at_most=12_000)]
    design = design_spaces(SPACES, limits, count=15, seed=3)
    for space, outlook in zip(SPACES, design.outlooks, strict=True):
        generator = torch.Generator().manual_seed(3)
        nets = [space.sample(generator) for _ in range(15)]
        kept = [net for net in nets if SRAM.of(net) <= 7000 and 6000 <= PARAMETERS.of(net) <= 12_000]
        assert (outlook.name, outlook.resolution, outlook.drawn) == (space.name, space.resolution, 15)
        assert outlook.macs == tuple(sorted(map(MACS.of, kept)))
    # Neither limit keeps all of them, nor none.
    assert 0 < sum(len(outlook.macs) for outlook in design.outlooks) < 60
    assert design.limits == {"peak_activation_bytes_int8": 7000, "parameters": 12_000}


def test_the_same_seed_gives_the_same_comparison_and_files_keep_it() -> None:
    limits = [Limit(metric=SRAM, at_most=7000)]
    design = design_spaces(SPACES, limits, count=30, seed=1)
    assert design == design_spaces(SPACES, limits, count=30, seed=1)
    assert design != design_spaces(SPACES, limits, count=30, seed=2)
    assert from_json(to_json(design), SpaceDesign) == design


@given(st.lists(st.integers(1, 10**9), min_size=2, max_size=30), st.floats(0.01, 1))
def test_mean_error_and_quantiles_are_those_of_the_nets(macs: list[int], share: float) -> None:
    outlook = _outlook(*sorted(map(float, macs)))
    assert outlook.mean_macs == pytest.approx(np.mean(macs))
    assert outlook.standard_error == pytest.approx(np.std(macs, ddof=1) / sqrt(len(macs)))
    assert outlook.share == len(macs) / 100
    # The smallest that is not below the share.
    assert outlook.quantile(share) == min(one for one in macs if sum(x <= one for x in macs) >= share * len(macs))


def test_more_macs_within_the_limits_make_the_better_space() -> None:
    few, many, none = _outlook(1.0, 3.0, name="few"), _outlook(4.0, 6.0, name="many"), _outlook(name="none")
    design = _design(few, none, many)
    assert design.best == 2
    assert [one.name for one in design.ranked] == ["many", "few", "none"]
    assert [one.quantile(0.5) for one in design.ranked] == [4.0, 1.0, 0.0]


def test_a_space_of_which_hardly_a_net_is_within_the_limits_is_not_the_best() -> None:
    lucky, usual = _outlook(9e6, drawn=101, name="lucky"), _outlook(*[2e6] * 50, name="usual")
    design = _design(lucky, usual)
    assert design.outlooks[design.best].name == "usual"
    assert "of lucky @8, which has more, too few nets are within the limits (0.99%)" in design.reason
    assert _design(lucky).best == 0


def test_the_reason_says_how_far_ahead_the_best_space_is() -> None:
    ahead = _design(_outlook(3e6, 3e6, name="wide"), _outlook(2e6, 2e6, name="narrow"))
    assert ahead.reason == (
        "wide @8: its nets within the limits compute 3 million MACs on average, and more MACs at the same memory is "
        "the better space; the next, narrow @8, has 33.3% less"
    )
    # Means of 2 and 2.5 with standard errors of 1 each.
    close = _design(_outlook(1e6, 3e6, name="one"), _outlook(1.5e6, 3.5e6, name="other"))
    assert "; one @8 (2) is as good as far as 100 nets tell" in close.reason


def test_the_limit_that_no_net_of_any_space_keeps_is_named_with_the_cheapest_net() -> None:
    limits = [Limit(metric=PARAMETERS, at_most=1e9), Limit(metric=SRAM, at_most=100)]
    least = min((SRAM.of(SRAM.cheapest(space)), space.name, space.resolution) for space in SPACES)
    said = (
        "none of the 5 nets drawn of each of 4 spaces takes at most 100 bytes peak activation int8: the cheapest net "
        f"of all takes {least[0]:,.0f} bytes, of {least[1]} at {least[2]} pixels: raise the limit, or try smaller "
        "widths and resolutions"
    )
    with pytest.raises(InfeasibleBudgetError) as caught:
        design_spaces(SPACES, limits, count=5)
    assert str(caught.value) == said
    assert SRAM.of(caught.value.cheapest) == least[0]


def test_limits_that_can_be_kept_alone_but_not_by_any_net_that_was_drawn_are_named_together() -> None:
    space = SPACES[1]
    most = max(map(MACS.of, (space.architecture(one) for one in product(*map(range, space.options)))))
    limits = [
        Limit(metric=MACS, at_least=most, at_most=most),
        Limit(metric=SRAM, at_most=SRAM.of(SRAM.cheapest(space))),
    ]
    with pytest.raises(InfeasibleBudgetError, match=r"though each limit can be kept alone: raise one of them"):
        design_spaces([space], limits, count=5)


def test_there_have_to_be_spaces_limits_and_nets() -> None:
    limits = [Limit(metric=SRAM, at_most=7000)]
    for spaces, some, count in (([], limits, 5), (SPACES, [], 5), (SPACES, limits, 0)):
        with pytest.raises(ValueError, match=f"got {len(spaces)}, {len(some)} and {count}$"):
            design_spaces(spaces, some, count=count)


def test_the_space_of_microcontrollers_has_its_stages_and_no_convolution_before_its_end() -> None:
    space = mcunet_space(0.5, classes=100, resolution=144)
    assert space.options == (9, 10, 10, 10) * 5 + (9,)
    widths = [space.positions[index][0].out_channels for index in space.searched]
    # Halves of 24, 40, 80, 96, 192 and 320, to the nearest multiple of 8: 12 becomes 16, and 20 becomes 24.
    assert widths == [width for width in (16, 24, 40, 48, 96) for _ in range(4)] + [160]
    assert space.size() == 9**6 * 10**15
    # Of the head no more than the classes: 160 x 100 and the bias.
    assert PARAMETERS.rows(workloads(space)[-1:]) == ((160 * 100 + 100,),)


def test_limits_are_said_in_words() -> None:
    limits = {"peak_activation_bytes_int8": 327_680.0, "macs": 2e6, "latency_ms": 0.25, "energy_mj": 3.0}
    design = SpaceDesign(limits=limits, outlooks=(_outlook(1.0),))
    assert design.asked == (
        "at most 327,680 bytes of activations in int8, at most 2,000,000 MACs, at most 0.25 ms, at most 3 energy_mj"
    )
