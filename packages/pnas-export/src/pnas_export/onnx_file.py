"""PyTorch to ONNX."""

from pathlib import Path

import torch
from torch import nn

from pnas_export.inference import check_input_shape, example_images, inference_copy
from pnas_export.quiet import converting
from pnas_ops import write_atomically


def export_onnx(
    module: nn.Module, input_shape: tuple[int, int, int, int], path: Path, *, log: Path | None = None
) -> None:
    """Writes the net as a float32 ONNX file: "images" (batch, C, H, W) to "logits" (batch, classes).

    BatchNorm is folded into the convolutions. The module is copied, not changed.

    Args:
        module: the net, in any mode, on any device; a `RawPixels` makes a file that takes uint8.
        input_shape: (1, C, H, W); the batch dimension of the file is free.
        path: where to write, atomically.
        log: a file that receives what the exporter prints; dropped if None.

    Raises:
        ValueError: for another input shape.
        ConversionError: naming the net, where the exporter refuses it.
    """
    check_input_shape(input_shape)
    net = inference_copy(module)
    # Two images, since torch.export takes a dimension of size 1 for a constant.
    images = example_images(net, (2, *input_shape[1:]))
    with converting(f"net {path.stem} to ONNX", log=log):
        program = torch.onnx.export(
            net,
            (images,),
            dynamo=True,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
        if program is None:
            raise RuntimeError("torch.onnx.export returned nothing")
        model = program.model_proto
        for node in model.graph.node:
            # Stack traces, with the paths of this machine.
            node.ClearField("metadata_props")
        content = model.SerializeToString()
    write_atomically(path, content)
