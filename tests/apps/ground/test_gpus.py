"""Where networks are trained, and what is told of a GPU that cannot be used."""

import sys
import warnings
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from pnas_apps.ground import gpus
from pnas_apps.ground.errors import UserError
from pnas_apps.ground.gpus import begin_on, check_precisions, refuse_silent_driver, training_device

HANGS = [sys.executable, "-c", "import time; time.sleep(60)"]
FAILS = [sys.executable, "-c", "raise SystemExit(1)"]


def test_a_driver_that_does_not_answer_is_told_with_the_ways_out() -> None:
    message = (
        r"^the GPU's driver has not answered for 0\.2 s: restart it, .* again to resume; or give --accelerator cpu$"
    )
    with pytest.raises(UserError, match=message):
        refuse_silent_driver(HANGS, patience_s=0.2)


def test_what_a_driver_answers_is_left_to_pytorch() -> None:
    refuse_silent_driver(FAILS)


def test_a_driver_is_asked_only_where_there_is_one_and_a_gpu_may_be_wanted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(gpus, "refuse_silent_driver", asked.append)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(gpus, "DRIVERS", (tmp_path / "none",))
    assert training_device("auto") == torch.device("cpu")
    monkeypatch.setattr(gpus, "DRIVERS", (tmp_path / "none", tmp_path))
    assert training_device("cpu") == torch.device("cpu")
    assert asked == []
    assert training_device("auto") == torch.device("cpu")
    assert len(asked) == 1


def test_a_gpu_that_is_wanted_and_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "DRIVERS", ())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError, match=r"^PyTorch finds no CUDA GPU here: leave out --accelerator, or give"):
        training_device("cuda")


@pytest.mark.parametrize("accelerator", ["auto", "cuda"])
def test_a_gpu_whose_driver_fails_is_refused_and_not_silently_replaced_by_the_cpu(
    monkeypatch: pytest.MonkeyPatch, accelerator: gpus.Accelerator
) -> None:
    def is_available() -> bool:
        warnings.warn("CUDA initialization: The NVIDIA driver is too old. Please\nupdate it.", stacklevel=1)
        return False

    monkeypatch.setattr(gpus, "DRIVERS", ())
    monkeypatch.setattr(torch.cuda, "is_available", is_available)
    with pytest.raises(UserError, match=r"^the GPU cannot be used \(The NVIDIA driver is too old\. Please\): run the"):
        training_device(accelerator)


def test_a_gpu_that_fails_at_its_first_work_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def ones(*size: int, device: torch.device) -> torch.Tensor:
        raise RuntimeError("CUDA error: uncorrectable ECC error encountered\nCUDA kernel errors might be reported late")

    monkeypatch.setattr(torch, "ones", ones)
    begin_on(torch.device("cpu"))
    with pytest.raises(UserError, match=r"^the GPU cannot be used \(CUDA error: uncorrectable ECC .* encountered\): "):
        begin_on(torch.device("cuda"))


def test_bfloat16_is_refused_on_a_gpu_that_lacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla T4")
    has_it = False
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *, including_emulation: has_it or including_emulation)
    gpu = torch.device("cuda")
    check_precisions(torch.device("cpu"), search="bfloat16", train="bfloat16")
    check_precisions(gpu, search="float16", train="float32")
    with pytest.raises(UserError, match=r"^Tesla T4 has no bfloat16: give --search-precision float16, or float32$"):
        check_precisions(gpu, search="bfloat16", train="float32")
    with pytest.raises(UserError, match=r"give --search-precision float16 --train-precision float16, or float32$"):
        check_precisions(gpu, search="bfloat16", train="bfloat16")
    has_it = True
    check_precisions(gpu, search="bfloat16", train="bfloat16")


@pytest.mark.gpu
def test_a_gpu_is_taken_into_use() -> None:
    device = training_device("cuda")
    begin_on(device)
    assert device.type == "cuda"
