"""JSON: what goes out comes back, and what is wrong is named."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st

from pnas_ops import (
    Architecture,
    BlockSpec,
    DeviceInfo,
    FormatError,
    MBConvSpec,
    Measurement,
    PoolSpec,
    SearchSpace,
    Stage,
    Workload,
    digits_mbconv_space,
    from_dict,
    from_json,
    load_json,
    save_json,
    to_json,
)
from strategies import (
    architectures,
    block_specs,
    channels,
    device_infos,
    measurements,
    network_spaces,
    search_spaces,
    strides,
    tree_spaces,
)

stages = st.builds(Stage, width=channels, depth=channels, stride=strides)
workload_values = st.builds(Workload, block=block_specs(), height=channels, width=channels)
MBCONV = {"kind": "MBConv", "kernel_size": 3, "expansion": 6}
POOL = {"kind": "Pool", "mode": "max", "kernel_size": 3}
BLOCK = {"op": MBCONV, "in_channels": 8, "out_channels": 8, "stride": 1}


@given(
    st.one_of(
        block_specs(),
        stages,
        search_spaces(),
        tree_spaces(),
        network_spaces(),
        architectures(),
        workload_values,
        device_infos,
        measurements,
    )
)
def test_every_type_survives_a_round_trip(value: Any) -> None:
    assert from_json(to_json(value), type(value)) == value


def test_a_document_says_what_it_is() -> None:
    document = json.loads(to_json(digits_mbconv_space()))
    assert (document["schema"], document["schema_version"]) == ("SearchSpace", 1)
    assert document["candidates"][0] == {"kind": "MBConv", "kernel_size": 3, "expansion": 3}
    assert document["candidates"][-1] == {"kind": "Zero"}


def test_an_operation_is_written_without_the_options_that_it_does_not_use() -> None:
    plain = MBConvSpec(kernel_size=3, expansion=6)
    assert from_dict(BLOCK, BlockSpec).op == plain
    chosen = json.loads(to_json(BlockSpec(op=evolve(plain, activation="hswish"), in_channels=8, out_channels=8)))
    assert chosen["op"] == MBCONV | {"activation": "hswish"}
    pool = json.loads(to_json(BlockSpec(op=PoolSpec(mode="max", kernel_size=3), in_channels=8, out_channels=8)))
    assert pool["op"] == POOL


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strid": 2}, r"extra fields found \(strid\) @ BlockSpec$"),
        ({"in_channels": None}, r"needs a value of type int, got None @ BlockSpec\.in_channels"),
        ({"in_channels": "8"}, r"needs a value of type int, got '8' @ BlockSpec\.in_channels"),
        ({"in_channels": 8.5}, r"needs a value of type int, got 8\.5 @ BlockSpec\.in_channels"),
        ({"in_channels": True}, r"needs a value of type int, got True @ BlockSpec\.in_channels"),
        ({"residual": "false"}, r"needs a value of type bool, got 'false' @ BlockSpec\.residual"),
        ({"residual": 1}, r"needs a value of type bool, got 1 @ BlockSpec\.residual"),
        ({"out_channels": 0}, "'out_channels' must be >= 1"),
        ({"stride": -1}, "'stride' must be >= 1"),
        ({"op": 3}, r"needs named fields @ BlockSpec\.op"),
        ({"op": {"kind": "Dense"}}, r"a BlockSpec with operations that are not known here: 'Dense': "),
        ({"op": {"kind": ["Conv"]}}, r"needs a value of type str, got \['Conv'\] @ BlockSpec\.op"),
        ({"op": {"kernel_size": 3}}, r"'kind' is missing or unknown @ BlockSpec\.op"),
        ({"op": {"kind": "Conv"}}, r"'kernel_size' is missing or unknown @ BlockSpec\.op\.kernel_size"),
        ({"op": {"kind": "Conv", "kernel_size": 4}}, r"ConvSpec\.kernel_size must be odd and positive, got 4"),
        ({"op": {"kind": "Conv", "kernel_size": 3, "groups": 2}}, r"extra fields found \(groups\) @ BlockSpec\.op"),
        ({"op": {"kind": "MBConv", "kernel_size": 3, "expansion": 0}}, "'expansion' must be >= 1"),
        ({"out_channels": 9, "residual": True}, "a residual block needs stride 1 and equal channels, got 8->9 s1"),
        (
            {"op": MBCONV | {"activation": "gelu"}},
            r"needs one of relu6, relu, hswish, silu, got 'gelu' @ .*activation$",
        ),
        ({"op": MBCONV | {"squeeze_excitation": 1}}, r"type bool, got 1 @ BlockSpec\.op\.squeeze_excitation"),
        ({"op": POOL, "out_channels": 9}, "maxpool-3x3 needs equal channels, got 8->9"),
        ({"op": {"kind": "Zero"}}, "skip needs a residual block"),
        ({"op": {"kind": "Identity"}, "residual": True}, "identity in a residual block would double its input"),
    ],
    ids=str,
)
def test_a_wrong_field_is_named(change: dict[str, Any], message: str) -> None:
    assert from_dict(BLOCK, BlockSpec)
    with pytest.raises(ValueError, match=message) as caught:
        from_dict(BLOCK | change, BlockSpec)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", ["op", "in_channels", "out_channels"])
def test_a_missing_field_is_named(field: str) -> None:
    with pytest.raises(ValueError, match=rf"'{field}' is missing or unknown @ BlockSpec\.{field}"):
        from_dict({key: value for key, value in BLOCK.items() if key != field}, BlockSpec)


def test_all_that_is_wrong_is_named_at_once() -> None:
    document = {"name": "net", "resolution": 0, "blocks": [BLOCK, BLOCK | {"stride": "a"}, BLOCK | {"depth": 1}]}
    with pytest.raises(ValueError, match=r"'a' @ Architecture\.blocks\[1\]\.stride; .*\(depth\) @ .*blocks\[2\]"):
        from_dict(document, Architecture)


def test_whole_numbers_are_floats_too() -> None:
    measurement = {"latency_ms": 1, "p25_ms": 1, "median_ms": 2, "p75_ms": 3, "count": 2}
    assert from_dict(measurement, Measurement).latency_ms == 1.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "holds no schema version None, expected SearchSpace version 1"),
        ('{"schema": "SearchSpace", "schema_version": 2}', "holds SearchSpace version 2, expected .* version 1"),
        ('{"schema": "Stage", "schema_version": 1}', "holds Stage version 1, expected SearchSpace version 1"),
    ],
)
def test_another_document_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_json(text, SearchSpace)


def test_a_document_that_is_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match="needs named fields @ BlockSpec"):
        from_dict([1], BlockSpec)


def test_saves_and_loads_and_names_the_file(tmp_path: Path) -> None:
    info = DeviceInfo(device="Größe", runtime="torch", runtime_version="2", threads=1, dtype="int8")
    path = tmp_path / "device.json"
    save_json(info, path)
    assert load_json(path, DeviceInfo) == info
    with pytest.raises(ValueError, match=r"device\.json: holds DeviceInfo"):
        load_json(path, SearchSpace)


@pytest.mark.parametrize("text", ['{"a":' + "1" * 5000 + "}", "[" * 100_000])
def test_what_the_parser_itself_refuses_is_told_with_the_file(text: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=r"odd\.json: not JSON: "):
        load_json(path, Architecture)


@pytest.mark.parametrize("version", [True, 1.0, "1", None])
def test_a_version_is_a_whole_number(version: object) -> None:
    document = json.loads(to_json(digits_mbconv_space()))
    with pytest.raises(FormatError, match=f"holds SearchSpace version {version!r}, expected SearchSpace version 1"):
        from_json(json.dumps(document | {"schema_version": version}), SearchSpace)


INFO = {"device": "a", "runtime": "b", "runtime_version": "1", "threads": 1, "dtype": "int8"}
WHOLE = json.dumps({"schema": "DeviceInfo", "schema_version": 1} | INFO)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (WHOLE.replace('"threads": 1', '"threads": NaN'), "not JSON: NaN is no number$"),
        (WHOLE.replace('"threads": 1', '"threads": -Infinity'), "not JSON: -Infinity is no number$"),
        (WHOLE.replace('"threads": 1', '"threads": 1e999'), "not JSON: 1e999 is too large a number$"),
        (WHOLE.replace('"threads": 1', '"threads": 1' + "0" * 400), r"not JSON: 10+\.\.\. is too large a number$"),
        (WHOLE.replace('"threads": 1', '"threads": 1, "threads": 2'), "not JSON: 'threads' occurs twice$"),
        (WHOLE.replace('"threads": 1', '"threads": ' + "[" * 400 + "]" * 400), r"needs a value of type int, got \[\["),
        (WHOLE.replace('"a"', json.dumps(["long"] * 1000)), r".*got \['long', .{20,60}\.\.\. @ DeviceInfo\.device$"),
        (WHOLE.replace('"DeviceInfo"', json.dumps("x\n" * 1000)), r"holds x x x [x ]*\.\.\. version 1, expected Dev"),
        (WHOLE.replace('"DeviceInfo"', "[[1]]"), r"holds \[\[1\]\] version 1"),
        (WHOLE[: len(WHOLE) // 2], "not JSON: "),
        ("", "not JSON: Expecting value"),
    ],
)
def test_what_is_no_document_is_told_in_one_short_line_with_the_file(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "device.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=rf"device\.json: {message}") as caught:
        load_json(path, DeviceInfo)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 250


def test_a_number_that_a_float_cannot_hold_is_named() -> None:
    measurement = {"latency_ms": 10**400, "p25_ms": 1, "median_ms": 2, "p75_ms": 3, "count": 2}
    with pytest.raises(FormatError, match="too large"):
        from_dict(measurement, Measurement)


def test_a_document_of_many_faults_names_ten() -> None:
    document = {"name": "net", "resolution": 1, "blocks": [3] * 1000}
    with pytest.raises(FormatError, match=r"needs named fields @ Architecture\.blocks\[9\]; and 990 more$"):
        from_dict(document, Architecture)


def test_a_mark_at_the_beginning_of_a_text_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "device.json").write_text(WHOLE, encoding="utf-8-sig")
    assert load_json(tmp_path / "device.json", DeviceInfo) == from_dict(INFO, DeviceInfo)


def test_what_is_no_text_and_what_is_no_file_are_told(tmp_path: Path) -> None:
    (tmp_path / "device.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(FormatError, match=r"device\.json: not a text in UTF-8: invalid start byte at byte 0$"):
        load_json(tmp_path / "device.json", DeviceInfo)
    with pytest.raises(FormatError, match=r"a folder, not a file$"):
        load_json(tmp_path, DeviceInfo)


def test_a_pipe_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FormatError, match="pipe: a pipe, a socket or a device, not a file"):
        load_json(tmp_path / "pipe", DeviceInfo)


def test_a_number_that_is_not_finite_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="a number that is not finite cannot be JSON"):
        save_json(Odd(value=float("nan")), tmp_path / "odd.json")
    assert not list(tmp_path.iterdir())


@frozen
class Odd:
    value: float


@frozen
class Nothing:
    """Holds a list that is always empty."""

    values: tuple[()] = ()


def test_a_list_that_is_to_be_empty_says_so() -> None:
    assert from_json(to_json(Nothing()), Nothing) == Nothing()
    with pytest.raises(ValueError, match=r"needs a list of 0, got \[1\]"):
        from_json(to_json(Nothing()).replace("[]", "[1]"), Nothing)
