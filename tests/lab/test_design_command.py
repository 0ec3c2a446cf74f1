"""Spaces compared, as users of the program see it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from command_line import assert_refused
from pnas_lab.cli import main
from pnas_latency import Limit, design_spaces, peak_activation_bytes
from pnas_ops import MCUNET_MEAN_MACS, digits_mbconv_space
from tables import uniform_table

SMALL = ["--space", "digits", "--widths", "0.5,1", "--resolutions", "8", "--classes", "10", "--nets", "30"]
SRAM = ["--max-activation-bytes", "9000"]


def printed_by(capfd: pytest.CaptureFixture[str], *arguments: object) -> str:
    capfd.readouterr()
    result = CliRunner().invoke(main, ["design", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return capfd.readouterr().out


def test_the_table_shows_what_the_library_finds_and_the_json_has_it_with_units(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    spaces = [digits_mbconv_space(width, resolution=8) for width in (0.5, 1.0)]
    wanted = design_spaces(spaces, [Limit(metric=peak_activation_bytes("int8"), at_most=9000)], count=30)
    printed = printed_by(capfd, *SMALL, *SRAM, "--picture", tmp_path / "spaces.png")
    assert "A net takes at most 9,000 bytes of activations in int8" in printed
    words = " ".join(printed.split())
    for one in wanted.outlooks:
        assert f"{one.label} {one.share:.1%} {one.mean_macs / 1e6:.3g} {one.quantile(0.1) / 1e6:.3g}" in words
    assert f"Best space: {wanted.reason}." in words
    assert (tmp_path / "spaces.png").read_bytes().startswith(b"\x89PNG")
    document = json.loads(printed_by(capfd, *SMALL, *SRAM, "--json"))
    assert document["limits"] == {"peak_activation_bytes_int8": 9000}
    assert [one["mean_macs"] for one in document["spaces"]] == [one.mean_macs for one in wanted.outlooks]
    assert [one["nets_within_limits"] for one in document["spaces"]] == [len(one.macs) for one in wanted.outlooks]
    assert document["best"] == wanted.ranked[0].label


def test_a_latency_is_limited_by_a_table_of_all_spaces(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    wide, narrow = (uniform_table(digits_mbconv_space(width, resolution=8)) for width in (1.0, 0.5))
    wide.merge(narrow).save(tmp_path / "table.json")
    # Stem, head and six blocks of 1 ms each, of which four can be skipped.
    table = ["--table", tmp_path / "table.json", "--max-latency-ms"]
    document = json.loads(printed_by(capfd, *SMALL, *table, 9, "--json"))
    assert [one["nets_within_limits"] for one in document["spaces"]] == [30, 30]
    result = CliRunner().invoke(main, ["design", *SMALL, *map(str, table), "4"])
    assert_refused(
        result, r"none of the 30 nets drawn of each of 2 spaces takes at most 4 ms latency: the cheapest net"
    )
    narrow.save(tmp_path / "table.json")
    result = CliRunner().invoke(main, ["design", *SMALL, *map(str, table), "9"])
    assert_refused(result, r"lacks .* workloads")


@pytest.mark.slow
def test_of_the_ten_spaces_of_mcunet_the_published_one_is_the_best(capfd: pytest.CaptureFixture[str]) -> None:
    limits = ["--max-activation-bytes", 320 * 1024, "--max-weight-bytes", 1024 * 1024]
    printed = printed_by(capfd, *limits, "--nets", 300)
    rows = [line.split() for line in printed.splitlines() if line.startswith(" mcunet-")]
    assert len(rows) == 10
    assert {f"{name} {size}": float(row[-1]) for name, size, *row in rows} == {
        f"mcunet-{width:g} @{size}": float(f"{macs / 1e6:.3g}") for (width, size), macs in MCUNET_MEAN_MACS.items()
    }
    assert rows[0][:2] == ["mcunet-0.5", "@144"]
    assert "Rank correlation of the means with those published: 0.7" in printed
    assert "Resolution 112, 144: no multiple of the stride 32" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], r"without a limit the largest space is the best: give --max-activation-bytes, --max-weight-bytes or"),
        ([*SRAM, "--widths", "0"], r"--widths must be a number from 0\.01 to 16, got 0: give another number"),
        ([*SRAM, "--widths", "1,1"], r"--widths names a number twice, got 1,1: leave one of them out"),
        (
            [*SRAM, "--widths", "1"],
            r"each width is combined with each resolution: give both --widths and --resolutions",
        ),
        ([*SRAM, "--resolutions", "96.5"], r"--resolutions must be a whole number from 1 to 4,096, got 96\.5"),
        ([*SRAM, "--space", "cifar"], r"which spaces of 'cifar': give --widths and --resolutions"),
        ([*SRAM, "--widths", "1", "--resolutions", "4"], r"resolution 4 of 'mcunet-1' is used up before block"),
        (["--max-latency-ms", "5"], r"--max-latency-ms and --table belong together: give both, or neither"),
        (["--max-latency-ms", "5", "--table", "nowhere.json"], r"nowhere\.json cannot be read"),
        ([*SMALL, "--max-activation-bytes", "9"], r"takes at most 9 bytes .*: raise the limit, or try smaller widths"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(arguments: list[str], message: str) -> None:
    assert_refused(CliRunner().invoke(main, ["design", *arguments]), message)
