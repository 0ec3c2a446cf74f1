"""Checkpoints that are foreign, old, or of another search."""

import copy
import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from attrs import evolve
from torch import Tensor, nn

from bits import bits
from pnas_ops import MBConvSpec, SearchSpace, Stage, ZeroSpec, digits_mbconv_space
from pnas_supernet import (
    CheckpointError,
    MixedOp,
    ProxylessNAS,
    SearchConfig,
    SuperNet,
    load_checkpoint,
    mixed_ops,
    save_checkpoint,
)
from pnas_supernet.running import checkpoint

STATE = {"weight": torch.ones(2, 3)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_checkpoint(STATE, tmp_path / "search.pt", kind="search")
    return tmp_path / "search.pt"


class Attack:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path: Path) -> None:
    save_checkpoint({"attack": Attack(tmp_path / "attacked")}, tmp_path / "search.pt", kind="search")
    with pytest.raises(CheckpointError, match=r"search\.pt holds more than tensors and plain values"):
        load_checkpoint(tmp_path / "search.pt", kind="search")
    assert not (tmp_path / "attacked").exists()


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "plain.pt")
    (tmp_path / "notes.txt").write_text("not a checkpoint")
    for name in ("plain.pt", "notes.txt"):
        with pytest.raises(CheckpointError, match=f"{name} is no checkpoint of PNAS.*delete .*{name}, then"):
            load_checkpoint(tmp_path / name, kind="search")


@pytest.mark.parametrize("version", [1, 4])
def test_another_version_is_refused_with_both_named(path: Path, monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "_VERSION", version)
        save_checkpoint(STATE, path, kind="search")
    with pytest.raises(CheckpointError, match=rf"search\.pt has version {version} of .*, this software 3: go on with"):
        load_checkpoint(path, kind="search")


def test_a_checkpoint_of_something_else_is_refused(path: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"search\.pt is a checkpoint of a search, not of a training: name another"
    ):
        load_checkpoint(path, kind="training")


def make_supernet(space: SearchSpace) -> SuperNet:
    return SuperNet(space, generator=torch.Generator().manual_seed(0))


def make_search(network: nn.Module, **options: Any) -> ProxylessNAS:
    config = SearchConfig(**{"warmup_epochs": 0, "epochs": 2, "arch_interval": 1} | options)
    return ProxylessNAS(network, config, generator=torch.Generator().manual_seed(1))


def run_epoch(search: ProxylessNAS) -> None:
    generator = torch.Generator().manual_seed(2)
    images = torch.randn(4, 1, 8, 8, generator=generator)
    batches: list[tuple[Tensor, Tensor]] = [(images, torch.arange(4))] * 2
    search.run_epoch(batches, batches)


SPACE = evolve(
    digits_mbconv_space(0.5, resolution=8),
    stages=(Stage(width=24, depth=2, stride=2),),
    candidates=(MBConvSpec(kernel_size=3, expansion=1), MBConvSpec(kernel_size=5, expansion=1), ZeroSpec()),
)
STRIDE_1 = evolve(SPACE, stages=(evolve(SPACE.stages[0], stride=1),))


@pytest.mark.parametrize(
    ("space", "options", "reason"),
    [
        (SPACE, {"epochs": 3, "weight_lr": 0.5}, r"epochs is 3, was 2, weight_lr is 0\.5, was 0\.025"),
        (SPACE, {"gate": "two-path"}, r"gate is 'two-path', was 'exact'"),
        (STRIDE_1, {}, "the search space is another, in stages"),
        (evolve(SPACE, candidates=SPACE.candidates[1:]), {}, "the search space is another, in candidates"),
    ],
)
def test_a_checkpoint_of_another_search_is_refused_and_changes_nothing(
    tmp_path: Path, space: SearchSpace, options: dict[str, Any], reason: str
) -> None:
    begun = make_search(make_supernet(SPACE))
    run_epoch(begun)
    begun.save(tmp_path / "search.pt")
    refusing, untouched = (make_search(make_supernet(space), **options) for _ in range(2))
    with pytest.raises(
        CheckpointError, match=rf"search\.pt is of another search \({reason}\): give it what it was beg"
    ):
        refusing.resume(tmp_path / "search.pt")
    assert bits(refusing.state_dict()) == bits(untouched.state_dict())
    for search in (refusing, untouched):
        run_epoch(search)
    assert bits(refusing.state_dict()) == bits(untouched.state_dict())


def test_the_changed_stride_changes_no_shape() -> None:
    shapes, others = (
        {name: tensor.shape for name, tensor in make_supernet(space).state_dict().items()}
        for space in (SPACE, STRIDE_1)
    )
    assert shapes == others


def test_a_changed_number_of_candidates_names_the_tensor(network: nn.Module, tmp_path: Path) -> None:
    make_search(network).save(tmp_path / "search.pt")
    fewer = copy.deepcopy(network)
    fewer.first = MixedOp(list(mixed_ops(network)[0].candidates)[:3]).double()
    with pytest.raises(CheckpointError, match=r"first\.alpha is \(3,\) in torch.float64, was \(4,\)"):
        make_search(fewer).resume(tmp_path / "search.pt")


def test_another_type_of_numbers_is_refused(tmp_path: Path) -> None:
    make_search(make_supernet(SPACE).double()).save(tmp_path / "search.pt")
    with pytest.raises(CheckpointError, match=r"\(.* in torch\.float32, was .* in torch\.float64\)"):
        make_search(make_supernet(SPACE)).resume(tmp_path / "search.pt")


def test_a_space_is_known_inside_another_module(tmp_path: Path) -> None:
    make_search(nn.Sequential(nn.Dropout(), make_supernet(SPACE))).save(tmp_path / "search.pt")
    with pytest.raises(CheckpointError, match="the search space is another, in stages"):
        make_search(nn.Sequential(nn.Dropout(), make_supernet(STRIDE_1))).resume(tmp_path / "search.pt")


def test_a_search_goes_on_from_the_previous_checkpoint_and_ends_the_same(tmp_path: Path) -> None:
    whole, damaged, resumed = (make_search(make_supernet(SPACE)) for _ in range(3))
    for _ in range(2):
        run_epoch(whole)
        run_epoch(damaged)
        damaged.save(tmp_path / "search.pt")
    with (tmp_path / "search.pt").open("r+b") as file:
        file.truncate(1000)
    with pytest.warns(UserWarning, match=r"search\.pt is damaged .*: going on from the one before"):
        assert resumed.resume(tmp_path / "search.pt")
    assert resumed.epochs_left == 1
    run_epoch(resumed)
    assert bits(resumed.state_dict()) == bits(whole.state_dict())


def with_state(change: Callable[[dict[str, Any]], object], path: Path) -> None:
    """Saves a search of one epoch with its state changed: the checksum is right."""
    search = make_search(make_supernet(SPACE))
    run_epoch(search)
    state = search.state_dict()
    change(state)
    save_checkpoint(state, path, kind="search")


def a_tensor(state: dict[str, Any], ending: str) -> Tensor:
    found: Tensor = next(tensor for name, tensor in state["network"].items() if name.endswith(ending))
    return found


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda state: state.pop("alpha_optimizer"), "alpha_optimizer is missing or unknown"),
        (lambda state: state.update(network=3), "object has no attribute"),
        (lambda state: state.update(config=[]), "object has no attribute"),
        (lambda state: a_tensor(state, "alpha").fill_(float("nan")), r"network\..*alpha is not finite"),
        (lambda state: a_tensor(state, "running_var").fill_(float("inf")), r"network\..*running_var is not finite"),
        (lambda state: state["history"][0].update(epoch="0"), "needs a value of type int, got '0' @ EpochRecord.epoch"),
        (lambda state: state["history"][0].update(probs="all"), "EpochRecord.probs"),
        (lambda state: state.update(history=state["history"] * 3), "its history is not one of at most 2 epochs"),
        (lambda state: state.update(step="many"), "its step is 'many'"),
        (lambda state: state.update(step=-1), "its step is -1"),
        (lambda state: state["means"][0].update(total_loss=None), "EpochMean.total_loss"),
        (lambda state: state.update(means=[]), "not enough values"),
        (lambda state: state.update(generator=torch.zeros(3)), "RNG state|generator"),
        (lambda state: state.update(generator="seed"), "generator is a str, not a Tensor"),
        (lambda state: state["weight_optimizer"]["param_groups"][0].update(lr="fast"), r"0\.lr is a str, not a float"),
        (lambda state: state["weight_optimizer"]["state"][0].update(momentum_buffer=torch.zeros(1)), r"is \(1,\)\)"),
        (lambda state: state["weight_optimizer"]["state"].update({10**6: {"a": torch.zeros(2)}}), "out of range"),
        (lambda state: state.update(weight_optimizer=None), "not subscriptable"),
    ],
)
def test_a_state_that_is_odd_is_told_in_one_line(
    change: Callable[[dict[str, Any]], object], reason: str, tmp_path: Path
) -> None:
    with_state(lambda state: None, tmp_path / "whole.pt")
    assert make_search(make_supernet(SPACE)).resume(tmp_path / "whole.pt")
    with_state(change, tmp_path / "search.pt")
    with pytest.raises(CheckpointError, match=rf"search\.pt is of another search \(.*{reason}") as caught:
        make_search(make_supernet(SPACE)).resume(tmp_path / "search.pt")
    assert "\n" not in str(caught.value)
    assert caught.value.way_out == "give it what it was begun with, or delete it to begin again"


@pytest.mark.parametrize(
    "content", [None, 3, "text", [], {}, {"version": 2}, {"version": 2, "kind": "search", "state": [1]}, torch.zeros(2)]
)
def test_a_file_of_something_else_with_the_right_checksum_is_refused(content: object, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    refuse(buffer.getvalue(), tmp_path / "search.pt")


@pytest.mark.parametrize("payload", [b"", b"junk", b"PK\x03\x04junk", b"\x80\x02.", bytes(1000)])
def test_what_torch_cannot_read_is_refused_whatever_it_raises(payload: bytes, tmp_path: Path) -> None:
    refuse(payload, tmp_path / "search.pt")


def refuse(payload: bytes, path: Path) -> None:
    path.write_bytes(b"PNAS checkpoint\n" + hashlib.sha256(payload).digest() + payload)
    with pytest.raises(CheckpointError, match=r"search\.pt holds (no state of a search|more than tensors)") as caught:
        load_checkpoint(path, kind="search")
    assert "\n" not in str(caught.value)
