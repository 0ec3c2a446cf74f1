"""A command that is printed works as it is pasted."""

import os
import subprocess
from pathlib import Path

import pytest

from pnas_apps.cli.started import as_started


def script(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {path.parent.name} $*\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return script(tmp_path / "my programs" / "pnas-own")


@pytest.fixture
def python(tmp_path: Path) -> str:
    """An interpreter of a project that uv manages."""
    return str(script(tmp_path / "project" / ".venv" / "bin" / "python"))


def pasted(command: str) -> str:
    return subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout


def test_a_program_is_called_by_its_name_where_the_path_has_it(program: Path) -> None:
    environment = {"PATH": str(program.parent)}
    assert as_started("pnas-own", argv=[str(program)], environment=environment) == "pnas-own"


def test_a_program_that_the_path_lacks_is_called_by_its_own(program: Path) -> None:
    command = as_started("pnas-own", argv=[str(program)], environment={"PATH": os.defpath})
    assert pasted(command) == "my programs\n"


def test_a_program_of_which_the_path_has_another_is_called_by_its_own(program: Path, tmp_path: Path) -> None:
    other = script(tmp_path / "others" / "pnas-own")
    command = as_started("pnas-own", argv=[str(program)], environment={"PATH": str(other.parent)})
    assert pasted(command) == "my programs\n"


def test_a_program_in_the_working_directory_is_called_there(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(program.parent)
    assert as_started("pnas-own", argv=["./pnas-own"], environment={"PATH": os.defpath}) == "./pnas-own"


def test_a_program_behind_a_link_finds_those_beside_its_interpreter(program: Path, tmp_path: Path, python: str) -> None:
    link = tmp_path / "links" / "pnas-own"
    link.parent.mkdir()
    link.symlink_to(program)
    lab = script(Path(python).with_name("pnas-lab"))
    command = as_started("pnas-lab", argv=[str(link)], environment={"PATH": str(link.parent)}, python=python)
    assert command == str(lab)


def test_a_program_that_uv_has_started_is_started_by_uv_again_in_its_project_alone(
    python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = script(Path(python).with_name("pnas-own"))
    environment = {"PATH": str(program.parent), "UV_RUN_RECURSION_DEPTH": "1"}

    def started(name: str, first: str) -> str:
        return as_started(name, argv=[first], environment=environment, python=python)

    member = tmp_path / "project" / "apps"
    member.mkdir()
    monkeypatch.chdir(member)
    assert started("pnas-own", str(program)) == "uv run pnas-own"
    assert started("python -m pnas_own", "x.py") == "uv run python -m pnas_own"
    monkeypatch.chdir(tmp_path)  # as by `uv run --project`
    assert started("pnas-own", str(program)) == str(program)
    assert started("python -m pnas_own", "x.py") == f"{python} -m pnas_own"


def test_a_module_is_called_as_one_of_its_interpreter(tmp_path: Path, python: str) -> None:
    main = tmp_path / "__main__.py"
    main.touch()

    def started(path: str) -> str:
        return as_started("python -m pnas_own", argv=[str(main)], environment={"PATH": path}, python=python)

    assert started(str(Path(python).parent)) == "python -m pnas_own"
    assert pasted(started(os.defpath)) == "bin -m pnas_own\n"
