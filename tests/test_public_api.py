"""The public names of the packages: documented, grouped, shadowing nothing, and cheap to import."""

import ast
import builtins
import importlib
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {path.name: path for path in sorted(ROOT.glob("packages/*/src/*")) if path.is_dir()}
STANDARD = (
    "collections",
    "collections.abc",
    "contextlib",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "itertools",
    "math",
    "pathlib",
    "typing",
)
"""Modules whose names people import by themselves."""
HEAVY = (
    "ai_edge_litert",
    "ai_edge_quantizer",
    "jax",
    "litert_torch",
    "matplotlib",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "scipy",
    "tflite_runtime",
    "torchvision",
)
"""What an import of ours does not pay for."""


@pytest.mark.parametrize("package", PACKAGES)
def test_all_lists_each_imported_name_once(package: str) -> None:
    body = ast.parse((PACKAGES[package] / "__init__.py").read_text(encoding="utf-8")).body
    imported = [
        alias.asname or alias.name
        for statement in body
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").split(".")[0] == package
        for alias in statement.names
    ]
    names = importlib.import_module(package).__all__
    assert sorted(names) == sorted([*imported, "__version__"])


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_documented(package: str) -> None:
    pages = [PACKAGES[package].parents[1] / "README.md", *sorted(ROOT.glob("docs/*.md"))]
    texts = [page.read_text(encoding="utf-8") for page in pages]
    examples = "\n".join(code for text in texts for code in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S))
    prose = [re.sub(r"^```.*?^```", "", text, flags=re.M | re.S) for text in texts]
    # One line at most between two backticks, so that a lone one does not turn the page inside out.
    quoted = [code for text in prose for code in re.findall(r"`([^`\n]+)`", text)]
    undocumented = [
        name
        for name in importlib.import_module(package).__all__
        if not any(re.match(rf"{name}([(.\[]|$)", code) for code in quoted)
        and re.search(rf"\b{name}\b", examples) is None
    ]
    assert undocumented == []


@pytest.mark.parametrize("package", PACKAGES)
def test_a_star_import_works_and_shadows_nothing(package: str) -> None:
    taken = {*dir(builtins), *sys.stdlib_module_names}
    for module in STANDARD:
        taken |= _public(importlib.import_module(module))
    namespace: dict[str, object] = {}
    exec(f"from {package} import *", namespace)
    assert importlib.import_module(package).__all__
    assert {*importlib.import_module(package).__all__} <= namespace.keys()
    assert {*importlib.import_module(package).__all__} & taken == set()


def test_two_packages_give_no_name_two_meanings() -> None:
    meanings: dict[str, object] = {}
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in {*module.__all__} - {"__version__"}:
            assert meanings.setdefault(name, getattr(module, name)) is getattr(module, name), name


def test_importing_them_leaves_the_heavy_libraries_alone() -> None:
    imports = "\n".join(
        f"import {package}; heavy |= {{('{package}', name) for name in {HEAVY} if name in sys.modules}}"
        for package in PACKAGES
    )
    code = f"import sys; heavy = set()\n{imports}\nprint(sorted(heavy))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_version_is_that_of_the_distribution() -> None:
    for package, folder in PACKAGES.items():
        project = (folder.parents[1] / "pyproject.toml").read_text(encoding="utf-8")
        (version,) = re.findall(r'^version = "(.*)"$', project, re.M)
        assert importlib.import_module(package).__version__ == version


def _public(module: ModuleType) -> set[str]:
    return {*getattr(module, "__all__", [name for name in dir(module) if not name.startswith("_")])}


def test_every_name_in_a_docstring_or_a_document_is_there() -> None:
    mentioned: dict[str, Path] = {}
    texts = ("packages/**/*.py", "apps/**/*.py", "*.md", "packages/*/README.md", "apps/*/README.md")
    for path in (path for pattern in texts for path in ROOT.glob(pattern)):
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"`(pnas_(?:ops|supernet|latency|export|apps)(?:\.[A-Za-z_]+)+)", text):
            mentioned[name] = path
    assert mentioned
    assert {name: path for name, path in mentioned.items() if not is_there(name)} == {}


def is_there(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    found: object = importlib.import_module(name.split(".")[0])
    place = name.split(".")[0]
    for part in name.split(".")[1:]:
        place = f"{place}.{part}"
        if not hasattr(found, part):
            if importlib.util.find_spec(place) is None:
                return False
            importlib.import_module(place)
        found = getattr(found, part)
    return True
