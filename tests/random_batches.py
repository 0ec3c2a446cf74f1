"""Batches of noise, the same ones for the same seed."""

import torch
from torch import Tensor


def random_batches(seed: int, count: int, dtype: torch.dtype = torch.float32) -> list[tuple[Tensor, Tensor]]:
    """Four images of 8 x 8 pixels and labels of 5 classes each."""
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(4, 3, 8, 8, dtype=dtype, generator=generator), torch.randint(5, (4,), generator=generator))
        for _ in range(count)
    ]
