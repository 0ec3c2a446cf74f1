"""The example of the README runs as it stands."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "packages" / "pnas-export" / "README.md"


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, str(README), "exec"), {})
    output = capsys.readouterr().out
    assert "net.onnx on onnxruntime: " in output
    assert "net.tflite on ai-edge-litert: " in output
    assert output.rstrip().endswith(" ms")
