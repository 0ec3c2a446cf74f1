"""What the packages say of themselves, and what a release makes of it. None is built here: .ci/release.py does that."""

import importlib.util
import re
import tarfile
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {path.parent.name: path.parent for path in sorted(ROOT.glob("*/*/pyproject.toml"))}
PUBLISHED = {name for name, folder in FOLDERS.items() if folder.parent.name == "packages"}
PROJECTS: dict[str, dict[str, Any]] = {
    name: tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name, folder in FOLDERS.items()
}
VERSIONS = {project["name"]: project["version"] for project in PROJECTS.values()}


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_licence_is_the_workspaces(folder: str) -> None:
    project = PROJECTS[folder]
    assert (project["license"], project["license-files"]) == ("MIT", ["LICENSE"])
    licence = FOLDERS[folder] / "LICENSE"
    # An sdist keeps a link as a link, which then leads nowhere.
    assert not licence.is_symlink()
    assert licence.read_bytes() == (ROOT / "LICENSE").read_bytes()


@pytest.mark.parametrize("folder", FOLDERS)
def test_it_says_who_made_it_and_what_it_is_about(folder: str) -> None:
    project = PROJECTS[folder]
    assert project["authors"] == [{"name": "The PNAS authors"}]
    assert len(set(project["keywords"])) == len(project["keywords"]) >= 3
    assert (FOLDERS[folder] / project["readme"]).is_file()
    assert project["description"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_classifiers_name_what_ci_runs_and_nothing_else(folder: str) -> None:
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    (matrix,) = re.findall(r"python-version: \[(.*)\]", workflow)
    versions = re.findall(r'"([\d.]+)"', matrix)
    assert versions
    assert "runs-on: ubuntu-latest" in workflow
    named = [one for one in PROJECTS[folder]["classifiers"] if one.startswith(("Programming", "Operating"))]
    assert sorted(named) == [
        "Operating System :: POSIX :: Linux",
        *(f"Programming Language :: Python :: {version}" for version in versions),
    ]
    assert PROJECTS[folder]["requires-python"] == f">={versions[0]}"
    assert (ROOT / ".python-version").read_text(encoding="utf-8").strip() == versions[0]


@pytest.mark.parametrize("folder", FOLDERS)
def test_our_packages_are_bounded_by_the_next_one_that_may_break(folder: str) -> None:
    project = PROJECTS[folder]
    extras = project.get("optional-dependencies", {}).values()
    for requirement in [*project["dependencies"], *(one for extra in extras for one in extra)]:
        name = re.match(r"[\w-]+", requirement)
        assert name
        if name[0] in VERSIONS:
            major, minor, _ = VERSIONS[name[0]].split(".")
            bounds = re.sub(r"^[\w-]+(\[[\w,-]+\])?", "", requirement)
            assert bounds == f">={major}.{minor},<{major}.{int(minor) + 1}"


def test_all_have_one_version() -> None:
    assert len(set(VERSIONS.values())) == 1


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_packages_are_published_and_the_programs_refused(folder: str, release: ModuleType) -> None:
    refused = "Private :: Do Not Upload" in PROJECTS[folder]["classifiers"]
    assert refused is (folder not in PUBLISHED)
    assert {*release.PACKAGES} == PUBLISHED
    workflow = (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8")
    (matrix,) = re.findall(r"package: \[(.*)\]", workflow)
    assert matrix.split(", ") == [*release.PACKAGES]


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_address_is_made_up(folder: str) -> None:
    assert "urls" not in PROJECTS[folder]


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("https://example.org/who/what.git", "https://example.org/who/what"),
        ("https://example.org/who/what/", "https://example.org/who/what"),
        ("https://someone:secret@example.org/who/what", "https://example.org/who/what"),
        ("git@example.org:who/what.git", "https://example.org/who/what"),
        ("ssh://git@example.org/who/what.git", "https://example.org/who/what"),
        ("/home/someone/what", None),
        ("../what.git", None),
        ("", None),
    ],
)
def test_a_remote_becomes_a_page_without_secrets(remote: str, url: str | None, release: ModuleType) -> None:
    assert release.page_of(remote) == url


README = """[how](#how) [all](../../README.md#here) [code](src/x.py) [paper](https://arxiv.org/abs/1) ![seen](a.png)
```python
rows[0](../../README.md)
```
"""


def test_links_of_a_readme_lead_from_pypi_to_the_repository(release: ModuleType) -> None:
    url = "https://example.org/who/what"
    assert release.page(README, "pnas-ops", url, "v1.2.3").splitlines() == [
        f"[how]({url}/blob/v1.2.3/packages/pnas-ops/README.md#how) [all]({url}/blob/v1.2.3/README.md#here) "
        f"[code]({url}/blob/v1.2.3/packages/pnas-ops/src/x.py) [paper](https://arxiv.org/abs/1) "
        f"![seen]({url}/raw/v1.2.3/packages/pnas-ops/a.png)",
        *README.splitlines()[1:],
    ]


def test_without_a_repository_a_link_becomes_its_text(release: ModuleType) -> None:
    page = release.page(README, "pnas-ops", None, "HEAD")
    assert page.splitlines()[0] == "how all code [paper](https://arxiv.org/abs/1) seen"


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_links_of_a_readme_lead_somewhere(folder: str) -> None:
    readme = FOLDERS[folder] / "README.md"
    prose = re.sub(r"^```.*?^```", "", readme.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if not target.startswith("https://"):
            path, _, anchor = target.partition("#")
            file = readme.parent / path if path else readme
            assert file.exists(), target
            if anchor:
                headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.M)
                assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    ("tag", "url", "message"),
    [
        ("v9.9.9", "https://example.org/who/what", "the tag is v9.9.9, but pnas-ops is v0.1.0: write the version"),
        ("0.1.0", "https://example.org/who/what", "the tag is 0.1.0, but pnas-ops is v0.1.0"),
        ("v0.1.0", "https://example.org/who/what", 'CHANGELOG.md has no heading "## 0.1.0": rename'),
        ("v0.1.0", None, "no repository to link to: set GITHUB_SERVER_URL"),
    ],
)
def test_a_release_that_is_not_ready_is_refused(
    tag: str, url: str | None, message: str, release: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heading = "Unreleased" if "CHANGELOG" in message else "0.1.0"
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n## {heading}\n")
    monkeypatch.setattr(release, "project", lambda package: {"version": "0.1.0"})
    monkeypatch.setattr(release, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match=re.escape(message)):
        release.check_tag(tag, url)


def test_a_release_that_is_ready_passes(release: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 0.1.0\n")
    monkeypatch.setattr(release, "project", lambda package: {"version": "0.1.0"})
    monkeypatch.setattr(release, "ROOT", tmp_path)
    release.check_tag("v0.1.0", "https://example.org/who/what")


def test_a_wheel_or_sdist_without_the_licence_is_refused(release: ModuleType, tmp_path: Path) -> None:
    version = VERSIONS["pnas-ops"]
    module, about = "src/pnas_ops/py.typed", f"pnas_ops-{version}"
    inside = {
        "sdist": {f"{about}/{name}" for name in ("LICENSE", "README.md", module)},
        "wheel": {"pnas_ops/py.typed", f"{about}.dist-info/licenses/LICENSE"},
    }

    def built(left_out: str) -> Path:
        out = tmp_path / left_out.replace("/", "-")
        out.mkdir()
        with tarfile.open(out / f"{about}.tar.gz", "w:gz") as sdist:
            for name in inside["sdist"] - {left_out}:
                sdist.addfile(tarfile.TarInfo(name))
        with zipfile.ZipFile(out / f"{about}-py3-none-any.whl", "w") as wheel:
            for name in inside["wheel"] - {left_out}:
                wheel.writestr(name, "")
        return out

    release.check_contents("pnas-ops", built("nothing"))
    for name in inside["sdist"] | inside["wheel"]:
        with pytest.raises(SystemExit, match=f"pnas-ops was built without {name}"):
            release.check_contents("pnas-ops", built(name))


@pytest.fixture(scope="module")
def release() -> ModuleType:
    """The script that CI and a release run."""
    spec = importlib.util.spec_from_file_location("release", ROOT / ".ci/release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
