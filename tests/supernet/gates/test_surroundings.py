"""Where PyTorch's own generators start, and that they go on as if nothing had been drawn."""

import pytest
import torch

from pnas_supernet import seeded


@pytest.mark.parametrize("device", [None, torch.device("cpu")], ids=str)
def test_seeded_draws_are_those_of_a_fresh_generator_and_leave_no_trace(device: torch.device | None) -> None:
    expected = torch.rand(3, generator=torch.Generator().manual_seed(7))
    torch.manual_seed(1)
    following = torch.rand(3)
    torch.manual_seed(1)
    with seeded(7, device):
        assert torch.equal(torch.rand(3), expected)
        with seeded(7):
            assert torch.equal(torch.rand(3), expected)
    with pytest.raises(KeyError), seeded(8, device):
        torch.rand(3)
        raise KeyError
    assert torch.equal(torch.rand(3), following)


@pytest.mark.gpu
def test_a_gpu_is_seeded_only_where_it_is_named() -> None:
    device = torch.device("cuda")
    drawn = []
    for _ in range(2):
        with seeded(7, device):
            drawn.append(torch.rand(3, device=device))
    assert torch.equal(*drawn)
    with seeded(7):
        assert not torch.equal(torch.rand(3, device=device), torch.rand(3, device=device))
