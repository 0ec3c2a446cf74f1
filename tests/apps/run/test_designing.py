"""The size of a space, chosen before it is searched."""

import json
from pathlib import Path

import pytest
import torch
from attrs import evolve
from click.testing import CliRunner
from PIL import Image

import pnas_apps.steps.table
from command_line import assert_refused
from pnas_apps.cli.presets import read_preset
from pnas_apps.ground.progress import Reporter
from pnas_apps.run.asked_sizes import AskedSizes
from pnas_apps.run.designing import Designer
from pnas_apps.run.preset import ImagePreset, structure_preset
from pnas_apps.run.run_folder import RunFolder
from pnas_cifar10.cli import PRESETS, main
from pnas_cifar10.tasks import SPACES
from pnas_latency import Budget, Limit, SpaceDesign, design_spaces, peak_activation_bytes
from pnas_ops import Architecture, cifar_mbconv_space, load_json
from tables import DEVICE, uniform_table

INT8 = evolve(DEVICE, dtype="int8")
SIZES = AskedSizes(widths=(0.5, 1.0), resolutions=(16, 32))
PRESET = structure_preset(read_preset("cpu", PRESETS) | {"blocks_per_stage": 1}, "cpu", ImagePreset)
SHORT = ["--search-warmup-epochs", "1", "--search-epochs", "1", "--train-epochs", "2", "--compare", "0"]
FEW = ["--validation-share", "0.5", "--search-arch-interval", "1", "--batch-size", "8"]
SMALL = ["--blocks-per-stage", "1"]
LIMIT = ["--max-macs", "1e6"]
DESIGN = ["--design", "--design-widths", "0.5,1", "--design-resolutions", "16,32"]


def test_the_size_is_that_whose_nets_compute_most_within_the_limits(reporter: Reporter) -> None:
    budget = Budget(peak_activation_bytes=40_000, latency_ms=1.0)
    preset, space, design = Designer(spaces=SPACES, sizes=SIZES).choose(
        PRESET, classes=7, budget=budget, device=INT8, seed=5, reporter=reporter
    )
    spaces = [
        cifar_mbconv_space(width, blocks_per_stage=1, classes=7, resolution=resolution)
        for width in (0.5, 1.0)
        for resolution in (16, 32)
    ]
    limits = [Limit(metric=peak_activation_bytes("int8"), at_most=40_000)]
    assert design == design_spaces(spaces, limits, seed=5)
    assert space == spaces[design.best]
    assert preset == evolve(PRESET, width_mult=[0.5, 0.5, 1.0, 1.0][design.best], resolution=space.resolution)


def test_sizes_that_nobody_names_are_shares_of_the_preset_s() -> None:
    assert AskedSizes(widths=(1.0,)).pairs(32) == [(1.0, 16), (1.0, 24), (1.0, 32)]
    assert {width for width, _ in AskedSizes().pairs(32)} == {0.5, 0.75, 1.0, 1.25, 1.5, 2.0}
    assert AskedSizes(resolutions=(9,)).pairs(32)[0] == (0.5, 9)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """32 to train with and 8 to judge by, of two classes."""
    generator = torch.Generator().manual_seed(0)
    for split, count in (("train", 16), ("test", 4)):
        for name, brightness in (("dark", 20), ("light", 160)):
            (tmp_path / "data" / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = torch.randint(60, (32, 32, 3), generator=generator) + brightness
                image = Image.fromarray(pixels.to(torch.uint8).numpy())
                image.save(tmp_path / "data" / split / name / f"{number}.png")
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--design"], r"--design compares spaces within limits that need no table, .*: give --max-activation-bytes, "),
        (["--design", "--target-latency-ms", "1"], r"--design compares spaces within limits that need no table"),
        ([*DESIGN, "--width-mult", "1"], r"--width-mult is chosen by --design: leave out one of the two"),
        (DESIGN[1:], r"have no effect without --design: add --design"),
        (["--design", *LIMIT, "--space", "SPACE"], r"has its own size: leave out --design, or name a"),
        (["--design", *LIMIT, "--space", "cifr"], r"there is no space 'cifr': name one of cifar, "),
        (["--design", *LIMIT, "--design-resolutions", "2"], r"2 of .* is used up .*: name other --design-resolutions"),
        (
            ["--design", "--max-activation-bytes", "1e6", "--space", "nas-bench-201"],
            r"peak_activation_bytes_float32 of 'nas-bench-201-0.5-3' is not known edge by edge: leave out this limit",
        ),
    ],
)
def test_what_leaves_nothing_to_choose_is_refused_before_any_image_is_read(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    if "SPACE" in arguments:
        path = tmp_path / "space.json"
        path.write_text(CliRunner().invoke(main, ["space", "cifar", "--classes", "2"]).output)
        arguments = [str(path) if one == "SPACE" else one for one in arguments]
    (tmp_path / "no images").mkdir()
    given = ["search", "--data-dir", str(tmp_path / "no images"), "--run-dir", str(tmp_path / "run"), *arguments]
    assert_refused(CliRunner().invoke(main, given), message)
    assert not (tmp_path / "run").exists()


def test_limits_that_no_net_keeps_are_refused_before_anything_is_written(pictures: Path, tmp_path: Path) -> None:
    given = ["search", "--data-dir", str(pictures), "--run-dir", str(tmp_path / "run"), *FEW, *DESIGN, *SMALL]
    result = CliRunner().invoke(main, [*given, "--max-activation-bytes", "9"])
    assert_refused(result, r"none of the 1000 nets drawn of each of 4 spaces takes at most 9")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_chooses_its_space_keeps_what_it_was_chosen_from_and_ships_within_the_limit(
    pictures: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        pnas_apps.steps.table,
        "cached_table",
        lambda device, space, *_, **__: evolve(uniform_table(space, 0.01), device=device.info),
    )
    run = RunFolder(tmp_path / "run")
    given = ["--data-dir", str(pictures), "--run-dir", str(run.path), "--cache-dir", str(tmp_path / "cache")]
    given += ["--dtype", "int8", "--max-activation-bytes", "40000", *DESIGN, *SHORT, *FEW, *SMALL]
    result = CliRunner().invoke(main, ["search", *given])
    assert result.exit_code == 0, result.output
    assert "Best space: " in capfd.readouterr().out

    settings, design = run.read_settings(), load_json(run.design, SpaceDesign)
    best = design.outlooks[design.best]
    assert (settings.space.name, settings.preset.resolution) == (best.name, best.resolution)
    assert settings.preset.width_mult in (0.5, 1.0)
    assert peak_activation_bytes("int8").of(load_json(run.architecture, Architecture)) <= 40_000

    # The same command goes on with the space that it has chosen before.
    result = CliRunner().invoke(main, ["run", *given])
    assert result.exit_code == 0, result.output
    assert "going on with" in capfd.readouterr().out
    assert run.read_settings() == settings
    assert load_json(run.design, SpaceDesign) == design
    assert "Best space: " in run.report.read_text()
    limits = json.loads(run.results.read_text())["limits"]
    (shipped,) = (one["shipped"] for one in limits if one["name"] == "peak_activation_bytes_int8")
    assert shipped <= 40_000
