"""Many blocks in one TFLite model, a signature each."""

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
"""The signature that computes x + 1: its time is the cost of a call."""


def convert_workloads(
    workloads: Sequence[AnyWorkload],
    *,
    build: ModuleBuilder | None = None,
    cache: FilePath | None = None,
    log: FilePath | None = None,
) -> bytes:
    """A TFLite model with one signature a workload, named by `Workload.name`, and one more named "idle".

    Each takes "args_0" (1, H, W, C) and gives "output_0", channel-last where it is an image, shortcut included; the
    weights are those of `workload_blocks`. All are converted as one module and cut apart after it, four times faster
    than one by one. What `build` makes has no transposition at its ends: where its neighbours in a net have the layout
    that it has, which is channel-last for convolutions, a net does without.

    Args:
        workloads: each once; of somebody's module those of one input and one output.
        build: makes the modules of a `ModuleSpace`.
        cache: a folder that keeps what was converted: blocks that were converted among others, too.
        log: a file that receives what the converter prints; dropped if None.

    Raises:
        ValueError: for a workload that stands twice or computes nothing.
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
        # Together they fail without a name, so the one that is refused is sought alone.
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
        ValueError: for a workload that stands twice or computes nothing.
    """
    names: dict[AnyWorkload, str] = {}
    for workload in workloads:
        if workload.computes_nothing:
            raise ValueError(f"{workload.name} computes nothing: its latency is 0, leave it out")
        if workload in names:
            raise ValueError(f"{workload.name} stands twice among the workloads: pass it once")
        names[workload] = workload.name
    return list(names.values())


def needed_workloads(rows: Sequence[Sequence[AnyWorkload]], nets: Sequence[AnyNet]) -> dict[AnyWorkload, str]:
    """The workloads of the rows, then those of which the nets are chained, each once, and what its block is called.

    Nets of somebody's module are not chained.
    """
    chained = [net for net in nets if isinstance(net, Architecture)]
    of_nets = [workload for net in chained for (workload,) in workloads(net) if not workload.computes_nothing]
    # Equal work may have several titles, and has one block.
    return {workload: workload.name for workload in dict.fromkeys((*(one for row in rows for one in row), *of_nets))}


def workload_inputs(workloads: Sequence[AnyWorkload]) -> list[Tensor]:
    """An example for each workload, which has one input.

    Raises:
        ValueError: naming a workload of several inputs.
    """
    examples = [example_inputs(workload) for workload in workloads]
    for workload, inputs in zip(workloads, examples, strict=True):
        if len(inputs) != 1:
            raise ValueError(f"{workload.name} has {len(inputs)} inputs: only modules of one input are timed as files")
    return [example for (example,) in examples]


def workload_blocks(workloads: Sequence[AnyWorkload], build: ModuleBuilder | None = None) -> list[nn.Module]:
    """The blocks in evaluation mode, with random weights that depend on the workload alone; modules as `build` gives.

    BatchNorm has random statistics too: of a fresh one, which neither shifts nor scales, converters leave out what a
    trained net computes wherever no convolution stands before it to take it in, as in pre-activation blocks. Where one
    stands before it, it is folded into that already, as converters do, but in operations of one's own; to convert takes
    a third less time so.
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
        # What somebody's own module does with its parts, only the converter sees.
        if not any(isinstance(part.block.op, OwnOperation) for part in workload_parts(workload)):
            fold_batch_norm(block)
    return blocks


def fold_batch_norm(block: nn.Module) -> None:
    """Has each convolution of a chain compute what the BatchNorm right after it does, in evaluation mode, in place."""
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
    """x + 1: what is timed for the cost of a call."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        return x + 1
