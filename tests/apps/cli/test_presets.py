"""Presets, and the flags that change them."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from pnas_apps.cli.presets import Document, preset_flags, read_preset, with_flags
from pnas_apps.ground.errors import UserError
from pnas_apps.run.preset import ImagePreset, structure_preset
from pnas_cifar10.cli import PRESETS, main

SHIPPED = sorted(path.stem for path in PRESETS.glob("*.toml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_presets_are_complete_and_every_option_is_a_flag(name: str) -> None:
    options = read_preset(name, PRESETS)
    structure_preset(options, name, ImagePreset)
    help_text = CliRunner().invoke(main, ["run", "--help"]).output
    for key, value in options.items():
        for flag in [f"{key}-{inner}" for inner in value] if isinstance(value, dict) else [key]:
            assert f"--{flag.replace('_', '-')}" in help_text


def test_a_flag_changes_its_option_alone() -> None:
    search = {"lr": 0.5, "betas": [0.0, 0.9], "on": True}
    options: Document = {"a": 1, "search": search}

    @click.command()
    @preset_flags(options)
    def command(**flags: object) -> None:
        click.echo(with_flags(options, flags))

    def run(*arguments: str) -> str:
        return CliRunner().invoke(command, arguments).output.strip()

    assert run() == str(options)
    assert run("--search-lr", "0.25") == str(options | {"search": search | {"lr": 0.25}})
    assert run("--search-betas", "0.1", "0.2") == str(options | {"search": search | {"betas": [0.1, 0.2]}})
    assert run("--no-search-on") == str(options | {"search": search | {"on": False}})
    assert "'x' is not a valid integer" in CliRunner().invoke(command, ["--a", "x"]).output


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("colour = 1\n", r"extra fields found \(colour\) @ ImagePreset"),
        ("batch_size = 0\n", "batch_size"),
        ("validation_share = 1.5\n", "validation_share"),
    ],
)
def test_a_wrong_option_of_a_file_is_named(tmp_path: Path, change: str, message: str) -> None:
    key = change.split(" ")[0]
    lines = (PRESETS / "cpu.toml").read_text().splitlines(keepends=True)
    path = tmp_path / "mine.toml"
    path.write_text(change + "".join(line for line in lines if not line.startswith(key)))
    with pytest.raises(UserError, match=message):
        structure_preset(read_preset(str(path), PRESETS), "mine", ImagePreset)


def test_a_missing_preset_and_a_broken_file_are_named(tmp_path: Path) -> None:
    shipped = "cpu, digits, quick, tree-cpu, tree-paper"
    with pytest.raises(UserError, match=rf"no preset 'gpu': name one of {shipped}, or a file that ends in \.toml"):
        read_preset("gpu", PRESETS)
    path = tmp_path / "broken.toml"
    path.write_text("a = [")
    with pytest.raises(UserError, match=r"broken\.toml is not a TOML file"):
        read_preset(str(path), PRESETS)
    with pytest.raises(UserError, match="search must be a section of the preset, got 3"):
        with_flags({"search": 3}, {"search__epochs": 4})
