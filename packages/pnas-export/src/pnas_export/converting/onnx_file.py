"""PyTorch to ONNX."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from pnas_export.ground.conversion import ConversionError, converting
from pnas_export.ground.conversion_cache import cached_conversion, fingerprint
from pnas_export.ground.inference_copy import check_input, example_images, inference_copy
from pnas_export.ground.refused_layer import name_refused_layer
from pnas_ops import FilePath, write_atomically


def export_onnx(
    module: nn.Module,
    input_shape: tuple[int, int, int, int],
    path: FilePath,
    *,
    fixed_batch: bool = False,
    cache: FilePath | None = None,
    log: FilePath | None = None,
) -> None:
    """Writes the net as a float32 ONNX file: "images" (batch, C, H, W) to "logits" (batch, classes).

    BatchNorm is folded into the convolutions. The module is copied, not changed.

    Args:
        module: the net, in any mode, on any device; a `RawPixels` makes a file that takes uint8.
        input_shape: (N, C, H, W).
        path: where to write, atomically.
        fixed_batch: whether the file takes exactly N images; any number of them otherwise.
        cache: a folder that keeps what was converted; the same net is then not converted twice.
        log: a file that receives what the exporter prints; dropped if None.

    Raises:
        ValueError: for an input shape that is none, or that the net does not take.
        ConversionError: naming the net and the layer, where the exporter refuses it.
    """
    path = Path(path)
    net = inference_copy(module)
    images = example_images(net, input_shape)
    check_input(net, images)
    if not fixed_batch:
        # torch.export takes a dimension of size 1 for a constant.
        images = torch.cat([images[:1]] * 2)

    def attempt(part: nn.Module, inputs: Sequence[Tensor], cache: FilePath | None = None) -> bytes:
        with converting(f"net {path.stem} to ONNX", log=log):
            return cached_conversion(
                cache,
                lambda: fingerprint(part, inputs, f"{fixed_batch=}", libraries=["onnxscript", "onnx"]) + ".onnx",
                lambda: _convert(part, inputs, fixed_batch=fixed_batch),
            )

    try:
        content = attempt(net, [images], cache)
    except ConversionError as error:
        raise name_refused_layer(net, [images], attempt, error) from error
    write_atomically(path, content)


def _convert(net: nn.Module, examples: Sequence[Tensor], *, fixed_batch: bool) -> bytes:
    batch = torch.export.Dim("batch")
    program = torch.onnx.export(
        net,
        tuple(examples),
        dynamo=True,
        input_names=["images"],
        output_names=["logits"],
        dynamic_shapes=None if fixed_batch else tuple({0: batch} for _ in examples),
        verbose=False,
    )
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    model = program.model_proto
    for node in model.graph.node:
        # Stack traces, with the paths of this machine.
        node.ClearField("metadata_props")
    content: bytes = model.SerializeToString()
    return content
