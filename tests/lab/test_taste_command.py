"""What devices like, as users of the program see it."""

import json
from pathlib import Path

import pytest
from attrs import evolve
from click.testing import CliRunner

from command_line import assert_refused
from pnas_lab.cli import main
from pnas_latency import LatencyTable, taste_of, taste_sentences, write_proxylessnas_yaml
from pnas_ops import ClassifierSpec, digits_mbconv_space
from tables import uniform_table


def printed_by(capfd: pytest.CaptureFixture[str], *arguments: object) -> str:
    capfd.readouterr()
    result = CliRunner().invoke(main, ["taste", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return capfd.readouterr().out


def _of(latency_ms: float) -> LatencyTable:
    """Without the end of a net, for which the YAML files have no key."""
    table = uniform_table(digits_mbconv_space(blocks_per_stage=1), latency_ms)
    blocks = (one for one in table.entries if not isinstance(one.workload.block.op, ClassifierSpec))
    return evolve(table, entries=tuple(blocks))


@pytest.fixture
def tables(tmp_path: Path) -> list[Path]:
    """One in either form."""
    _of(1.0).save(tmp_path / "slow.json")
    write_proxylessnas_yaml(_of(0.5), tmp_path / "fast.yaml")
    return [tmp_path / "slow.json", tmp_path / "fast.yaml"]


def test_devices_stand_side_by_side_with_what_their_tables_say(
    tables: list[Path], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    taste = taste_of(_of(1.0), name="slow")
    printed = printed_by(capfd, *tables, "--picture", tmp_path / "taste.png")
    words = " ".join(printed.split())
    assert all(" ".join(sentence.split()) in words for sentence in taste_sentences([taste]))
    speed = taste.macs_per_ms / 1e6
    assert f"all blocks {speed:.3g} {2 * speed:.3g}" in words
    assert "proxyless_gpu" in printed
    for name in ("taste.png", "taste-nets.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_the_json_has_every_block_with_units(tables: list[Path], capfd: pytest.CaptureFixture[str]) -> None:
    slow, fast = json.loads(printed_by(capfd, *tables, "--json"))
    assert (slow["name"], fast["name"]) == ("slow", "fast")
    assert fast["macs_per_ms"] == pytest.approx(2 * slow["macs_per_ms"])
    for one in (slow, fast):
        speed = sum(block["macs"] for block in one["blocks"]) / sum(block["latency_ms"] for block in one["blocks"])
        assert one["macs_per_ms"] == pytest.approx(speed)


def test_two_tables_of_one_name_are_told_apart_by_their_folders(
    tables: list[Path], capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "slow.json"
    other.write_text(tables[0].read_text())
    names = [one["name"] for one in json.loads(printed_by(capfd, tables[0], other, "--json"))]
    assert names == [str(tables[0]), str(other)]


def test_what_is_no_table_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("- 1\n")
    (tmp_path / "text.json").write_text("text")
    for path, message in {
        "nowhere.json": r"nowhere\.json cannot be read",
        "nowhere.yaml": r"there is no file nowhere\.yaml: name another table",
        str(tmp_path / "list.yaml"): r"list\.yaml",
        str(tmp_path / "text.json"): r"text\.json: not JSON",
    }.items():
        assert_refused(CliRunner().invoke(main, ["taste", path]), message)
