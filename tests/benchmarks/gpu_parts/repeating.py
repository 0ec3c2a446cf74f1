"""Searches that are compared with one another, bit for bit."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
import torch.distributed as dist
from attrs import frozen
from torch import Tensor

from benchmarks.gpu_parts.newer import newer
from benchmarks.gpu_parts.searches import RandomBatches, make_search, small_config, taken_paths
from benchmarks.gpu_parts.setting import Line, Setting
from pnas_ops import cifar_mbconv_space
from pnas_supernet import Precision, ProxylessNAS

Paths = list[tuple[tuple[int, ...], ...]]


@frozen(eq=False)
class Ended:
    """What a search ended with."""

    state: dict[str, Any]
    paths: Paths


def prepare() -> None:
    """Before CUDA begins: without it cuBLAS does not repeat itself."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


@contextmanager
def computing(device: torch.device, *, deterministic: bool) -> Iterator[None]:
    """Inside the `with` block a GPU is fast, or gives the same bits: by the packages' own switch where they have it."""
    try:
        tuned: Callable[..., AbstractContextManager[object]] = newer("tuned")
    except ImportError:
        torch.backends.cudnn.benchmark = not deterministic
        torch.use_deterministic_algorithms(deterministic)
        yield
        torch.use_deterministic_algorithms(False)
        return
    with tuned(device, deterministic=deterministic):
        yield


def small_search(
    setting: Setting, precision: Precision, steps: int, *, group: dist.ProcessGroup | None = None
) -> tuple[ProxylessNAS, RandomBatches, Paths]:
    """A search that has not begun, batches for each of its epochs, and the paths that it will have taken."""
    width, resolution, batch_size = (0.25, 8, 4) if setting.tiny else (1.0, 32, 64)
    space = cifar_mbconv_space(width, blocks_per_stage=1, resolution=resolution)
    search = make_search(space, small_config(precision), setting.device, group=group)
    batches = RandomBatches.of(
        steps * batch_size, resolution, classes=10, batch_size=batch_size, seed=2, device=setting.device
    )
    return search, batches, taken_paths(search)


def compared(one: Ended, other: Ended) -> Line:
    """Whether both took the same paths and ended with the same bits, and the largest difference of a weight."""
    ours, theirs = ({name: value.cpu() for name, value in ended.state["network"].items()} for ended in (one, other))
    differing = [name for name in ours if not torch.equal(ours[name], theirs[name])]
    return {
        "same_paths": one.paths == other.paths,
        "steps": len(one.paths),
        "same_bits": not differing and one.state["history"] == other.state["history"],
        "differing": f"{len(differing)} of {len(ours)}",
        "largest_difference": max((_difference(ours[name], theirs[name]) for name in differing), default=0.0),
    }


def _difference(one: Tensor, other: Tensor) -> float:
    return float((one.double() - other.double()).abs().max())
