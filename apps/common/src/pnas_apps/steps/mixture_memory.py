"""The memory of a search that mixes all candidates, estimated before it begins."""

import torch
from torch import Tensor

from pnas_supernet import (
    Sampler,
    SuperNet,
    active_paths,
    buffers_untouched,
    sample_paths,
    sample_uniform,
    saved_bytes,
    take_mixture,
)

_IMAGES = 2


def mixture_memory_line(supernet: SuperNet, images: Tensor) -> str:
    """How much the mixture of DARTS keeps for the backward pass of a batch, in a line, beside a single path.

    Args:
        supernet: is left as it is.
        images: a batch, (N, C, H, W), of which two are looked at.
    """
    few = images[:_IMAGES]
    exist = [*supernet.parameters(), *supernet.buffers(), few]

    def kept(sampler: Sampler) -> int:
        paths = sample_paths(supernet, sampler, torch.Generator().manual_seed(0))
        with active_paths(supernet, paths), buffers_untouched(supernet.modules()):
            return saved_bytes(lambda: supernet(few), besides=exist)

    mixture, path = kept(take_mixture), kept(sample_uniform)
    of_batch = mixture * len(images) / len(few) / 1e6
    return (
        f"  darts runs all candidates at every step: for a batch of {len(images)} images it keeps {of_batch:,.0f} MB "
        f"for the backward pass, {mixture / path:.1f} times as much as a single path"
    )
