"""Merging tables, and refusing those that do not fit."""

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from pnas_latency import Calibration, ForeignTableError, MissingWorkloadsError, NetEntry
from pnas_ops import (
    DeviceInfo,
    digits_mbconv_space,
    workloads,
)
from strategies import full_tables, search_spaces
from tables import DEVICE, measurement, uniform_table

OTHER_FIELDS = {"device": "phone", "runtime": "real", "runtime_version": "2", "threads": 4, "dtype": "int8"}


@given(st.data())
def test_merging_is_a_union_in_which_the_newer_wins(data: st.DataObject) -> None:
    space = data.draw(search_spaces())
    first = data.draw(full_tables(space))
    second = evolve(data.draw(full_tables(space)), device=first.device)
    first, second = (
        evolve(table, entries=tuple(e for e in table.entries if data.draw(st.booleans()))) for table in (first, second)
    )
    newer, older = (second, first) if second.measured_on >= first.measured_on else (first, second)

    merged = first.merge(second)

    assert merged.measured_on == max(first.measured_on, second.measured_on)
    assert {e.workload: e for e in merged.entries} == {
        **{e.workload: e for e in older.entries},
        **{e.workload: e for e in newer.entries},
    }
    assert {e.architecture.blocks for e in merged.nets} == {e.architecture.blocks for e in (*first.nets, *second.nets)}
    assert set(newer.nets) <= set(merged.nets)
    assert merged.calibration is None
    floors = [table.noise_floor for table in (first, second) if table.noise_floor is not None]
    assert merged.noise_floor == (max(floors) if floors else None)


def test_merging_parts_gives_the_whole() -> None:
    space = digits_mbconv_space()
    whole = uniform_table(space)
    half = len(whole.entries) // 2
    parts = evolve(whole, entries=whole.entries[:half]), evolve(whole, entries=whole.entries[half:])
    assert parts[0].merge(parts[1]) == whole
    parts[0].merge(parts[1]).check_fits(space, DEVICE)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (evolve(DEVICE, device="phone"), "device board, not phone"),
        (evolve(DEVICE, threads=4, dtype="int8"), "threads 1, not 4; dtype float32, not int8"),
    ],
)
def test_does_not_merge_tables_of_two_devices(other: DeviceInfo, message: str) -> None:
    table = uniform_table(digits_mbconv_space())
    with pytest.raises(ForeignTableError, match=f"^tables of two devices cannot be merged: {message}$") as caught:
        table.merge(evolve(table, device=other))
    assert (caught.value.have, caught.value.want, caught.value.way_out) == (DEVICE, other, "")


def test_refuses_a_net_twice_whatever_its_name() -> None:
    net = digits_mbconv_space().architecture([0] * 6, name="one")
    entries = [
        NetEntry(architecture=evolve(net, name=name), measurement=measurement(1), held_out=False)
        for name in ("one", "two")
    ]
    with pytest.raises(ValueError, match="nets holds the net 'two' twice, first as 'one'"):
        evolve(uniform_table(net), nets=tuple(entries))


def test_fits_what_it_was_measured_for() -> None:
    space = digits_mbconv_space()
    table = uniform_table(space)
    table.check_fits(space)
    table.check_fits(space.architecture([0] * 6), DEVICE)


@pytest.mark.parametrize(("name", "value"), OTHER_FIELDS.items())
def test_refuses_another_device_unless_told_otherwise(name: str, value: Any) -> None:
    space = digits_mbconv_space()
    table, other = uniform_table(space), evolve(DEVICE, **{name: value})
    expected = (
        rf"^the table was measured with {name} {getattr(DEVICE, name)}, not {value}: "
        rf"measure one on .*, or say allow=\['{name}'\] to use it nevertheless$"
    )
    with pytest.raises(ForeignTableError, match=expected) as caught:
        table.check_fits(space, other)
    error = caught.value
    assert (error.have, error.want, error.differing) == (DEVICE, other, (name,))
    assert error.what == f"the table was measured with {name} {getattr(DEVICE, name)}, not {value}"
    table.check_fits(space, other, allow=[name])
    with pytest.raises(ValueError, match=r"allow may name device, .*, got 'colour'"):
        table.check_fits(space, other, allow=["colour"])


def test_refuses_another_space_and_lists_what_is_missing() -> None:
    table = uniform_table(digits_mbconv_space())
    with pytest.raises(MissingWorkloadsError, match=r"lacks \d+ workloads: .*: measure them on that device") as caught:
        table.check_fits(digits_mbconv_space(2.0))
    assert caught.value.missing == table.missing(workloads(digits_mbconv_space(2.0)))
    assert "resolution" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_refuses_another_resolution_by_name() -> None:
    table = uniform_table(digits_mbconv_space())
    with pytest.raises(MissingWorkloadsError, match=r"\(resolution 16, not 32\) lacks \d+ workloads"):
        table.check_fits(digits_mbconv_space(resolution=32))
    # No permission makes up for a latency that is not there.
    with pytest.raises(MissingWorkloadsError):
        table.check_fits(digits_mbconv_space(resolution=32), evolve(DEVICE, device="phone"), allow=["device"])


def test_a_calibration_does_not_outlive_a_merge() -> None:
    table = evolve(uniform_table(digits_mbconv_space()), calibration=Calibration(scale=2.0, offset_ms=0.0))
    assert table.merge(table).calibration is None
