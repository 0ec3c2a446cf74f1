"""Many blocks in one TFLite model, each with its own signature."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from pnas_export.blocks.kept_blocks import keep_blocks, kept_blocks
from pnas_export.blocks.subgraphs import split_outputs
from pnas_export.converting.tflite_file import convert
from pnas_export.ground.conversion import ConversionError
from pnas_ops import (
    AnyNet,
    AnyWorkload,
    Architecture,
    FilePath,
    ModuleBuilder,
    ModuleWorkload,
    OwnOperation,
    build_timed,
    example_inputs,
    initialize_weights,
    workload_parts,
    workloads,
)

IDLE = "idle"
"""The signature that computes x + 1: its time is the overhead of a call."""


def convert_workloads(
    workloads: Sequence[AnyWorkload],
    *,
    build: ModuleBuilder | None = None,
    cache: FilePath | None = None,
    log: FilePath | None = None,
) -> bytes:
    """A TFLite model with a signature for each workload, named by `Workload.name`, and one more named "idle".

    Each takes "args_0" (1, H, W, C) and gives "output_0", channel-last for images, including shortcuts; the weights are
    those of `workload_blocks`. All are converted as one module, which is then cut apart: four times faster than one by
    one. Modules from `build` have no transpositions at their ends, since a net needs none between neighbours of the
    same layout, which is channel-last for convolutions.

    Args:
        workloads: each once; from a user's own module, those with one input and one output.
        build: makes the modules of a `ModuleSpace`.
        cache: a folder for converted files; it also supplies blocks that were converted among others.
        log: a file that receives what the converter prints; dropped if None.

    Raises:
        ValueError: for a workload that occurs twice or computes nothing.
        ConversionError: naming the workload that the converter refuses.
    """
    names = distinct_names(workloads)
    if cache is not None and (kept := kept_blocks(Path(cache), workloads, [*names, IDLE])) is not None:
        return kept
    blocks = workload_blocks(workloads, build)
    examples = workload_inputs(workloads)
    try:
        model = convert(
            SideBySide([*blocks, AddOne()]).eval(),
            [*examples, torch.zeros(1, 1)],
            what=f"{len(blocks)} blocks",
            cache=cache,
            log=log,
        )
    except ConversionError:
        # The joint conversion does not name the refused one, so each is tried alone.
        for name, block, example in zip(names, blocks, examples, strict=True):
            convert(block, [example], what=f"block {name}", log=log)
        raise
    modules = [name for name, one in zip(names, workloads, strict=True) if isinstance(one, ModuleWorkload)]
    found = split_outputs(model, [*names, IDLE], any_layout=modules)
    if cache is not None:
        keep_blocks(Path(cache), workloads, found)
    return found


def distinct_names(workloads: Sequence[AnyWorkload]) -> list[str]:
    """The names of a model's blocks, one signature each.

    Raises:
        ValueError: for a workload that occurs twice or computes nothing.
    """
    names: dict[AnyWorkload, str] = {}
    for workload in workloads:
        if workload.computes_nothing:
            raise ValueError(f"{workload.name} computes nothing: its latency is 0, leave it out")
        if workload in names:
            raise ValueError(f"{workload.name} occurs twice among the workloads: pass it once")
        names[workload] = workload.name
    return list(names.values())


def needed_workloads(rows: Sequence[Sequence[AnyWorkload]], nets: Sequence[AnyNet]) -> dict[AnyWorkload, str]:
    """The workloads of the rows, then those that the nets are chained from, each once, with the name of its block.

    Nets of a user's own module are not chained.
    """
    chained = [net for net in nets if isinstance(net, Architecture)]
    of_nets = [workload for net in chained for (workload,) in workloads(net) if not workload.computes_nothing]
    # Equal workloads may have several titles, but have one block.
    return {workload: workload.name for workload in dict.fromkeys((*(one for row in rows for one in row), *of_nets))}


def workload_inputs(workloads: Sequence[AnyWorkload]) -> list[Tensor]:
    """An example input for each workload, which must have one input.

    Raises:
        ValueError: naming a workload of several inputs.
    """
    examples = [example_inputs(workload) for workload in workloads]
    for workload, inputs in zip(workloads, examples, strict=True):
        if len(inputs) != 1:
            raise ValueError(f"{workload.name} has {len(inputs)} inputs: only modules of one input are timed as files")
    return [example for (example,) in examples]


def workload_blocks(workloads: Sequence[AnyWorkload], build: ModuleBuilder | None = None) -> list[nn.Module]:
    """The blocks in evaluation mode, with random weights that depend only on the workload; modules as from `build`.

    BatchNorm has random statistics too: a fresh one neither shifts nor scales, and converters would drop what a trained
    net computes if there is no convolution to fold it into, as in pre-activation blocks. If there is one, BatchNorm is
    already folded here, as converters would do, except in user-defined operations; conversion then takes a third less
    time.
    """
    blocks = [build_timed(workload, build) for workload in workloads]
    for block, workload in zip(blocks, workloads, strict=True):
        if isinstance(workload, ModuleWorkload):
            continue
        # Equal weights in two blocks would be one constant of the file, and stay in the processor's cache.
        generator = torch.Generator().manual_seed(crc32(workload.name.encode()))
        initialize_weights(block, generator=generator)
        for part in block.modules():
            if isinstance(part, nn.BatchNorm2d):
                for values in (part.weight, part.bias, part.running_mean, part.running_var):
                    if values is not None:
                        nn.init.uniform_(values, 0.5, 1.5, generator=generator)
        block.eval()
        # Only the converter sees how a user's own module uses its parts.
        if not any(isinstance(part.block.op, OwnOperation) for part in workload_parts(workload)):
            fold_batch_norm(block)
    return blocks


def fold_batch_norm(block: nn.Module) -> None:
    """Folds each BatchNorm into the convolution right before it, in a chain in evaluation mode, in place."""
    chains = [part for part in block.modules() if isinstance(part, nn.Sequential)]
    for chain in chains:
        for index, (layer, norm) in enumerate(pairwise([*chain])):
            if type(layer) is nn.Conv2d and type(norm) is nn.BatchNorm2d:
                chain[index], chain[index + 1] = fuse_conv_bn_eval(layer, norm), nn.Identity()


class SideBySide(nn.Module):
    """Many modules as one, with an input and an output each."""

    def __init__(self, parts: Sequence[nn.Module]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Each input through its module."""
        return tuple(part(x) for part, x in zip(self.parts, inputs, strict=True))


class AddOne(nn.Module):
    """x + 1, timed for the overhead of a call."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return x + 1
