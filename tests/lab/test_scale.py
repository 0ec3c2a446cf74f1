"""`pnas-lab scale`: compound scaling beside each dimension alone, and the grid."""

import json
from pathlib import Path

import pytest

from command_line import Lab, assert_refused
from pnas_ops import (
    CompoundScaling,
    architecture_macs,
    architecture_parameters,
    baseline,
    digits_mbconv_space,
    save_json,
    scaled,
)


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.json"
    save_json(digits_mbconv_space().architecture([0] * 6, name="small"), path)
    return path


def test_the_numbers_are_those_of_the_scaled_nets(lab: Lab, net: Path) -> None:
    done = lab("scale", net, "--phi", 2, "--alpha", 1.3, "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.output)
    small = digits_mbconv_space().architecture([0] * 6)
    compound = scaled(small, **CompoundScaling(alpha=1.3).multiples(2))
    first, second, *alone = document["nets"]
    assert (first["macs"], first["parameters"]) == (architecture_macs(small), architecture_parameters(small))
    assert (second["macs"], second["parameters"]) == (architecture_macs(compound), architecture_parameters(compound))
    assert second["resolution_pixels"] == compound.resolution == round(16 * 1.15**2)
    # At equal MACs, as far as the steps of so small a net allow.
    assert [one["net"] for one in alone] == ["depth alone", "width alone", "resolution alone"]
    assert all(one["macs"] == pytest.approx(second["macs"], rel=0.2) for one in alone)
    for name, one in zip(("depth", "width", "resolution"), alone, strict=True):
        assert {key for key in ("depth", "width", "resolution") if one[key] != 1} == {name}


def test_a_table_and_a_picture_are_for_people(lab: Lab, net: Path, tmp_path: Path) -> None:
    done = lab("scale", net, "--picture", tmp_path / "scaled.png")
    assert done.exit_code == 0, done.output
    assert "resolution alone" in done.output
    assert (tmp_path / "scaled.png").read_bytes().startswith(b"\x89PNG")
    assert "--picture FILE.png" in lab("scale", net).output


def test_the_grid_lists_its_candidates_with_what_they_come_to(lab: Lab, net: Path, tmp_path: Path) -> None:
    done = lab("scale", net, "--grid", "--step", 0.2, "--json", "--picture", tmp_path / "grid.png")
    assert done.exit_code == 0, done.output
    document = json.loads(done.output)
    small = digits_mbconv_space().architecture([0] * 6)
    assert document["candidates"]
    for one in document["candidates"]:
        made = scaled(small, depth=one["alpha"], width=one["beta"], resolution=one["gamma"])
        assert one["macs"] == architecture_macs(made)
        assert one["macs_ratio"] == pytest.approx(one["macs"] / architecture_macs(small))
    assert (tmp_path / "grid.png").is_file()


def test_a_baseline_goes_by_its_name(lab: Lab) -> None:
    done = lab("scale", "shufflenet_v2_x1_0", "--resolution", 64, "--phi", 0, "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.output)["nets"][1]["macs"] == architecture_macs(
        baseline("shufflenet_v2_x1_0", resolution=64)
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mobilenet_v2", "--alpha", 0.9], "alpha must be at least 1, got 0.9"),
        (["mobilenet_v2", "--phi", "nan"], "phi must be a number from -100 to 100, got nan"),
        (["mobilenet_v2", "--phi", -20], "mobilenet_v2 d.* needs images of at least 17 pixels, got 14"),
        (["mobilenet_v2", "--grid", "--alpha", 1.2, "--phi", 1], "--grid tries all .*: leave out --phi and --alpha"),
        (["mobilenet_v2", "--step", 0.1], "--step belongs to --grid: give both, or neither"),
        (["mobilenet_v2", "--grid", "--step", 0], "step must be from 0.01 to 1"),
        (["mobilenet_v2", "--resolution", 16], "16.*--resolution"),
        (["mobilenetv2"], "there is no net 'mobilenetv2': .*mobilenet_v2"),
    ],
    ids=str,
)
def test_mistakes_are_told_in_one_line(lab: Lab, arguments: list[object], message: str) -> None:
    assert_refused(lab("scale", *arguments), message)
