"""How a GPU is told to compute: for as long as a block lasts, and no longer."""

import os
import warnings

import pytest
import torch
from torch import nn

from pnas_supernet import MixedOp, NotRepeatableError, ProxylessNAS, SearchConfig, default_precision, tuned
from pnas_supernet.searching.tuning import warn_of_slow_kernels

CUDA = torch.device("cuda")


def switches() -> tuple[bool, ...]:
    return (
        torch.backends.cudnn.benchmark,
        torch.backends.cudnn.deterministic,
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


@pytest.fixture(autouse=True)
def workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")


@pytest.mark.parametrize(
    ("device", "deterministic", "expected"),
    [
        ("cpu", False, (False, False, False, False)),
        ("cpu", True, (False, False, True, False)),
        (CUDA, False, (True, False, False, False)),
        ("cuda:0", True, (False, True, True, False)),
    ],
)
def test_switches_are_set_inside_the_block_and_as_before_after_it(
    device: torch.device | str, deterministic: bool, expected: tuple[bool, ...]
) -> None:
    with tuned(device, deterministic=deterministic):
        assert switches() == expected
    assert switches() == (False,) * 4
    with pytest.raises(KeyError), tuned(device, deterministic=deterministic):
        raise KeyError
    assert switches() == (False,) * 4
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = True
    try:
        with tuned(device, deterministic=deterministic):
            pass
        assert switches() == (True, False, True, True)
    finally:
        torch.use_deterministic_algorithms(False)
        torch.backends.cudnn.benchmark = False


def test_cublas_is_told_before_it_starts_or_it_is_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    with tuned(CUDA), tuned("cpu", deterministic=True):
        pass
    with (
        pytest.raises(NotRepeatableError, match=r"start again with CUBLAS_WORKSPACE_CONFIG=:4096:8 in the env"),
        tuned(CUDA, deterministic=True),
    ):
        pass
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    with tuned(CUDA, deterministic=True):
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    with tuned(CUDA, deterministic=True):
        pass
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    with tuned(CUDA, deterministic=True):  # a second block of the same process
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_a_cpu_computes_in_float32() -> None:
    assert default_precision("cpu") == default_precision(torch.device("cpu")) == "float32"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_gpu_computes_in_bfloat16_from_ampere_on() -> None:
    newer = torch.cuda.get_device_capability() >= (8, 0)
    assert default_precision(CUDA) == ("bfloat16" if newer else "float32")


def depthwise() -> nn.Conv2d:
    return nn.Conv2d(4, 4, 3, groups=4)


def test_slow_kernels_are_warned_of_with_the_way_out() -> None:
    with pytest.warns(UserWarning, match=r"search inside `with pnas_supernet\.tuned\(device\):`, or with Search"):
        warn_of_slow_kernels(nn.Sequential(depthwise()), CUDA, "float32")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_slow_kernels(nn.Sequential(nn.Conv2d(4, 4, 3)), CUDA, "float32")
        warn_of_slow_kernels(nn.Sequential(depthwise()), CUDA, "bfloat16")
        warn_of_slow_kernels(nn.Sequential(depthwise()), torch.device("cpu"), "float32")
        for deterministic in (False, True):
            with tuned(CUDA, deterministic=deterministic):
                warn_of_slow_kernels(nn.Sequential(depthwise()), CUDA, "float32")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_search_on_a_gpu_warns_once() -> None:
    network = nn.Sequential(MixedOp([depthwise(), depthwise()]), nn.AdaptiveAvgPool2d(1), nn.Flatten()).cuda()
    search = ProxylessNAS(network, SearchConfig(warmup_epochs=2, epochs=1), generator=torch.Generator().manual_seed(0))
    batches = [(torch.randn(2, 4, 8, 8, device=CUDA), torch.tensor([0, 1], device=CUDA))]
    with pytest.warns(UserWarning, match="depthwise"):
        search.run_epoch(batches, batches)
    search.run_epoch(batches, batches)  # another warning would be an error
