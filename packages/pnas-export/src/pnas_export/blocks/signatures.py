"""Many blocks in one TFLite model, a signature each."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pnas_export.blocks.subgraphs import split_outputs
from pnas_export.converting.tflite_file import convert
from pnas_export.ground.conversion import ConversionError
from pnas_ops import Architecture, FilePath, Workload, build_block, initialize_weights, workloads

IDLE = "idle"
"""The signature that computes x + 1: its time is the cost of a call."""


def convert_workloads(
    workloads: Sequence[Workload], *, cache: FilePath | None = None, log: FilePath | None = None
) -> bytes:
    """A TFLite model with one signature a workload, named by `Workload.name`, and one more named "idle".

    Each takes "args_0" (1, H, W, C) and gives "output_0", channel-last where it is an image, shortcut included; the
    weights are those of `workload_blocks`. All are converted as one module and cut apart after it, four times faster
    than one by one.

    Args:
        workloads: each once.
        cache: a folder that keeps what was converted.
        log: a file that receives what the converter prints; dropped if None.

    Raises:
        ValueError: for a workload that stands twice or computes nothing.
        ConversionError: naming the workload that the converter refuses.
    """
    names = distinct_names(workloads)
    blocks = workload_blocks(workloads)
    examples = [torch.zeros(workload.input_shape) for workload in workloads]
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
    return split_outputs(model, [*names, IDLE])


def distinct_names(workloads: Sequence[Workload]) -> list[str]:
    """What the blocks of a model are called.

    Raises:
        ValueError: for a workload that stands twice or computes nothing.
    """
    names = [workload.name for workload in workloads]
    for index, (name, workload) in enumerate(zip(names, workloads, strict=True)):
        if workload.block.computes_nothing:
            raise ValueError(f"{name} computes nothing: its latency is 0, leave it out")
        if name in names[:index]:
            raise ValueError(f"{name} stands twice among the workloads: pass it once")
    return names


def needed_workloads(rows: Sequence[Sequence[Workload]], nets: Sequence[Architecture]) -> list[Workload]:
    """The workloads of the rows, then those of which the nets are chained, each once."""
    of_nets = [workload for net in nets for (workload,) in workloads(net) if not workload.block.computes_nothing]
    return list(dict.fromkeys([*(workload for row in rows for workload in row), *of_nets]))


def workload_blocks(workloads: Sequence[Workload]) -> list[nn.Module]:
    """The blocks in evaluation mode, with random weights that depend on the workloads alone.

    BatchNorm has random statistics too: of a fresh one, which neither shifts nor scales, converters leave out what a
    trained net computes wherever no convolution stands before it to take it in, as in pre-activation blocks.
    """
    generator = torch.Generator().manual_seed(0)
    blocks: list[nn.Module] = [build_block(workload.block).eval() for workload in workloads]
    for block in blocks:
        initialize_weights(block, generator=generator)
        for part in block.modules():
            if isinstance(part, nn.BatchNorm2d):
                for values in (part.weight, part.bias, part.running_mean, part.running_var):
                    assert values is not None
                    nn.init.uniform_(values, 0.5, 1.5, generator=generator)
    return blocks


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
        """Of any shape."""
        return x + 1
