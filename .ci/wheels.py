"""Builds every package's wheel, installs it alone in a fresh environment, and runs its README's example there."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("pnas-ops", "pnas-supernet", "pnas-latency", "pnas-export")


def uv(*arguments: str | Path, **options: object) -> None:
    """Runs uv quietly; raises where it fails."""
    subprocess.run(["uv", "--quiet", *arguments], cwd=ROOT, check=True, **options)


def example(package: str) -> str:
    """The Python in a package's README."""
    text = (ROOT / "packages" / package / "README.md").read_text(encoding="utf-8")
    return "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.M | re.S))


def main() -> None:
    """Tries each package; the versions of other people's packages are the lock's."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        constraints = scratch / "constraints.txt"
        uv("export", "--all-packages", "--no-hashes", "--no-emit-workspace", "--output-file", constraints)
        for package in PACKAGES:
            uv("build", "--wheel", "--package", package, "--out-dir", scratch / "wheels")
        for package in PACKAGES:
            environment, place = scratch / package, scratch / f"{package}-run"
            place.mkdir()
            uv("venv", environment, "--python", f"{sys.version_info.major}.{sys.version_info.minor}")
            python = environment / "bin" / "python"
            where = ("--python", python, "--find-links", scratch / "wheels", "--constraints", constraints)
            uv("pip", "install", *where, package)
            clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
            subprocess.run([python, "-I", "-c", example(package)], cwd=place, env=clean, check=True)
            print(f"{package}: its wheel works alone", flush=True)


main()
