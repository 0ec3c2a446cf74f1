"""Do limits on bytes mean what ships? Random nets, converted and quantized, beside what is counted without converting.

Prints for every net whether its file has the constants and the live activations that `weight_bytes` and
`peak_activation_bytes` count, how far `file_bytes` is off, what LiteRT's own kernels set aside for the activations, and
the `FileStructure` that these files come to. Run with `uv run python tests/benchmarks/file_sizes.py`: half an hour.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from math import ceil
from pathlib import Path
from typing import Any, Literal

import click
import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from attrs import frozen
from scipy.optimize import linprog
from torch import nn

from pnas_export import (
    MIN_CALIBRATION_IMAGES,
    FileSizes,
    Metadata,
    export_tflite,
    quantize_tflite,
    tflite_sizes,
    write_metadata,
)
from pnas_latency import file_bytes, peak_activation_bytes, weight_bytes
from pnas_latency.metrics.file_operators import file_operators
from pnas_ops import (
    TFLITE_RULES,
    Architecture,
    BlockSpec,
    BottleneckSpec,
    ClassifierSpec,
    ConvSpec,
    GlobalPoolSpec,
    GroupedConvSpec,
    LinearConvSpec,
    MBConvSpec,
    OpSpec,
    PoolSpec,
    PreActivationSeparableConvSpec,
    Preprocessing,
    SeparableConvSpec,
    Space,
    build_block,
    build_network,
    cifar_mbconv_space,
    cifar_tree_space,
    digits_mbconv_space,
    imagenet_mbconv_space,
    workloads,
)

Dtype = Literal["float32", "int8"]
NAMED = ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "PAD")
MARGIN = 1.01
MARGIN_BYTES = 1000
SPACES: dict[str, tuple[Space, int]] = {
    "cifar": (cifar_mbconv_space(0.5), 5),
    "digits": (digits_mbconv_space(), 5),
    "27 pixels": (cifar_mbconv_space(0.5, resolution=27, classes=7), 2),
    "imagenet": (imagenet_mbconv_space(0.35, classes=20, resolution=64, blocks_per_stage=2), 5),
    "trees": (cifar_tree_space(0.25, blocks_per_stage=1), 3),
}
MBCONV = MBConvSpec(kernel_size=3, expansion=3)
SQUEEZED = MBConvSpec(kernel_size=5, expansion=3, squeeze_excitation=True, activation="hswish")
SHUFFLED = GroupedConvSpec(kernel_size=3, groups=2, shuffle=True)
STARTS: tuple[OpSpec, ...] = (ConvSpec(kernel_size=3), LinearConvSpec(kernel_size=3))
# Each after a start, with 8 channels, and before one of the ends.
CHAINS: tuple[tuple[OpSpec, ...], ...] = (
    (
        SeparableConvSpec(kernel_size=5),
        BottleneckSpec(kernel_size=3, reduction=4),
        MBConvSpec(kernel_size=3, expansion=3),
    ),
    (SQUEEZED, MBConvSpec(kernel_size=3, expansion=3, squeeze_excitation=True), SQUEEZED),
    (SHUFFLED, GroupedConvSpec(kernel_size=3, groups=2), SHUFFLED),
    (
        PoolSpec(mode="max", kernel_size=3),
        PoolSpec(mode="average", kernel_size=3),
        MBConvSpec(kernel_size=5, expansion=1),
    ),
    (PreActivationSeparableConvSpec(kernel_size=3), PreActivationSeparableConvSpec(kernel_size=5)),
    (GlobalPoolSpec(), ConvSpec(kernel_size=1, activation="hswish")),
)


@frozen
class Sized:
    """A net's file."""

    net: Architecture
    dtype: Dtype
    sizes: FileSizes
    metadata_bytes: int
    arena_bytes: int


@click.command()
@click.option("--cache", type=click.Path(path_type=Path), help="Keeps what was converted.")
def main(cache: Path | None) -> None:
    """Prints a line a file, then the structure for each dtype."""
    files = []
    for one in _files(cache):
        files.append(one)
        weights, activations = weight_bytes(one.dtype).of(one.net), peak_activation_bytes(one.dtype).of(one.net)
        whole = file_bytes(one.dtype, metadata_bytes=one.metadata_bytes).of(one.net)
        click.echo(
            f"{one.net.name} {one.dtype}: constants {one.sizes.constants} ({weights - one.sizes.constants:+.0f}), "
            f"activations {one.sizes.peak_activations} ({activations - one.sizes.peak_activations:+.0f}; "
            f"set aside: {one.arena_bytes / one.sizes.peak_activations:.3f}), "
            f"file {one.sizes.file} ({whole / one.sizes.file - 1:+.2%})"
        )
    for dtype in ("float32", "int8"):
        _print_structure(dtype, [one for one in files if one.dtype == dtype])


def _nets(generator: torch.Generator) -> Iterator[Architecture]:
    for name, (space, count) in SPACES.items():
        for number in range(count):
            choice = [int(torch.randint(len(row), (1,), generator=generator)) for row in space.mixed]
            yield space.architecture(choice, name=f"{name} {number}")
    for number, ops in enumerate(CHAINS):
        start = BlockSpec(op=STARTS[number % 2], in_channels=3, out_channels=8, stride=2)
        # Every second operation has a stride, but for pooling of all pixels.
        strides = [1 if isinstance(op, GlobalPoolSpec) else 1 + index % 2 for index, op in enumerate(ops)]
        middle = [
            BlockSpec(op=op, in_channels=8, out_channels=8, stride=stride)
            for op, stride in zip(ops, strides, strict=True)
        ]
        head = ClassifierSpec(hidden_channels=8 if number % 2 else None)
        end = BlockSpec(op=head, in_channels=8, out_channels=4)
        yield Architecture(name=f"operations {number}", resolution=32, blocks=(start, *middle, end))


def _files(cache: Path | None) -> Iterator[Sized]:
    generator = torch.Generator().manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        float_file, int8_file = Path(folder, "net.tflite"), Path(folder, "int8.tflite")
        for net in _nets(generator):
            export_tflite(_trained(net, generator), net.input_shape, float_file, cache=cache)
            images = torch.randn(MIN_CALIBRATION_IMAGES, *net.input_shape[1:], generator=generator)
            quantize_tflite(float_file, int8_file, "int8", calibration=images)
            yield _sized(net, "float32", float_file)
            yield _sized(net, "int8", int8_file)


def _trained(net: Architecture, generator: torch.Generator) -> nn.Module:
    """With no value that a converter leaves out or finds twice, such as a bias of zeros."""
    network = build_network(net, generator=generator).eval()
    for part in network.modules():
        values: Sequence[torch.Tensor | None] = ()
        if isinstance(part, nn.BatchNorm2d):
            values = (part.weight, part.bias, part.running_mean, part.running_var)
        elif isinstance(part, nn.Conv2d | nn.Linear):
            values = (part.bias,)
        for value in values:
            if value is not None:
                nn.init.uniform_(value, 0.5, 1.5, generator=generator)
    return network


def _sized(net: Architecture, dtype: Dtype, file: Path) -> Sized:
    arena = _arena_bytes(file)
    labels = tuple(f"class {index}" for index in range(net.classes))
    mean = (0.5,) * net.in_channels
    preprocessing = Preprocessing(
        height=net.resolution,
        width=net.resolution,
        channels="grey" if net.in_channels == 1 else "RGB",
        mean=mean,
        std=mean,
    )
    metadata = Metadata(labels=labels, preprocessing=preprocessing)
    write_metadata(file, metadata)
    return Sized(net, dtype, tflite_sizes(file), metadata.size_bytes, arena)


def _arena_bytes(file: Path) -> int:
    """From the first to the last byte of the tensors that are computed; with the kernels' scratch between them."""
    interpreter: Any = Interpreter(
        model_path=str(file), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    interpreter.allocate_tensors()
    computed = [int(index) for one in interpreter._get_ops_details() for index in one["outputs"]]  # noqa: SLF001
    views = [interpreter.tensor(index)() for index in (interpreter.get_input_details()[0]["index"], *computed)]
    starts = [view.__array_interface__["data"][0] for view in views]
    return int(max(start + view.nbytes for start, view in zip(starts, views, strict=True)) - min(starts))


def _print_structure(dtype: Dtype, files: Sequence[Sized]) -> None:
    """The least that is below none of the files, as a linear program: of all shares by which it is above, the sum."""
    counts = np.array([_counts(one.net) for one in files], dtype=float)
    structure = np.array([one.sizes.file - one.sizes.constants - one.metadata_bytes for one in files], dtype=float)
    whole = np.array([one.sizes.file for one in files], dtype=float)
    # Nothing in a float32 file is there for each channel.
    bounds = [(0, None), (0, 0 if dtype == "float32" else None)] + [(0, None)] * (len(NAMED) + 1)
    found = linprog((counts / whole[:, None]).sum(0), A_ub=-counts, b_ub=-structure, bounds=bounds).x * MARGIN
    found[0] += MARGIN_BYTES
    names = ["file", "channel", *NAMED, "other"]
    click.echo(f"{dtype}: {', '.join(f'{name} {ceil(value)}' for name, value in zip(names, found, strict=True))}")


def _counts(net: Architecture) -> list[int]:
    """1, output channels, operators by name, other operators."""
    with torch.device("meta"):
        blocks = [(build_block(workload.block).eval(), workload.input_shape) for (workload,) in workloads(net)]
    operators = [one for block, shape in blocks for one in file_operators(block, shape, TFLITE_RULES)]
    by_name = Counter(one.name for one in operators)
    named = [by_name[name] for name in NAMED]
    return [1, sum(one.channels for one in operators), *named, len(operators) - sum(named)]


if __name__ == "__main__":
    main()
