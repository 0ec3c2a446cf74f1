"""The examples of the packages run as they are printed."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("package", ["pnas-ops", "pnas-supernet", "pnas-latency", "pnas-export"])
def test_the_example_runs(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    examples = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "packages" / package / "README.md").read_text(), re.M | re.S
    )
    assert examples
    for example in examples:
        exec(compile(example, f"{package}/README.md", "exec"), {})
