"""Whatever takes a path takes a text as well."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import pnas_ops
from original_configs import mobile
from pnas_ops import (
    Architecture,
    FilePath,
    FormatError,
    digits_mbconv_space,
    draw_architectures,
    load_json,
    load_original_checkpoint,
    read_original_config,
    released,
    save_figure,
    save_json,
    write_atomically,
)
from signatures import names_with_a_path

NET = digits_mbconv_space(blocks_per_stage=1).architecture([0, 0])


def saved(save: Callable[[FilePath], None], path: FilePath) -> bytes:
    save(path)
    return Path(path).read_bytes()


def config(path: FilePath) -> Architecture:
    Path(path).write_text(json.dumps(mobile()))
    return read_original_config(path)


def document(path: FilePath) -> Architecture:
    save_json(NET, Path(path))
    return load_json(path, Architecture)


def refusal(path: FilePath) -> str:
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(FormatError) as caught:
        load_original_checkpoint(path, released("proxyless_mobile"))
    return str(caught.value)


CALLS: dict[str, Callable[[FilePath], object]] = {
    "write_atomically": lambda path: saved(lambda path: write_atomically(path, "content"), path),
    "save_json": lambda path: saved(lambda path: save_json(NET, path), path),
    "load_json": document,
    "save_figure": lambda path: saved(lambda path: save_figure(draw_architectures([NET]), path), path),
    "read_original_config": config,
    "load_original_checkpoint": refusal,
}


@pytest.mark.parametrize("name", CALLS)
def test_a_text_does_the_same_as_a_path(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.file"
    assert CALLS[name](str(path)) == CALLS[name](path)


def test_no_function_with_a_path_is_left_out() -> None:
    assert names_with_a_path(pnas_ops) == CALLS.keys()
