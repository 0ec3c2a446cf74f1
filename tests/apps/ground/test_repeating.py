"""What makes a GPU give the same bits, and what is told where nothing can."""

import os

import pytest
import torch

from pnas_apps.ground.errors import UserError
from pnas_apps.ground.repeating import named_where_impossible, prepare_cublas
from pnas_apps.ground.session import started_session


def test_cublas_is_set_to_repeat_itself_unless_its_user_has_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    prepare_cublas()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    prepare_cublas()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":0:0")
    with pytest.raises(UserError, match=r"^cuBLAS is not deterministic with CUBLAS_WORKSPACE_CONFIG=:0:0: unset it, "):
        prepare_cublas()


def test_an_operator_without_a_deterministic_form_is_named_in_one_line() -> None:
    torch.use_deterministic_algorithms(True)
    try:
        message = r"^put_ is not deterministic on a GPU: leave out --deterministic$"
        with pytest.raises(UserError, match=message), named_where_impossible():
            torch.zeros(2).put_(torch.tensor([0, 0]), torch.tensor([1.0, 2.0]))
    finally:
        torch.use_deterministic_algorithms(False)
    with pytest.raises(RuntimeError, match="something else"), named_where_impossible():
        raise RuntimeError("something else")


@pytest.mark.parametrize("deterministic", [False, True])
def test_cublas_is_left_alone_unless_it_is_asked_to_repeat_itself(
    monkeypatch: pytest.MonkeyPatch, deterministic: bool
) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")  # so that monkeypatch puts back what is set below
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    with started_session(accelerator="cpu", workers=0, deterministic=deterministic) as session:
        assert session.deterministic == deterministic
        assert ("CUBLAS_WORKSPACE_CONFIG" in os.environ) == deterministic
