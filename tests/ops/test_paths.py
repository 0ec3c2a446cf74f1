"""Whatever takes a path takes a text as well."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import pnas_ops
from original_configs import mobile
from pnas_ops import (
    AccuracyTable,
    Architecture,
    FilePath,
    FormatError,
    OwnOperation,
    Space,
    clear_leftovers,
    digits_mbconv_space,
    draw_architectures,
    load_json,
    load_operations,
    load_original_checkpoint,
    load_space,
    load_weights,
    read_nas_bench_macro,
    read_original_config,
    read_weights,
    recover,
    released,
    replaced_folder,
    save_figure,
    save_json,
    save_weights,
    sha256_of,
    staged_file,
    write_atomically,
)
from signatures import names_with_a_path

SPACE = digits_mbconv_space(blocks_per_stage=1)
NET = SPACE.architecture([0, 0])


def saved(save: Callable[[FilePath], None], path: FilePath) -> bytes:
    save(path)
    return Path(path).read_bytes()


def config(path: FilePath) -> Architecture:
    Path(path).write_text(json.dumps(mobile()))
    return read_original_config(path)


def accuracies(path: FilePath) -> AccuracyTable:
    columns = "architecture,accuracy_1,accuracy_2,accuracy_3,parameters,macs"
    Path(path).write_text(f"{columns}\n00000000,45.32,45.33,45.44,387882,7713280\n")
    return read_nas_bench_macro(path)


def document(path: FilePath) -> Architecture:
    save_json(NET, Path(path))
    return load_json(path, Architecture)


def space(path: FilePath) -> Space:
    save_json(SPACE, path)
    return load_space(path)


def operations(path: FilePath) -> list[type[OwnOperation]]:
    shutil.copyfile(Path(__file__).parents[1] / "ghost_operations.py", path)
    return [*load_operations(path)]


def refusal(path: FilePath) -> str:
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(FormatError) as caught:
        load_original_checkpoint(path, released("proxyless_mobile"))
    return str(caught.value)


def weights(path: FilePath) -> list[float]:
    net, halves = nn.Linear(2, 1), nn.Linear(2, 1)
    nn.init.constant_(halves.weight, 0.5)
    save_weights(halves, path)
    load_weights(net, path)
    return [*net.weight[0].tolist(), *read_weights(path)["weight"][0].tolist()]


def staged(path: FilePath) -> str:
    with staged_file(path) as file:
        file.write_text("content")
    return sha256_of(path)


def replaced(path: FilePath) -> list[Path]:
    with replaced_folder(path) as folder:
        (folder / "file").touch()
    recover(path)
    clear_leftovers(path)
    found = [*Path(path).iterdir()]
    shutil.rmtree(path)
    return found


CALLS: dict[str, Callable[[FilePath], object]] = {
    "write_atomically": lambda path: saved(lambda path: write_atomically(path, "content"), path),
    "save_json": lambda path: saved(lambda path: save_json(NET, path), path),
    "load_json": document,
    "load_space": space,
    "load_operations": operations,
    **dict.fromkeys(["save_weights", "load_weights", "read_weights"], weights),
    **dict.fromkeys(["staged_file", "sha256_of"], staged),
    **dict.fromkeys(["replaced_folder", "recover", "clear_leftovers"], replaced),
    "save_figure": lambda path: saved(lambda path: save_figure(draw_architectures([NET]), path), path),
    "read_original_config": config,
    "load_original_checkpoint": refusal,
    "read_nas_bench_macro": accuracies,
}


@pytest.mark.parametrize("name", CALLS)
def test_a_text_does_the_same_as_a_path(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.file"
    assert CALLS[name](str(path)) == CALLS[name](path)


def test_no_function_with_a_path_is_left_out() -> None:
    assert names_with_a_path(pnas_ops) == CALLS.keys()
