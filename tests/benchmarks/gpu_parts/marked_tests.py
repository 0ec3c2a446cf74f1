"""The tests that need a GPU, which carry the marker `gpu`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from benchmarks.gpu_parts.setting import Line, Setting

TESTS = Path(__file__).resolve().parents[2]
MARKER = "mark.gpu"
NEEDED = ("pytest", "hypothesis")


def run(setting: Setting) -> Iterator[Line]:
    """How many passed, failed and were left out, and a line for each that failed."""
    lacking = [name for name in NEEDED if find_spec(name) is None]
    if lacking:
        yield {"skipped": f"the tests need {', '.join(lacking)}, which this machine lacks"}
        return
    files = sorted(str(path) for path in TESTS.rglob("test_*.py") if MARKER in path.read_text())
    if not files:
        yield {"skipped": "no test here has the marker"}
        return
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        # Without the plugins of the project's own settings; newer libraries may warn of something.
        options = ["-o", "addopts=--import-mode=importlib", "-o", "filterwarnings=ignore", "-p", "no:cacheprovider"]
        command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", *options, f"--junitxml={report}", *files]
        try:
            ended = subprocess.run(
                command, cwd=TESTS.parent, capture_output=True, text=True, timeout=setting.left_s, env=os.environ
            )
        except subprocess.TimeoutExpired:
            yield {"error": f"the tests did not end in {setting.left_s:.0f} s"}
            return
        if not report.exists():
            yield {"error": (ended.stdout + ended.stderr)[-800:]}
            return
        suite = ElementTree.parse(report).getroot().find("testsuite")
    assert suite is not None
    counted = {name: int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")}
    yield {**counted, "ok": not counted["failures"] + counted["errors"]}
    for case in suite.iter("testcase"):
        for failure in (*case.iter("failure"), *case.iter("error")):
            yield {"test": f"{case.get('classname')}::{case.get('name')}", "error": failure.get("message", "")[:500]}
