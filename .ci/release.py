"""Makes what a release uploads, sdist and wheel of each package, and runs each README's Python on its wheel alone.

CI runs it as it is, a release as `release.py --tag v0.1.0 --out dist`; only the upload is missing from it.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("pnas-ops", "pnas-supernet", "pnas-latency", "pnas-export")
"""Those that are published; a package stands after those that it needs."""

RUN_EXAMPLES = "import json, sys\nfor example in json.load(sys.stdin): exec(compile(example, 'README.md', 'exec'), {})"


def main() -> None:
    """Checks the tag, builds, checks what was built, and tries each wheel alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tag", help="the release, v and the version of every package; without it, none is checked")
    parser.add_argument("--out", type=Path, help="where the files stay, a folder a package (default: nowhere)")
    options = parser.parse_args()
    url = repository_url()
    if options.tag is not None:
        check_tag(options.tag, url)
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        out = (options.out or scratch / "dist").absolute()
        if out.exists() and any(out.iterdir()):
            sys.exit(f"{options.out} holds files already, which would be uploaded too: empty it")
        for package in PACKAGES:
            build(package, out / package, scratch, url, options.tag or "HEAD")
        twine = ("run", "--isolated", "--only-group", "release", "twine")
        uv(*twine, "check", "--strict", *sorted(out.glob("*/pnas_*")))
        try_wheels({package: next((out / package).glob("*.whl")) for package in PACKAGES}, scratch)


def check_tag(tag: str, url: str | None) -> None:
    """Stops where the tag is not every package's version, the changelog lacks it, or the repository is unknown."""
    for package in PACKAGES:
        if tag != (expected := f"v{project(package)['version']}"):
            sys.exit(f"the tag is {tag}, but {package} is {expected}: write the version into its pyproject.toml")
    if f"\n## {tag.removeprefix('v')}\n" not in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"):
        sys.exit(f'CHANGELOG.md has no heading "## {tag.removeprefix("v")}": rename its "## Unreleased"')
    if url is None:
        sys.exit("no repository to link to: set GITHUB_SERVER_URL and GITHUB_REPOSITORY, or add a git remote")


def build(package: str, out: Path, scratch: Path, url: str | None, tag: str) -> None:
    """Builds the sdist, and the wheel from it, of a copy that knows the repository's URL."""
    copy = scratch / "sources" / package
    listed = ("git", "ls-files", "--cached", "--others", "--exclude-standard")
    place = ROOT / "packages" / package
    names = subprocess.run(listed, cwd=place, check=True, capture_output=True, text=True).stdout.splitlines()
    for file in (place / name for name in names if (place / name).is_file()):
        target = copy / file.relative_to(place)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    readme = (place / "README.md").read_text(encoding="utf-8")
    (copy / "README.md").write_text(page(readme, package, url, tag), encoding="utf-8")
    if url is not None:
        with (copy / "pyproject.toml").open("a", encoding="utf-8") as written:
            written.write(f'\n[project.urls]\nRepository = "{url}"\nChangelog = "{url}/blob/{tag}/CHANGELOG.md"\n')
    uv("build", "--out-dir", out, copy)
    check_contents(package, out)


def page(readme: str, package: str, url: str | None, tag: str) -> str:
    """A README as it stands on PyPI, which knows neither the repository's files nor the headings as targets of links.

    Links to either become links to the repository at that tag, or their text where no repository is known.
    """

    def link(match: re.Match[str]) -> str:
        picture, text, target = match.groups()
        if re.match(r"[a-z]+:", target):
            return match.group()
        if url is None:
            return text
        path, _, anchor = target.partition("#")
        place = ROOT / "packages" / package
        name = os.path.normpath(place / path if path else place / "README.md")
        where = f"{url}/{'raw' if picture else 'blob'}/{tag}/{Path(name).relative_to(ROOT)}"
        return f"{picture}[{text}]({where}{'#' + anchor if anchor else ''})"

    blocks = re.split(r"^(```.*?^```)", readme, flags=re.M | re.S)
    blocks[::2] = [re.sub(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)", link, prose) for prose in blocks[::2]]
    return "".join(blocks)


def check_contents(package: str, out: Path) -> None:
    """Stops where one of the files that must be in both is missing."""
    (wheel,), (sdist,) = out.glob("*.whl"), out.glob("*.tar.gz")
    module, version = package.replace("-", "_"), project(package)["version"]
    with tarfile.open(sdist) as opened:
        held = set(opened.getnames())
    needed = {f"{module}-{version}/{name}" for name in ("LICENSE", "README.md", f"src/{module}/py.typed")}
    with zipfile.ZipFile(wheel) as zipped:
        held |= set(zipped.namelist())
    needed |= {f"{module}-{version}.dist-info/licenses/LICENSE", f"{module}/py.typed"}
    if missing := needed - held:
        sys.exit(f"{package} was built without {', '.join(sorted(missing))}")


def try_wheels(wheels: dict[str, Path], scratch: Path) -> None:
    """Runs each README's Python with its package, what it declares, and nothing else.

    One environment becomes exactly that of each package in turn, since most of a fresh one's time is torch compiled to
    bytecode again. Other people's packages have the lock's versions. Examples that draw get the extra that they need.
    """
    python, constraints = scratch / "environment" / "bin" / "python", scratch / "constraints.txt"
    (place := scratch / "run").mkdir()
    uv("export", "--all-packages", "--no-dev", "--no-hashes", "--no-emit-workspace", "--output-file", constraints)
    uv("venv", scratch / "environment", "--python", f"{sys.version_info.major}.{sys.version_info.minor}")
    for package in PACKAGES:
        drawing = [example for example in examples(package) if "draw_" in example]
        plain = [example for example in examples(package) if "draw_" not in example]
        for extra, run in (("", plain), ("[plot]", drawing)):
            if run:
                install(package, extra, wheels, constraints, python)
                # -I: neither this folder nor PYTHONPATH. One thread, since others run beside this.
                alone, given = os.environ | {"OMP_NUM_THREADS": "1"}, json.dumps(run)
                command = [python, "-I", "-c", RUN_EXAMPLES]
                subprocess.run(command, cwd=place, check=True, input=given, text=True, env=alone)
        print(f"{package}: its wheel works alone", flush=True)


def install(package: str, extra: str, wheels: dict[str, Path], constraints: Path, python: Path) -> None:
    """Makes an environment hold a wheel and what it needs; neighbours are the wheels beside it, whatever PyPI has."""
    needed = {name for name in PACKAGES if any(re.match(rf"{name}\b", one) for one in project(package)["dependencies"])}
    wanted = [f"{name}{extra if name == package else ''} @ {wheels[name].as_uri()}" for name in {package, *needed}]
    resolved = constraints.with_name("resolved.txt")
    uv("pip", "compile", "--python", python, "--constraints", constraints, "--output-file", resolved, "-", given=wanted)
    uv("pip", "sync", "--python", python, resolved)


def examples(package: str) -> list[str]:
    """The Python in a package's README, block by block."""
    text = (ROOT / "packages" / package / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)


def project(package: str) -> dict[str, Any]:
    """What a package says of itself."""
    file = ROOT / "packages" / package / "pyproject.toml"
    said: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
    return said


def repository_url() -> str | None:
    """The page of the repository, as GitHub's runners or git's remote tell it; None where neither does."""
    if "GITHUB_REPOSITORY" in os.environ:
        return f"{os.environ['GITHUB_SERVER_URL']}/{os.environ['GITHUB_REPOSITORY']}"
    command = ("git", "remote", "get-url", "origin")
    remote = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True).stdout.strip()
    return page_of(remote)


def page_of(remote: str) -> str | None:
    """The page of a git remote, without the user or token that may stand in it; None for a folder."""
    found = re.fullmatch(r"(?:https://|ssh://)?(?:[^@/]+@)?([\w.-]+\.\w+)[:/](.+?)(?:\.git)?/?", remote)
    return None if found is None else f"https://{found[1]}/{found[2]}"


def uv(*arguments: str | Path, given: list[str] | None = None) -> None:
    """Runs uv quietly, with lines on its standard input; stops where it fails."""
    text = None if given is None else "\n".join(given)
    subprocess.run(["uv", "--quiet", *arguments], cwd=ROOT, check=True, input=text, text=True)


if __name__ == "__main__":
    main()
