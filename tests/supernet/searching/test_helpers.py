"""What a search shares with other loops: precision, processes that work as one (here a group of one), lost ones."""

import re
from collections.abc import Iterator
from typing import get_args

import pytest
import torch
import torch.distributed as dist

from pnas_supernet import (
    AUTOCAST_DTYPES,
    DesynchronizedError,
    Execution,
    LostProcessError,
    Precision,
    SearchConfig,
    average,
    check_identical,
    exchange,
)
from pnas_supernet.searching.history import EpochMean


@pytest.fixture(scope="module")
def group() -> Iterator[dist.ProcessGroup]:
    """Of this process alone."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    assert dist.group.WORLD is not None
    yield dist.group.WORLD
    dist.destroy_process_group()


class Two:
    """A group of this process and another, which has told what it holds."""

    def size(self) -> int:
        return 2


def test_every_precision_has_a_type_to_cast_to() -> None:
    assert dict(AUTOCAST_DTYPES) == {"float32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}
    assert set(AUTOCAST_DTYPES) == set(get_args(Precision))
    for precision, dtype in AUTOCAST_DTYPES.items():
        assert SearchConfig(precision=precision).autocast == dtype == Execution(autocast=dtype).autocast


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            "[/src/gloo/pair.cc:534] Connection closed by peer [::1]:1234. This may be.\nmore",
            r"Connection closed by .*4",
        ),
        ("Broken pipe", "Broken pipe"),
        ("", "RuntimeError"),
    ],
)
def test_a_lost_process_is_told_in_one_line(error: str, reason: str) -> None:
    with pytest.raises(LostProcessError) as caught, exchange():
        raise RuntimeError(error)
    assert re.fullmatch(rf"another process is gone or does not answer \({reason}\)", caught.value.what)
    assert caught.value.way_out == "start all of them again to go on from the last checkpoint"
    assert str(caught.value) == f"{caught.value.what}: {caught.value.way_out}"


def test_an_error_of_ones_own_is_no_lost_process() -> None:
    with pytest.raises(KeyError), exchange():
        raise KeyError


def test_means_take_each_tensor_by_its_own_place_shape_and_type(
    group: dist.ProcessGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against a second process that holds one more of everything."""
    tensors = [
        torch.arange(6.0).view(2, 3),
        torch.tensor(5.0, dtype=torch.float64),
        torch.ones(2, dtype=torch.bfloat16),
    ]
    expected = [tensor + 0.5 for tensor in tensors]

    def add_another(joined: torch.Tensor, *, group: object) -> None:
        joined.add_(joined + 1)

    with monkeypatch.context() as patch:
        patch.setattr(dist, "all_reduce", add_another)
        average(tensors, Two())  # type: ignore[arg-type]
    for tensor, mean in zip(tensors, expected, strict=True):
        assert torch.equal(tensor, mean)
        assert tensor.dtype == mean.dtype
    average(tensors, group)
    assert all(torch.equal(tensor, mean) for tensor, mean in zip(tensors, expected, strict=True))
    average([], Two())  # type: ignore[arg-type] # nothing is sent


@pytest.mark.parametrize(
    ("theirs", "name"),
    [
        ({"a": [torch.zeros(2), 1]}, None),
        ({"a": [torch.tensor([0.0, 1e-45]), 1]}, "a/0"),
        ({"a": [torch.tensor([0.0, -0.0]), 1]}, "a/0"),
        ({"a": [torch.zeros(2, 1), 1]}, "a/0"),
        ({"a": [torch.zeros(2, dtype=torch.int32), 1]}, "a/0"),
        ({"a": [torch.zeros(2), 2]}, "a/1"),
        ({"a": [torch.zeros(2), 1], "b": 0}, "b"),
        ({"a": [torch.zeros(2)]}, "a/1"),
    ],
)
def test_what_differs_in_one_process_is_named(
    theirs: dict[str, object], name: str | None, group: dist.ProcessGroup, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, str]] = []

    def remember(everyone: list[dict[str, str]], mine: dict[str, str], *, group: object) -> None:
        told.append(mine)
        everyone[:] = [mine]

    def gather(everyone: list[dict[str, str]], mine: dict[str, str], *, group: object) -> None:
        everyone[:] = [mine, told[0]]

    with monkeypatch.context() as patch:
        patch.setattr(dist, "all_gather_object", remember)
        check_identical(theirs, group)
        patch.setattr(dist, "all_gather_object", gather)
        ours = {"a": [torch.zeros(2), 1]}
        if name is None:
            check_identical(ours, Two())  # type: ignore[arg-type]
        else:
            with pytest.raises(DesynchronizedError, match=f"^process 1 differs from process 0 in {name}: start all "):
                check_identical(ours, Two())  # type: ignore[arg-type]


def test_a_mean_over_an_epoch_weighs_every_sample_the_same() -> None:
    mean = EpochMean()
    mean.add(2.0, 1 / 3, 3)
    mean.add(4.0, 1.0, 1)
    assert mean.loss == (3 * 2.0 + 1 * 4.0) / 4
    assert mean.accuracy == pytest.approx(2 / 4)
