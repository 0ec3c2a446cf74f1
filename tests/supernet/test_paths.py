"""Whatever takes a path takes a text as well."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

import pnas_supernet
from bits import bits
from pnas_ops import FilePath
from pnas_supernet import (
    CheckpointError,
    GateStep,
    MixedOp,
    ProxylessNAS,
    ProxylessSweep,
    SearchConfig,
    delete_checkpoint,
    has_checkpoint,
    load_checkpoint,
    save_checkpoint,
    taking_state,
)
from pnas_supernet.running.checkpoint import previous
from signatures import names_with_a_path

STATE = {"weight": torch.ones(2, 3)}


def make_sweep(seed: int) -> ProxylessSweep:
    torch.manual_seed(seed)
    config = SearchConfig()
    arch_steps = [GateStep(config.gate_sampler) for _ in range(2)]
    generator = torch.Generator().manual_seed(seed)
    return ProxylessSweep(MixedOp([nn.Linear(2, 2)]), config, arch_steps=arch_steps, generator=generator)


def make_search(seed: int) -> ProxylessNAS:
    torch.manual_seed(seed)
    return ProxylessNAS(MixedOp([nn.Linear(2, 2)]), SearchConfig(), generator=torch.Generator().manual_seed(seed))


def saved(path: FilePath) -> object:
    save_checkpoint(STATE, path, kind="search")
    return Path(path).read_bytes()


def loaded(path: FilePath) -> object:
    save_checkpoint(STATE, Path(path), kind="search")
    return bits(load_checkpoint(path, kind="search"))


def told(path: FilePath) -> object:
    with pytest.raises(CheckpointError) as caught, taking_state(path, kind="search"):
        raise KeyError("network")
    return str(caught.value)


def had(path: FilePath) -> object:
    before = has_checkpoint(path)
    save_checkpoint(STATE, Path(path), kind="search")
    return before, has_checkpoint(path)


def deleted(path: FilePath) -> object:
    for _ in range(2):
        save_checkpoint(STATE, Path(path), kind="search")
    kept = len(list(Path(path).parent.iterdir()))
    delete_checkpoint(path)
    return kept, list(Path(path).parent.iterdir())


def resumed(make: Callable[[int], ProxylessNAS], path: FilePath) -> object:
    """The path is in the message of a later error too."""
    search = make(0)
    search.save(path)
    other = make(1)
    assert bits(other.state_dict()) != bits(search.state_dict())
    assert other.resume(path)
    assert bits(other.state_dict()) == bits(search.state_dict())
    with torch.no_grad():
        next(other.network.candidates.parameters()).fill_(float("nan"))
    with pytest.raises(pnas_supernet.DivergenceError) as caught:
        other.save(path)
    return str(caught.value)


CALLS: dict[str, Callable[[FilePath], object]] = {
    "taking_state": told,
    "save_checkpoint": saved,
    "load_checkpoint": loaded,
    "has_checkpoint": had,
    "delete_checkpoint": deleted,
    "ProxylessNAS": partial(resumed, make_search),
    "ProxylessSweep": partial(resumed, make_sweep),
}
RESULTS = {
    "has_checkpoint": (False, True),
    "delete_checkpoint": (2, []),
    "load_checkpoint": bits(STATE),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_text_does_the_same_as_a_path(name: str, tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "search.pt"
    path.parent.mkdir()
    with_text = CALLS[name](str(path))
    delete_checkpoint(path)
    assert CALLS[name](path) == with_text
    assert RESULTS.get(name, with_text) == with_text


def test_the_checkpoint_before_the_last_stands_beside_it() -> None:
    assert previous("a/search.pt") == previous(Path("a/search.pt")) == Path("a/search.previous.pt")


def test_no_function_with_a_path_is_left_out() -> None:
    assert names_with_a_path(pnas_supernet) == CALLS.keys()
