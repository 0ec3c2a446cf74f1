"""Batches of any form: how a network is called with them, how they are cut, and how outputs are joined.

A tensor holds a sample in each row. A list has an entry for each sample, as for torchvision's detection models. A tuple
or a dict holds several of these side by side.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from pnas_supernet.gates.nested import Nest, tensors_in


def call(network: nn.Module, inputs: Any) -> Any:
    """The network's outputs: `network(*inputs)` for a tuple, `network(**inputs)` for a dict, else `network(inputs)`."""
    if isinstance(inputs, tuple):
        return network(*inputs)
    return network(**inputs) if isinstance(inputs, dict) else network(inputs)


def device_of(inputs: Any) -> torch.device:
    """The device of the first tensor; the CPU if there is none."""
    return next((tensor.device for tensor in tensors_in(inputs)), torch.device("cpu"))


def sample_count(batch: Any) -> int:
    """Samples in a batch.

    Raises:
        ValueError: for anything but a batch.
    """
    if isinstance(batch, tuple | dict) and batch:
        return sample_count(next(iter(batch.values() if isinstance(batch, dict) else batch)))
    if isinstance(batch, list) or (isinstance(batch, Tensor) and batch.ndim):
        return len(batch)
    raise ValueError(
        f"a batch is a tensor or a list with a sample in each entry, or a tuple or dict of them, got a "
        f"{type(batch).__name__}"
    )


def cut(batch: Any, parts: int) -> Iterator[Any]:
    """Cuts a batch into at most `parts` parts, in order, of equal size but for the last, as `torch.chunk` does."""
    size = -(-sample_count(batch) // parts)
    for start in range(0, sample_count(batch), size):
        yield _rows(batch, slice(start, start + size))


def _rows(batch: Any, rows: slice) -> Any:
    if isinstance(batch, dict):
        return {name: _rows(part, rows) for name, part in batch.items()}
    return tuple(_rows(part, rows) for part in batch) if isinstance(batch, tuple) else batch[rows]


def join(outputs: list[Any]) -> Any:
    """Joins the outputs for the parts of a batch: rows and lists are concatenated, scalars averaged."""
    first = outputs[0]
    if len(outputs) == 1:
        return first
    if isinstance(first, dict):
        return {name: join([output[name] for output in outputs]) for name in first}
    if isinstance(first, tuple):
        return tuple(join(list(parts)) for parts in zip(*outputs, strict=True))
    if isinstance(first, list):
        return [entry for output in outputs for entry in output]
    if isinstance(first, Tensor):
        return torch.cat(outputs) if first.ndim else torch.stack(outputs).mean()
    return first


def without_graph(outputs: Any) -> Any:
    """The outputs, detached from the graph."""
    nest, tensors = Nest.split(outputs)
    return nest.filled([tensor.detach() for tensor in tensors])


def at_least_float32(outputs: Any) -> Any:
    """The outputs, with those in half precision as float32."""
    nest, tensors = Nest.split(outputs)
    wide = [t.to(torch.promote_types(t.dtype, torch.float32)) if t.is_floating_point() else t for t in tensors]
    return nest.filled(wide)
