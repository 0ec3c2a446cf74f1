"""Random numbers of code that draws from PyTorch's own generators, such as dropout and torchvision's transforms."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def seed_of(*key: str | int) -> int:
    """A seed below 2**63 for a purpose, such as (seed, "train", epoch), independent of those for every other."""
    return int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:8], "big") >> 1


def seeded_generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A generator for one purpose (such as "train", epoch), independent of those for every other."""
    return torch.Generator().manual_seed(seed_of(seed, *purpose))


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Inside the `with` block the CPU's generator, and that of a GPU, start at `seed`; after it, they are as before."""
    with torch.random.fork_rng(devices=[device] if device is not None and device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        if device is not None and device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield
