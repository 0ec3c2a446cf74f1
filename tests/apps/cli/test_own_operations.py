"""Spaces in files, operations of one's own and costs of one's own, as a command line takes them."""

import json
import re
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve
from click.testing import CliRunner

import ghost_operations
import pnas_apps.steps.table
from ghost_operations import GhostSpec
from pnas_apps.cli.presets import read_preset
from pnas_apps.cli.space_options import preset_and_space
from pnas_apps.devices.cached_tables import _file_name
from pnas_apps.ground.cache import Cache
from pnas_apps.ground.errors import UserError
from pnas_apps.run.operations import given_operations, operations_of_run
from pnas_apps.run.preset import ImagePreset
from pnas_apps.run.space_files import read_space_file
from pnas_cifar10.cli import PRESETS, main
from pnas_latency import Device, LatencyTable
from pnas_ops import (
    Architecture,
    Space,
    UnknownOperationError,
    build_network,
    cifar_mbconv_space,
    digits_mbconv_space,
    from_json,
    load_json,
    load_operations,
    load_space,
    load_weights,
    own_operations,
    parse_json,
    read_weights,
    to_json,
)
from tables import uniform_table

OPS = Path(ghost_operations.__file__)
SMALL = digits_mbconv_space(0.5, blocks_per_stage=1)
CPU = torch.device("cpu")
SPACE = evolve(SMALL, name="mine", candidates=(GhostSpec(), *SMALL.candidates))
INFO = uniform_table(SMALL).device


@pytest.fixture
def space(tmp_path: Path) -> Path:
    path = tmp_path / "mine.json"
    path.write_text(to_json(SPACE))
    return path


def said(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(map(str, arguments)))
    return result.exit_code, result.output


def test_a_named_space_is_printed_and_read_again(tmp_path: Path) -> None:
    code, text = said("space", "digits", "--width-mult", 0.5, "--blocks-per-stage", 1)
    (tmp_path / "space.json").write_text(text)
    assert (code, load_space(tmp_path / "space.json")) == (0, SMALL)
    assert said("space", tmp_path / "space.json") == (0, text)


def test_a_space_of_own_operations_is_read_with_their_file(space: Path, tmp_path: Path) -> None:
    code, text = said("space", space, "--ops", OPS)
    assert (code, text) == (0, to_json(SPACE))
    code, text = said("space", space)
    assert code == 1
    assert "not known here: 'Ghost': give the file that defines them with --ops" in text


def test_toml_says_the_same(tmp_path: Path) -> None:
    document = parse_json(to_json(SMALL))

    def in_toml(value: object) -> str:
        match value:
            case dict():
                return "{" + ", ".join(f"{name} = {in_toml(one)}" for name, one in value.items()) + "}"
            case list():
                return "[" + ", ".join(map(in_toml, value)) + "]"
        return json.dumps(value)

    path = tmp_path / "space.toml"
    path.write_text("".join(f"{name} = {in_toml(value)}\n" for name, value in document.items()))
    assert read_space_file(path) == SMALL
    path.write_text("name = \n")
    with pytest.raises(UserError, match=r"space\.toml is not a TOML file .*: fix it, or start from what"):
        read_space_file(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depth": 3}, r"mine\.json: extra fields found \(depth\) @ SearchSpace: fix it, or start from what"),
        ({"resolution": 1}, r"mine\.json: resolution 1 of 'mine' is used up"),
        ({"schema": "Table"}, r"holds Table version 1, expected SearchSpace version 1"),
    ],
)
def test_a_space_that_is_none_is_refused_by_its_file(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(parse_json(to_json(evolve(SMALL, name="mine"))) | change))
    with pytest.raises(UserError, match=message) as caught:
        read_space_file(path)
    assert "\n" not in str(caught.value)


def test_a_space_in_a_file_brings_its_size(space: Path) -> None:
    plain = read_preset("cpu", PRESETS)
    with own_operations(GhostSpec):
        preset, found = preset_and_space(plain, {"preset__space": str(space)}, "cpu", ImagePreset, CPU)
        assert (found, preset.resolution, preset.space) == (SPACE, SPACE.resolution, str(space))
        with pytest.raises(UserError, match="has its own size: leave out --resolution, --width-mult, or edit"):
            flags = {"preset__space": str(space), "preset__resolution": 16, "preset__width_mult": 0.5}
            preset_and_space(plain, flags, "cpu", ImagePreset, CPU)
        with pytest.raises(UserError, match=r"has resolution 32, the space in .* 16: set resolution to 16"):
            preset_and_space(plain | {"space": str(space)}, {}, "cpu", ImagePreset, CPU)
    assert preset_and_space(plain, {}, "cpu", ImagePreset, CPU)[1] is None


def test_the_code_in_a_runs_folder_runs_only_where_its_user_has_named_it(tmp_path: Path) -> None:
    run, cache, text = tmp_path / "run", Cache(tmp_path / "cache"), to_json(SPACE)
    run.mkdir()
    kept = run / "operations.py"
    shutil.copy(OPS, kept)
    ran = tmp_path / "ran"
    kept.write_text(kept.read_text() + f"\nfrom pathlib import Path\nPath({str(ran)!r}).touch()\n")

    opened = partial(operations_of_run, run, cache=cache)
    with pytest.raises(UserError, match=r"reading them executes .*operations\.py, .*add --ops"), opened(given=None):
        raise AssertionError
    assert not ran.exists()
    with pytest.raises(UserError, match=r"is not the file .* was started with"), opened(given=OPS):
        raise AssertionError
    for given in (kept, None):
        with opened(given=given):
            assert from_json(text, type(SPACE)).name == "mine"
    assert ran.exists()
    with pytest.raises(UnknownOperationError):
        from_json(text, type(SPACE))

    kept.write_text(kept.read_text() + "# changed\n")
    with pytest.raises(UserError, match="never given with --ops here"), opened(given=None):
        raise AssertionError
    kept.unlink()
    with pytest.raises(UserError, match="was started without --ops: leave it out"), opened(given=OPS):
        raise AssertionError


def test_other_code_has_another_table_in_the_cache(tmp_path: Path) -> None:
    changed = tmp_path / "ops.py"
    names = {_file_name(INFO, SMALL)}
    for text in (OPS.read_text(), OPS.read_text() + "# other\n", OPS.read_text()):
        changed.write_text(text)
        with given_operations(changed, Cache(tmp_path)):
            (spec,) = load_operations(changed)
            names.add(_file_name(INFO, evolve(SMALL, candidates=(spec(),))))
    assert len(names) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ops", OPS], "uses no operation of .*: use them in a space of your own, given as --space FILE"),
        (["--ops", "none.py"], r"none\.py cannot be read \(No such file or directory\): name a Python file"),
        (["--space", "none.json"], r"there is no file none\.json: name a space's file"),
        (["--max", "energy=3"], "--max energy=3: write a name that ends in its unit"),
        (["--max", "energy_mj=0"], "--max energy_mj must be a number above 0"),
        (["--max", "latency_ms=3"], "that is --target-latency-ms"),
        (["--max", "energy_mj=3", "--max", "energy_mj=4"], "--max names energy_mj twice"),
        (
            ["--max", "energy_mj=3"],
            "the latency table does not have energy_mj for all blocks: add --metric energy_mj=COMMAND",
        ),
        (["--metric", "energy_mj=true {model}"], "has no effect without a limit: add --max energy_mj=NUMBER"),
        (["--metric", "energy_mj=true"], "lacks {model}: write it where"),
        (["--metric", "energy_mj=no-meter {model}"], "there is no program 'no-meter' here"),
    ],
    ids=str,
)
def test_what_is_of_no_use_is_refused_and_leaves_no_folder(
    arguments: list[object], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, text = said("demo", "--run-dir", tmp_path / "run", "--cache-dir", tmp_path / "cache", *arguments)
    assert code == 1
    assert re.search(message, " ".join(text.split())), text
    assert not (tmp_path / "run").exists()


def test_a_run_with_operations_of_ones_own_is_searched_and_trained(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, cache = tmp_path / "run", tmp_path / "cache"
    plain = cifar_mbconv_space(0.25, classes=2, resolution=8, blocks_per_stage=1)
    space = evolve(plain, name="mine", candidates=(GhostSpec(kernel_size=5),))
    (tmp_path / "mine.json").write_text(to_json(space))

    def cached_table(device: Device, space: Space, *others: object, build: object) -> LatencyTable:
        return evolve(uniform_table(space), device=device.info)

    monkeypatch.setattr(pnas_apps.steps.table, "cached_table", cached_table)
    given = ["--data-dir", image_folder, "--run-dir", run, "--cache-dir", cache, "--space", tmp_path / "mine.json"]
    short = ["--search-warmup-epochs", 1, "--search-epochs", 1, "--train-epochs", 2]
    few = ["--validation-share", 0.5, "--search-arch-interval", 1, "--batch-size", 4]
    code, text = said("search", *given, "--ops", OPS, *short, *few)
    assert code == 0, text
    assert (run / "operations.py").read_bytes() == OPS.read_bytes()
    # The file in the run's folder is known here by now.
    code, text = said("train", run, "--cache-dir", cache)
    assert code == 0, text
    with own_operations(GhostSpec):
        net = load_json(run / "networks" / "searched" / "architecture.json", Architecture)
        assert GhostSpec(kernel_size=5) in {block.op for block in net.blocks}
        weights = read_weights(run / "networks" / "searched" / "weights.safetensors")
        load_weights(build_network(net), run / "networks" / "searched" / "weights.safetensors")
    assert any(name.endswith(".scale") for name in weights)
    code, text = said("train", run, "--cache-dir", tmp_path / "another")
    assert code == 1
    assert "which was never given with --ops here" in text
