"""The operations beside one another, against formulas."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pnas_ops import Account, PrimitiveError, StoredDtype, architecture_account, primitives

PIXELS = 8 * 8


def accounts(channels: int, dtype: StoredDtype = "float32") -> dict[str, Account]:
    return {one.name: architecture_account(one.net(8), dtype=dtype) for one in primitives(channels) if one.blocks}


def test_a_bottleneck_needs_eight_and_a_half_times_less() -> None:
    found = accounts(2048)
    assert found["3x3 convolution"].macs == 9 * 2048**2 * PIXELS
    assert found["bottleneck"].macs == 17 * 512**2 * PIXELS
    assert found["3x3 convolution"].macs / found["bottleneck"].macs == pytest.approx(8.5, abs=0.05)


@settings(max_examples=3)
@given(st.integers(1, 32).map(lambda sixteenth: 16 * sixteenth))
def test_macs_are_those_of_the_formulas(channels: int) -> None:
    found = accounts(channels)
    plain = 9 * channels**2 * PIXELS
    assert found["3x3 convolution"].macs == plain
    assert found["1x1 convolution"].macs == channels**2 * PIXELS
    assert found["5x5 convolution"].macs == 25 * channels**2 * PIXELS
    assert found["two 3x3 convolutions"].macs == 2 * plain
    assert found["depthwise 3x3"].macs == 9 * channels * PIXELS
    assert found["depthwise 3x3 + 1x1"].macs == (9 + channels) * channels * PIXELS
    assert found["grouped 3x3"].macs == found["grouped 3x3 + shuffle"].macs == plain // 4
    for expansion in (6, 3):
        inverted = found[f"inverted bottleneck {expansion}"]
        assert inverted.macs == expansion * channels * (2 * channels + 9) * PIXELS
    assert found["global pool + linear"].macs == channels**2
    assert found["upsample nearest x2"].macs == found["max pool 3x3"].macs == 0
    # 1x1 in groups of 4 to a quarter, depthwise, and back.
    quarter = channels // 4
    assert found["shuffle unit v1"].macs == (2 * channels * quarter // 4 + 9 * quarter) * PIXELS
    # 1x1, depthwise, 1x1 of one half of the channels.
    half = channels // 2
    assert found["shuffle unit v2"].macs == half * (2 * half + 9) * PIXELS
    # The last 1x1, like the projection, to twice the channels at a quarter of the pixels.
    wide = 2 * channels * channels // 2 + 2 * channels**2 + 9 * half**2
    assert found["projected bottleneck/2"].macs == channels * half * PIXELS + wide * PIXELS // 4


def test_groups_make_the_convolution_of_a_bottleneck_cheaper() -> None:
    macs = accounts(256)["grouped bottleneck"].macs
    # ResNeXt's 32x4d: 256 channels, 128 in 32 groups of 4.
    assert macs == (2 * 256 * 128 + 9 * 128 * 4) * PIXELS


def test_an_enlarged_image_is_all_in_memory() -> None:
    nearest = accounts(8)["upsample nearest x2"]
    assert nearest.peak_activation_bytes == 4 * 8 * (PIXELS + 4 * PIXELS)


def test_an_inverted_bottleneck_has_the_macs_of_a_convolution_and_a_far_larger_peak() -> None:
    found = accounts(1024)
    plain, inverted = found["3x3 convolution"], found["inverted bottleneck 6"]
    assert inverted.macs / plain.macs == pytest.approx(1.34, abs=0.005)
    # Two maps of one width; two of six, and the input that the shortcut waits with.
    assert plain.peak_activation_bytes == 2 * 4 * 1024 * PIXELS
    assert inverted.peak_activation_bytes == 13 * 4 * 1024 * PIXELS


def test_two_small_kernels_see_what_a_large_one_sees_with_fewer_weights_and_one_more_activation() -> None:
    found = accounts(16)
    two, one = found["two 3x3 convolutions"], found["5x5 convolution"]
    assert two.receptive_field == one.receptive_field == (5, 5)
    # Of BatchNorm, scale and shift of each channel.
    assert (two.parameters - 2 * 2 * 16) / 16**2 == 18
    assert (one.parameters - 2 * 16) / 16**2 == 25
    written = [sum(line.output_bytes for line in account.lines) for account in (two, one)]
    assert written[0] - written[1] == 4 * 16 * PIXELS


def test_bytes_are_those_of_the_dtype() -> None:
    single, whole = accounts(8), accounts(8, "int8")
    for name, account in single.items():
        assert account.peak_activation_bytes == 4 * whole[name].peak_activation_bytes
        assert account.macs_per_byte == pytest.approx(whole[name].macs_per_byte / 4)


def test_what_cannot_stand_at_a_shape_says_why() -> None:
    reasons = {one.name: one.misfit for one in primitives(6)}
    assert reasons["3x3 convolution"] == ""
    assert reasons["grouped 3x3"] == "group4-3x3 needs channels that are multiples of 4, got 6->6 s1"
    assert {one.name for one in primitives(6) if not one.blocks} == {name for name, reason in reasons.items() if reason}


def test_an_operation_without_channels_is_refused() -> None:
    with pytest.raises(PrimitiveError, match=r"^an operation of 0 channels computes nothing: take 1 or more$"):
        primitives(0)
