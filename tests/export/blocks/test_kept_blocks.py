"""Blocks that were converted once are found again, whichever of them are wanted."""

from pathlib import Path

import pytest
import torch
from attrs import evolve

from pnas_export import AiEdgeLitert, convert_workloads, workload_blocks
from pnas_export.blocks import kept_blocks as module
from pnas_export.blocks import signatures
from pnas_export.blocks.kept_blocks import keep_blocks, kept_blocks
from pnas_export.blocks.signatures import IDLE
from pnas_ops import Workload


@pytest.fixture
def cache(tmp_path: Path, blocks: list[Workload], blocks_model: bytes) -> Path:
    keep_blocks(tmp_path, blocks, blocks_model)
    return tmp_path


def test_some_of_the_blocks_are_converted_no_more(
    cache: Path, blocks: list[Workload], blocks_model: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object, **__: object) -> bytes:
        raise AssertionError

    monkeypatch.setattr(signatures, "convert", forbidden)
    some = [blocks[2], blocks[0]]
    model = convert_workloads(some, cache=cache)
    assert len(model) < len(blocks_model)
    interpreter = AiEdgeLitert().interpreter(model)
    assert interpreter.get_signature_list().keys() == {*(one.name for one in some), IDLE}
    for workload, block in zip(some, workload_blocks(some), strict=True):
        x = torch.randn(workload.input_shape, generator=torch.Generator().manual_seed(3))
        with torch.no_grad():
            expected = block(x)
        result = interpreter.get_signature_runner(workload.name)(args_0=x.permute(0, 2, 3, 1).contiguous().numpy())
        found = torch.from_numpy(result["output_0"])
        found = found.permute(0, 3, 1, 2) if found.ndim == 4 else found
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_what_was_not_converted_with_the_others_or_is_damaged_is_not_there(
    cache: Path, blocks: list[Workload], blocks_model: bytes, tmp_path: Path
) -> None:
    other = evolve(blocks[0], height=blocks[0].height + 1)
    assert kept_blocks(cache, [blocks[1], other], [blocks[1].name, other.name]) is None
    assert kept_blocks(tmp_path / "empty", blocks, [IDLE]) is None
    (kept,) = cache.glob("blocks-*")
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    assert kept_blocks(cache, blocks, [IDLE]) is None


def test_another_version_of_the_code_finds_none(
    cache: Path, blocks: list[Workload], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kept_blocks(cache, blocks, [IDLE]) is not None
    monkeypatch.setattr(module, "_code", lambda: "another")
    assert kept_blocks(cache, blocks, [IDLE]) is None
