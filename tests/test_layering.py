"""Who may import whom, and that imports do nothing."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {path.name: path for path in sorted(ROOT.glob("packages/*/src/*")) if path.is_dir()}
APPS = {path.name: path for path in sorted(ROOT.glob("apps/*/src/*")) if path.is_dir()}
MAY_IMPORT = {
    "pnas_ops": set(),
    "pnas_supernet": {"pnas_ops"},
    "pnas_latency": {"pnas_ops"},
    "pnas_export": {"pnas_ops"},
}
WINGS = {
    "pnas_ops": ("data", "files", "modules", "timing", "original", "nets", "exploring", "drawing"),
    "pnas_supernet": ("gates", "replaying", "searching", "spaces", "running", "judging", "drawing"),
    "pnas_latency": ("metrics", "tables", "objectives", "choosing", "controlling", "devices", "drawing"),
    "pnas_export": (
        "ground",
        "runtimes",
        "converting",
        "quantizing",
        "blocks",
        "timing",
        "devices",
        "proving",
        "bundles",
    ),
    "pnas_apps": ("ground", "images", "training", "photos", "run", "devices", "showing", "steps", "exploring", "cli"),
}
"""From the ground up: each imports from those before it, and from lower packages."""


def test_every_package_has_its_layer() -> None:
    assert PACKAGES.keys() == MAY_IMPORT.keys()
    assert APPS


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_only_the_layer_below(package: str) -> None:
    ours = _imports(PACKAGES[package]) & (PACKAGES.keys() | APPS.keys())
    assert ours - {package} <= MAY_IMPORT[package]


@pytest.mark.parametrize("package", WINGS)
def test_a_package_holds_its_wings_and_nothing_else(package: str) -> None:
    folder = (PACKAGES | APPS)[package]
    found = {entry.name for entry in folder.iterdir()} - {"__pycache__"}
    assert found == {*WINGS[package], "__init__.py", "py.typed"}


@pytest.mark.parametrize(("package", "wing"), [(package, wing) for package in WINGS for wing in WINGS[package]])
def test_a_wing_says_what_it_is_and_imports_those_before_it(package: str, wing: str) -> None:
    folder = (PACKAGES | APPS)[package] / wing
    statements = ast.parse((folder / "__init__.py").read_text(encoding="utf-8")).body
    assert len(statements) == 1
    assert ast.get_docstring(ast.Module(body=statements, type_ignores=[]))

    order = WINGS[package]
    own = {name.split(".")[1] if "." in name else "" for name in _imported(folder) if name.split(".")[0] == package}
    assert own <= {*order[: order.index(wing) + 1]}


@pytest.mark.parametrize("package", WINGS)
def test_the_tests_mirror_the_wings(package: str) -> None:
    folders = {entry.name for entry in (ROOT / "tests" / package.removeprefix("pnas_")).iterdir() if entry.is_dir()}
    assert folders - {"__pycache__"} <= {*WINGS[package]}


@pytest.mark.parametrize("package", PACKAGES | APPS)
def test_declares_what_it_imports(package: str) -> None:
    folder = (PACKAGES | APPS)[package]
    project = tomllib.loads((folder.parents[1] / "pyproject.toml").read_text())["project"]
    extras = project.get("optional-dependencies", {}).values()
    requirements = [*project["dependencies"], *(requirement for extra in extras for requirement in extra)]
    declared = {_normalize(re.split(r"[^\w.-]", requirement, maxsplit=1)[0]) for requirement in requirements}
    distributions = packages_distributions()

    foreign = _imports(folder) - sys.stdlib_module_names - {package}
    undeclared = {name for name in foreign if not declared & set(map(_normalize, distributions.get(name, [name])))}

    assert undeclared == set()


def test_importing_them_does_nothing(tmp_path: Path) -> None:
    imports = "\n".join(f"import {package}; assert dict(os.environ) == before, '{package}'" for package in PACKAGES)
    code = f"import os; before = dict(os.environ)\n{imports}"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def _imports(folder: Path) -> set[str]:
    """The top-level names of all modules that the files of `folder` import, wherever they do."""
    return {name.split(".")[0] for name in _imported(folder)}


def _imported(folder: Path) -> set[str]:
    """All modules that the files of `folder` import, wherever they do."""
    found: set[str] = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file} imports relatively"
                found.add(node.module or "")
    return found


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
