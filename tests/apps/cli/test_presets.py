"""Presets, and the flags that change them."""

import re
from pathlib import Path
from typing import cast

import click
import pytest
import torch
from attrs import evolve
from click.testing import CliRunner

import pnas_apps.run.preset
from pnas_apps.cli.app import App, Defaults
from pnas_apps.cli.presets import preset_flags, read_preset, with_flags
from pnas_apps.cli.space_options import preset_and_space
from pnas_apps.ground.errors import UserError
from pnas_apps.run.compare_config import CompareConfig
from pnas_apps.run.preset import ImagePreset, PhotoPreset, structure_preset
from pnas_apps.steps.effort import compare_passes, search_passes
from pnas_cifar10.cli import APP as CIFAR10
from pnas_cifar10.cli import PRESETS, main
from pnas_imagenet.cli import APP as IMAGENET
from pnas_supernet import Precision

SHIPPED = sorted(path.stem for path in PRESETS.glob("*.toml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_presets_are_complete_and_every_option_is_a_flag(name: str) -> None:
    options = read_preset(name, PRESETS)
    structure_preset(options, name, ImagePreset)
    help_text = CliRunner().invoke(main, ["run", "--help"]).output
    for key, value in options.items():
        for flag in [f"{key}-{inner}" for inner in value] if isinstance(value, dict) else [key]:
            # How many nets are compared says --compare.
            assert f"--{flag.removesuffix('-nets').replace('_', '-')} " in help_text


@pytest.mark.parametrize("app", [CIFAR10, IMAGENET], ids=["cifar10", "imagenet"])
def test_every_preset_takes_the_precision_that_the_device_is_fast_with(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast: dict[str, Precision] = {"cpu": "float32", "cuda": "bfloat16"}
    monkeypatch.setattr(pnas_apps.run.preset, "default_precision", lambda device: fast[device.type])
    for path in app.presets.glob("*.toml"):
        options = read_preset(path.stem, app.presets)
        for device, precision in fast.items():
            found = structure_preset(options, path.stem, app.preset_type(), device=torch.device(device))
            assert (found.search.precision, found.train.precision) == (precision, precision)
        flags = {"preset__search__precision": "float16"}
        chosen, _ = preset_and_space(options, flags, path.stem, app.preset_type(), torch.device("cuda"))
        assert (chosen.search.precision, chosen.train.precision) == ("float16", "bfloat16")


@pytest.mark.parametrize("app", [CIFAR10, IMAGENET], ids=["cifar10", "imagenet"])
def test_comparing_takes_no_more_passes_than_the_run_without_it(app: App) -> None:
    images = 50_000
    for path in app.presets.glob("*.toml"):
        preset = structure_preset(read_preset(path.stem, app.presets), path.stem, app.preset_type())
        held_out = getattr(preset, "validation_share", None) or cast(PhotoPreset, preset).validation_size
        weights = preset.search_share * images * (1 - held_out) if held_out < 1 else images - 0.04 * images
        others = search_passes(preset, images=images, weights=round(weights)) + preset.train.epochs
        assert 0 < compare_passes(preset) <= others, path.stem
        # Enough for a verdict.
        assert preset.compare.nets >= 2


def test_the_passes_of_a_search_are_its_looks_at_images() -> None:
    preset = structure_preset(read_preset("cpu", PRESETS), "cpu", ImagePreset)
    search = evolve(preset.search, warmup_epochs=2, epochs=3, arch_interval=4)
    preset = evolve(preset, batch_size=10, search=search, compare=CompareConfig(nets=3, epochs=7, seeds=2))
    # Five epochs of 80 images, and in three of them two batches of ten; of 100 images in all.
    assert search_passes(preset, images=100, weights=80) == (5 * 80 + 3 * 2 * 10) / 100
    assert compare_passes(preset) == (1 + 3 + 2 + 2) * 7 * 2
    assert compare_passes(evolve(preset, compare=CompareConfig())) == 0


def test_a_flag_changes_its_option_alone(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        "batch_size = 1\n[search]\nweight_lr = 0.5\nalpha_betas = [0.0, 0.9]\n[train]\nsync_batch_norm = true\n"
    )
    options = read_preset("own", tmp_path)
    search, train = options["search"], options["train"]

    @click.command()
    @preset_flags(Defaults(presets=tmp_path, preset="own", reads_photos=False))
    def command(**flags: object) -> None:
        click.echo(with_flags(options, flags))

    def run(*arguments: str) -> str:
        return CliRunner().invoke(command, arguments).output.strip()

    assert run() == str(options)
    assert run("--search-weight-lr", "0.25") == str(options | {"search": search | {"weight_lr": 0.25}})
    assert run("--search-alpha-betas", "0.1", "0.2") == str(options | {"search": search | {"alpha_betas": [0.1, 0.2]}})
    assert run("--no-train-sync-batch-norm") == str(options | {"train": train | {"sync_batch_norm": False}})
    assert "'x' is not a valid integer" in CliRunner().invoke(command, ["--batch-size", "x"]).output


def test_a_byte_order_mark_and_an_empty_file_are_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbfversion = 1\nbatch_size = 8\n")
    assert read_preset(str(path), PRESETS) == {"batch_size": 8}
    path.write_bytes(b"")
    assert read_preset(str(path), PRESETS) == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["--train-epochs", "5", "--train-warmup-epochs", "6"],
            "--train-warmup-epochs are the first of the --train-epochs .*: 6 of 5",
        ),
        (["--compare", "-1"], "'nets' must be a whole number from 0 to 1,000,000, got -1 in .compare.$"),
        (["--compare", "3", "--compare-epochs", "0"], "'epochs' must be at least 1 to compare with 3 nets, got 0"),
        (["--train-lr", "nan"], "--train-lr must be a number above 0 and at most 10000, got nan"),
        (["--search-alpha-betas", "0", "inf"], "--search-alpha-betas must be a number from 0 and below 1, got inf"),
        (["--search-epochs", "1" + "0" * 26], "--search-epochs must be a whole number from 1 to 1,000,000, got 1000"),
        (["--max-macs", "nan"], "--max-macs must be a number above 0 and at most 1e.18, got nan"),
        (["--max-weight-bytes", "1e26"], "--max-weight-bytes must be a number above 0"),
        (["--target-latency-ms", "0"], "--target-latency-ms must be a number above 0"),
        (["--threads", "1e26"], "--threads must be a whole number from 1 to 1,024, got 1e26"),
        (["--max-macs", "2,000,000"], "got 2,000,000: write it without commas, decimals after a point$"),
        (["--threads", "-1"], "--threads must be a whole number from 1 to 1,024, got -1"),
        (["--dtype", "int4"], r"'int4' is not one of 'float32', 'float16', 'bfloat16', 'int8' \(see .*demo --help\)"),
        (["--nope"], r"[Nn]o such option:? '?--nope.*\(see .*demo --help\)"),
    ],
)
def test_a_number_out_of_range_is_refused_in_one_line(given: list[str], message: str, tmp_path: Path) -> None:
    arguments = ["demo", "--run-dir", str(tmp_path / "run"), "--cache-dir", str(tmp_path / "cache"), *given]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code in (1, 2)
    assert re.match("error: .*" + message, result.stderr), result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "given",
    [["--width-mult", "1e9"], ["--width-mult", "1e308"], ["--classes", "999999999999"], ["--resolution", "99999"]],
)
def test_a_space_of_no_use_is_refused_before_it_is_made(given: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["table", str(tmp_path / "table.json"), *given])
    assert result.exit_code == 1
    assert re.fullmatch(
        rf"error: {given[0]} must be .* to [\d.,]+, got {given[1]}: give another number\n", result.stderr
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("colour = 1\n", r"extra fields found \(colour\)$"),
        ("batch_size = 0\n", "batch_size"),
        ("validation_share = 1.5\n", "'validation_share' must be a number from 0.0001 to 0.9999, got 1.5"),
        ("validation_share = 1e-9\n", "'validation_share' must be a number from 0.0001 to 0.9999, got 1e-09"),
        ("search_share = nan\n", "'search_share' must be a number from 0.0001 to 1, got nan"),
        ("width_mult = 1e308\n", "'width_mult' must be a number from 0.01 to 16, got 1e"),
        ("width_mult = inf\n", "'width_mult' must be a number"),
        ("width_mult = true\n", "needs a value of type float, got True"),
        ("resolution = 99999999999999999999\n", "'resolution' must be a whole number from 1 to 4,096"),
        ("search = 3\n", "search"),
        ("search = []\n", "search"),
    ],
)
def test_a_wrong_option_of_a_file_is_named(tmp_path: Path, change: str, message: str) -> None:
    options = read_preset("cpu", PRESETS)
    path = tmp_path / "mine.toml"
    path.write_text(change)
    options |= read_preset(str(path), PRESETS)
    with pytest.raises(UserError, match=message):
        structure_preset(options, "mine", ImagePreset)


def test_a_missing_preset_and_a_broken_file_are_named(tmp_path: Path) -> None:
    shipped = "cpu, digits, gpu, gpu-paper, quick, tree-cpu, tree-paper"
    with pytest.raises(UserError, match=rf"no preset 'tpu': name one of {shipped}, or a file that ends in \.toml"):
        read_preset("tpu", PRESETS)
    path = tmp_path / "broken.toml"
    for content in (b"a = [", b"\xff\xfe\x00", b"a = " + b"[" * 9999, b"a = " + b"9" * 9999, b"\x00"):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"broken\.toml is not a TOML file .*: fix it, or start from") as caught:
            read_preset(str(path), PRESETS)
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="search must be a section of the preset, got 3"):
        with_flags({"search": 3}, {"search__epochs": 4})
