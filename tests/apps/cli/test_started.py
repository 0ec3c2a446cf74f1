"""A command that is printed works as it is pasted."""

import os
import subprocess
from pathlib import Path

import pytest

from pnas_apps.cli.started import as_started


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "my programs" / "pnas-own"
    path.parent.mkdir()
    path.write_text("#!/bin/sh\necho started\n")
    path.chmod(0o755)
    return path


def test_a_program_is_called_by_its_name_where_the_path_has_it(program: Path) -> None:
    environment = {"PATH": str(program.parent)}
    assert as_started("pnas-own", argv=[str(program)], environment=environment) == "pnas-own"


def test_a_program_that_the_path_lacks_is_called_by_its_own(program: Path) -> None:
    command = as_started("pnas-own", argv=[str(program)], environment={"PATH": os.defpath})
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout == "started\n"


def test_a_program_that_uv_has_started_is_started_by_uv_again(program: Path) -> None:
    environment = {"PATH": str(program.parent), "UV_RUN_RECURSION_DEPTH": "1"}
    assert as_started("pnas-own", argv=[str(program)], environment=environment) == "uv run pnas-own"
    assert as_started("python -m pnas_own", argv=["x.py"], environment=environment) == "uv run python -m pnas_own"


def test_a_module_is_called_as_one(tmp_path: Path) -> None:
    main = tmp_path / "__main__.py"
    main.touch()
    assert as_started("python -m pnas_own", argv=[str(main)], environment={"PATH": ""}) == "python -m pnas_own"
