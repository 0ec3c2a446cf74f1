"""User-defined operations, tried at every place where they are used."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pnas_ops.data.architecture import Architecture
from pnas_ops.data.block_parts import block_parts
from pnas_ops.data.blocks import BlockSpec
from pnas_ops.data.errors import in_one_line
from pnas_ops.data.module_space import ModuleArchitecture, ModuleSpace
from pnas_ops.data.own_operation import OperationError, OwnOperation, answer
from pnas_ops.data.tree_space import Space
from pnas_ops.data.workload import AnyNet, AnySpace, Workload, workload_parts, workloads
from pnas_ops.files.own_operations import own_operations
from pnas_ops.files.serialization import from_json, to_json
from pnas_ops.files.weights import weights_as_bytes
from pnas_ops.modules.build import build_op
from pnas_ops.modules.counting import count_macs

_IMAGES = 2


def own_operations_of(net: AnySpace | AnyNet) -> tuple[OwnOperation, ...]:
    """The user-defined operations of a space or a net, each once, in order; none for a `ModuleSpace` and its nets."""
    if isinstance(net, ModuleSpace | ModuleArchitecture):
        return ()
    parts = (part.op for row in net.positions for block in row for part in block_parts(block))
    return tuple(dict.fromkeys(op for op in parts if isinstance(op, OwnOperation)))


def check_operations(net: Space | Architecture) -> None:
    """Tries every user-defined operation at every place of a space or a net; fast, before anything that takes hours.

    Each must survive a file, build, be countable, save its weights, and give an output of the promised shape in
    training and in evaluation, without changing its input.

    Raises:
        OperationError: naming the operation, its place and what is wrong.
    """
    places = {part for row in workloads(net) for workload in row for part in workload_parts(workload)}
    for workload in sorted(places, key=str):
        if isinstance(workload.block.op, OwnOperation):
            _check_data(workload.block, workload.block.op)
            _check_module(workload, workload.block.op)


def _check_data(block: BlockSpec, op: OwnOperation) -> None:
    kind = type(op).__name__
    way_out = "give it fields that are numbers, texts, booleans, or tuples of these, with their types"
    try:
        with own_operations(type(op)):
            back = from_json(to_json(block), BlockSpec)
    except Exception as error:  # from a user's code
        raise OperationError(
            f"{kind} cannot be written to a file and read: {type(error).__name__}: {in_one_line(error)}", way_out
        ) from error
    if back != block:
        raise OperationError(f"{kind} is not the same after it was written to a file and read", way_out)
    size = answer(op, "kernel_size", lambda: op.kernel_size)
    if type(size) is not int or size < 1:
        raise OperationError(f"{kind}.kernel_size must be a whole number from 1, got {size!r}")


def _check_module(workload: Workload, op: OwnOperation) -> None:
    block, (_, channels, height, width) = workload.block, workload.input_shape
    wanted = (_IMAGES, block.out_channels, block.output_size(height), block.output_size(width))

    def build() -> nn.Module:
        return build_op(op, in_channels=channels, out_channels=block.out_channels, stride=block.stride)

    def refuse(what: str, way_out: str) -> OperationError:
        return OperationError(f"{type(op).__name__} at {workload} {what}", way_out)

    with torch.random.fork_rng(devices=[]):
        module = build()
        if not isinstance(module, nn.Module):
            raise refuse(f"builds {type(module).__name__}", "let build return a torch.nn.Module")
        images = torch.randn(_IMAGES, channels, height, width)
        for mode in (True, False):
            found = _run(op, module.train(mode), images)
            if not isinstance(found, Tensor) or found.shape != wanted or found.dtype != images.dtype:
                said = f"{tuple(found.shape)} in {found.dtype}" if isinstance(found, Tensor) else type(found).__name__
                raise refuse(f"gives {said}", f"it must be {wanted} in {images.dtype}")
            if images._version:
                raise refuse("changes its input, which other candidates share", "let it work on a copy")
    answer(op, f"module at {workload}, written to a file,", lambda: weights_as_bytes(module))
    answer(op, f"module at {workload}, counted without weights,", lambda: _count(build, workload))


def _run(op: OwnOperation, module: nn.Module, images: Tensor) -> object:
    with torch.no_grad():
        return answer(op, "module", lambda: module(images))


def _count(build: Callable[[], nn.Module], workload: Workload) -> int:
    with torch.device("meta"):
        module = build()
    return count_macs(module, workload.input_shape)
