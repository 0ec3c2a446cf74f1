"""Seeds and generators for one purpose each."""

import hashlib

import torch


def seed_of(*key: str | int) -> int:
    """A seed below 2**63 for a purpose, such as (seed, "train", epoch), independent of those for every other."""
    return int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:8], "big") >> 1


def seeded_generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A generator for one purpose (such as "train", epoch), independent of those for every other."""
    return torch.Generator().manual_seed(seed_of(seed, *purpose))
