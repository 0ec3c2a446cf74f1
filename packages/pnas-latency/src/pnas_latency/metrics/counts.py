"""Costs that need no device: work, size and memory, counted on the modules themselves."""

from collections.abc import Callable
from functools import lru_cache
from typing import Literal, NamedTuple

import torch
from torch import nn

from pnas_latency.metrics.liveness import peak_values
from pnas_latency.metrics.metric import Costs, Metric, Rows
from pnas_ops import Block, Workload, build_block, count_macs, count_parameters

Dtype = Literal["float32", "float16", "int8"]
_BYTES: dict[Dtype, int] = {"float32": 4, "float16": 2, "int8": 1}

# A space has tens to hundreds of workloads, and a search asks for their costs again and again.
_remember = lru_cache(maxsize=4096)


class _Shipped(NamedTuple):
    """What is left of the parameters when BatchNorm is folded into the convolution before it."""

    weights: int
    biases: int


def _metric(name: str, unit: str, cost: Callable[[Workload], int], combine: Literal["sum", "max"] = "sum") -> Metric:
    def rows(of: Rows) -> Costs:
        return tuple(tuple(float(cost(workload)) for workload in row) for row in of)

    return Metric(name=name, unit=unit, rows=rows, combine=combine)


@_remember
def _macs(workload: Workload) -> int:
    return count_macs(_block(workload), workload.input_shape)


@_remember
def _parameters(workload: Workload) -> int:
    return count_parameters(_block(workload))


@_remember
def _shipped(workload: Workload) -> _Shipped:
    layers = [m for m in _block(workload).modules() if isinstance(m, nn.Conv2d | nn.Linear | nn.BatchNorm2d)]
    return _Shipped(
        weights=sum(m.weight.numel() for m in layers if not isinstance(m, nn.BatchNorm2d)),
        biases=sum(m.bias.numel() for m in layers if m.bias is not None),
    )


@_remember
def _peak_values(workload: Workload) -> int:
    return peak_values(_block(workload), workload.input_shape)


def _block(workload: Workload) -> Block:
    with torch.device("meta"):
        return build_block(workload.block).eval()


MACS = _metric("macs", "MACs", _macs)
"""Multiply-accumulates of a net for one image, by PyTorch's own counter: convolutions and matrix products."""

PARAMETERS = _metric("parameters", "values", _parameters)
"""Trainable values of a net."""


def weight_bytes(dtype: Dtype) -> Metric:
    """Bytes of a net's weights as they ship, without the scales and the structure of a file.

    BatchNorm is folded into the convolution before it, of which a bias is left for each channel. The biases of an int8
    net have 4 bytes.

    Args:
        dtype: of the weights.
    """
    size = _size(dtype)
    bias_size = 4 if dtype == "int8" else size

    def cost(workload: Workload) -> int:
        shipped = _shipped(workload)
        return shipped.weights * size + shipped.biases * bias_size

    return _metric(f"weight_bytes_{dtype}", "bytes", cost)


def peak_activation_bytes(dtype: Dtype) -> Metric:
    """The memory for activations that a net needs at its worst moment, for one image: a microcontroller's SRAM.

    The net runs operation by operation. At each one its inputs and its output are live, and every earlier result that
    is still to be read, such as the input of a residual block. BatchNorm and activations belong to the convolution
    before them; a sum or a product is written over an operand that nobody reads later. A runtime that cannot reuse
    memory so needs more, one that computes by tiles less.

    Args:
        dtype: of the activations. A float16 or dynamic-range TFLite file has activations of float32.
    """
    size = _size(dtype)
    return _metric(f"peak_activation_bytes_{dtype}", "bytes", lambda workload: _peak_values(workload) * size, "max")


def _size(dtype: Dtype) -> int:
    if dtype not in _BYTES:
        raise ValueError(f"dtype must be one of {', '.join(_BYTES)}, got {dtype!r}")
    return _BYTES[dtype]
