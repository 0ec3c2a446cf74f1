"""Costs that need no device: work, size and memory, counted on the modules themselves."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from math import prod
from typing import Literal, get_args

import torch

from pnas_latency.metrics.file_operators import file_operators
from pnas_latency.metrics.liveness import peak_values
from pnas_latency.metrics.metric import Costs, Metric, Rows, UnknownCostError
from pnas_latency.metrics.operators import Constant, Operator
from pnas_ops import (
    TFLITE_RULES,
    AnyWorkload,
    Block,
    ModuleWorkload,
    OwnOperation,
    RuntimeRules,
    Workload,
    build_block,
    count_parameters,
    in_one_line,
    workload_macs,
    workload_parts,
)

Dtype = Literal["float32", "int8"]

# A space has tens to hundreds of workloads, and a search asks for their costs again and again.
_remember = lru_cache(maxsize=4096)


def _rows(cost: Callable[[AnyWorkload], float]) -> Callable[[Rows], Costs]:
    return lambda rows: tuple(tuple(float(cost(workload)) for workload in row) for row in rows)


def _macs(workload: AnyWorkload) -> int:
    return workload.macs if isinstance(workload, ModuleWorkload) else workload_macs(workload)


@_remember
def _parameters(workload: AnyWorkload) -> int:
    if isinstance(workload, ModuleWorkload):
        return workload.parameters
    return count_parameters(_block(workload))


@_remember
def _operators(rules: RuntimeRules, workload: AnyWorkload) -> tuple[Operator, ...]:
    if isinstance(workload, ModuleWorkload):
        raise UnknownCostError(
            f"bytes in a file are counted for blocks, and {workload} is of somebody's module",
            "limit its parameters, or its latency",
        )
    try:
        return file_operators(_block(workload), workload.input_shape, rules)
    except Exception as error:  # of modules that somebody else has written, which may do anything
        if not any(isinstance(part.block.op, OwnOperation) for part in workload_parts(workload)):
            raise
        raise UnknownCostError(
            f"the bytes of {workload}, an operation of one's own, are not known before there is a file: "
            f"{in_one_line(error)}",
            "leave out limits on bytes",
        ) from error


def _block(workload: Workload) -> Block:
    with torch.device("meta"):
        return build_block(workload.block).eval()


MACS = Metric(name="macs", unit="MACs", rows=_rows(_macs))
"""Multiply-accumulates of a net for one image, by PyTorch's own counter: convolutions and matrix products."""

PARAMETERS = Metric(name="parameters", unit="values", rows=_rows(_parameters))
"""Trainable values of a net."""


def weight_bytes(dtype: Dtype, rules: RuntimeRules = TFLITE_RULES) -> Metric:
    """The constants of a net's file, to the byte: weights, biases, and those that say shapes, paddings and axes.

    BatchNorm is folded into the convolution before it, of which a bias is left for each channel. In an int8 file
    weights have 1 byte, biases and integers 4; its scales are no constants but structure, see `file_bytes`. Equal
    constants of several blocks, such as the 32 bytes of a padding, are in a file once. A search counts all that any net
    of the space may have, so that its count is never too low. Nor is that of one net, but it is too high where a block
    that begins with BatchNorm follows one that ends with a convolution: the converter joins them.

    Args:
        dtype: of the file.
        rules: of its runtime.
    """
    return Metric(
        name=f"weight_bytes_{_checked(dtype)}",
        unit="bytes",
        rows=_rows(partial(_own_bytes, dtype, rules)),
        shared=partial(_shared_bytes, dtype, rules),
    )


def file_bytes(dtype: Dtype, rules: RuntimeRules = TFLITE_RULES, *, metadata_bytes: float = 0.0) -> Metric:
    """The size of a net's file as a whole: its constants, and what its structure takes by the runtime's rules.

    The structure is a fit, which is seldom too low: `TFLITE_RULES` says how it was found, and how far off it is.

    Args:
        dtype: of the file.
        rules: of its runtime.
        metadata_bytes: of what travels in it beside the net, such as the labels.
    """
    structure = rules.structure[_checked(dtype)]

    def cost(workload: AnyWorkload) -> float:
        written = _operators(rules, workload)
        tables = sum(structure.operator.get(one.name, structure.other_operator) for one in written)
        return _own_bytes(dtype, rules, workload) + tables + structure.channel * sum(one.channels for one in written)

    return Metric(
        name=f"file_bytes_{dtype}",
        unit="bytes",
        rows=_rows(cost),
        constant=structure.file + metadata_bytes,
        shared=partial(_shared_bytes, dtype, rules),
    )


def peak_activation_bytes(dtype: Dtype, rules: RuntimeRules = TFLITE_RULES) -> Metric:
    """The memory for activations that a net's file needs at its worst moment, for one image: a microcontroller's SRAM.

    The file runs operator by operator. At each one its inputs and its output are alive, and every earlier result that
    is still to be read, such as the input of a residual block. What the rules say of the runtime holds: TFLite has no
    symmetric padding for a stride of 2, so that a padded copy is alive beside what it is a copy of; a sum or a product
    is written over an operand that nobody reads later. What a runtime's kernels need besides is not in it.

    Args:
        dtype: of the activations. A float16 or dynamic-range TFLite file has activations of float32.
        rules: of the runtime.
    """
    size = 1 if _checked(dtype) == "int8" else 4

    def cost(workload: AnyWorkload) -> int:
        input_values = sum(map(prod, workload.input_shapes))
        return size * peak_values(_operators(rules, workload), input_values, in_place=rules.in_place)

    return Metric(name=f"peak_activation_bytes_{dtype}", unit="bytes", rows=_rows(cost), combine="max")


def _own_bytes(dtype: Dtype, rules: RuntimeRules, workload: AnyWorkload) -> int:
    return sum(_size(one, dtype) for one in _constants(rules, workload) if not _is_shared(one, dtype, rules))


def _shared_bytes(dtype: Dtype, rules: RuntimeRules, workload: AnyWorkload) -> Mapping[str, float]:
    """The sizes, by content, of constants that a file holds once for all blocks."""
    shared = (one for one in _constants(rules, workload) if _is_shared(one, dtype, rules))
    return {f"{one.content}": float(_size(one, dtype)) for one in shared}


def _constants(rules: RuntimeRules, workload: AnyWorkload) -> Iterator[Constant]:
    return (constant for one in _operators(rules, workload) for constant in one.constants)


def _is_shared(constant: Constant, dtype: Dtype, rules: RuntimeRules) -> bool:
    # Zeros in int8 have the scale of their layer.
    return constant.content is not None and (constant.kind != "bias" or dtype in rules.shares_zeros)


def _size(constant: Constant, dtype: Dtype) -> int:
    return constant.values * (1 if dtype == "int8" and constant.kind in ("weight", "value") else 4)


def _checked(dtype: Dtype) -> Dtype:
    if dtype not in get_args(Dtype):
        raise ValueError(f"dtype must be one of {', '.join(get_args(Dtype))}, got {dtype!r}")
    return dtype
