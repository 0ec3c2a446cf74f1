"""Files that are damaged, foreign or no files: one line with the name and the way out, from every reader."""

import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from pnas_export import AiEdgeLitert, ModelFileError, OnnxRuntime, TFLiteRuntime, read_metadata
from pnas_export.runtimes.checked_file import write_runnable
from pnas_export.runtimes.model_files import read_onnx, read_tflite

READERS: dict[str, list[Callable[[Path], object]]] = {
    ".onnx": [read_onnx, read_metadata, OnnxRuntime().load],
    ".tflite": [read_tflite, read_metadata, AiEdgeLitert().load],
}
if TFLiteRuntime().installed:
    READERS[".tflite"].append(TFLiteRuntime().load)

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "one byte": lambda content: content[:1],
    "eight bytes": lambda content: content[:8],
    "half": lambda content: content[: len(content) // 2],
    "zeros": lambda content: bytes(len(content)),
    "text": lambda content: b"<html>404</html>\n" * 40,
    "zip": lambda content: b"PK\x03\x04" + content,
    "right beginning": lambda content: content[:8] + random.Random(0).randbytes(len(content) - 8),
    "far root": lambda content: b"\xff\xff\xff\x7f" + content[4:],
}


def refused(read: Callable[[Path], object], path: Path) -> None:
    with pytest.raises(ModelFileError) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert path.name in caught.value.what
    assert caught.value.way_out


@pytest.mark.parametrize("suffix", READERS)
def test_what_is_no_model_is_refused_by_every_reader(
    suffix: str, onnx_path: Path, tflite_path: Path, tmp_path: Path
) -> None:
    content = {".onnx": onnx_path, ".tflite": tflite_path}[suffix].read_bytes()
    (tmp_path / f"folder{suffix}").mkdir()
    for read in READERS[suffix]:
        for name, damage in DAMAGES.items():
            path = tmp_path / f"{name}{suffix}"
            path.write_bytes(damage(content))
            refused(read, path)
        refused(read, tmp_path / f"missing{suffix}")
        refused(read, tmp_path / f"folder{suffix}")


@pytest.mark.parametrize("suffix", READERS)
def test_flipped_bits_are_read_or_refused_in_one_line(
    suffix: str, onnx_path: Path, tflite_path: Path, tmp_path: Path
) -> None:
    content = {".onnx": onnx_path, ".tflite": tflite_path}[suffix].read_bytes()
    chance = random.Random(0)
    path, read = tmp_path / f"flipped{suffix}", READERS[suffix][0]
    lines: list[str] = []
    for _ in range(40):
        damaged = bytearray(content)
        for _ in range(12):  # most of a file is weights, which may be anything
            damaged[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        try:
            read(path)
        except ModelFileError as error:
            lines.append(str(error))
    assert lines
    assert not any("\n" in line for line in lines)


def test_a_file_that_no_runtime_runs_is_not_written(tmp_path: Path) -> None:
    target = tmp_path / "net.tflite"
    target.write_bytes(b"the one before")
    with pytest.raises(ModelFileError, match=r"no runtime runs .*cannot load net\.tflite.*: choose a format") as caught:
        write_runnable(target, b"\x18\x00\x00\x00TFL3", torch.zeros(1, 3, 8, 8))
    assert "\n" not in str(caught.value)
    assert target.read_bytes() == b"the one before"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_that_loads_but_does_not_run_is_not_written(
    tflite_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(images: object) -> None:
        raise ModelFileError("net.tflite does not run: node 3 failed")

    class Failing(AiEdgeLitert):
        load = staticmethod(lambda path, threads=1: SimpleNamespace(outputs=fail))  # type: ignore[assignment]

    monkeypatch.setattr("pnas_export.runtimes.parity.installed_runtimes", lambda: (Failing(),))
    with pytest.raises(ModelFileError, match="node 3 failed"):
        write_runnable(tmp_path / "net.tflite", tflite_path.read_bytes(), torch.zeros(1, 3, 8, 8))
    assert not list(tmp_path.iterdir())
