"""PyTorch to ONNX."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from pnas_export.converting.onnx_names import name_outputs
from pnas_export.converting.proven_file import write_proven
from pnas_export.ground.conversion import ConversionError, converting
from pnas_export.ground.conversion_cache import cached_conversion, fingerprint
from pnas_export.ground.net_error import NetError
from pnas_export.ground.outputs import named_outputs
from pnas_export.ground.refused_layer import name_refused_layer
from pnas_export.ground.trial import example_images, tried_copy
from pnas_export.runtimes.comparison import FLOAT_TOLERANCE, Tolerance, check_tolerance
from pnas_ops import FilePath

_INPUT = "images"


def export_onnx(
    module: nn.Module,
    input_shape: tuple[int, int, int, int],
    path: FilePath,
    *,
    fixed_batch: bool = False,
    images: Tensor | None = None,
    tolerance: Tolerance = FLOAT_TOLERANCE,
    cache: FilePath | None = None,
    log: FilePath | None = None,
) -> None:
    """Writes the net as a float32 ONNX file: "images" (batch, C, H, W) to its outputs, as the net gives them.

    Outputs are named after their keys or fields; without these, "output_0", "output_1" (see `named_outputs`). BatchNorm
    is folded into the convolutions. The module is copied, not changed; see `inference_copy` for what the copy leaves
    out. Before the file is written, its results in onnxruntime are compared with PyTorch's.

    Args:
        module: the net, in any mode, on any device; a `RawPixels` makes a file that takes uint8.
        input_shape: (N, C, H, W).
        path: where to write, atomically.
        fixed_batch: whether the file takes exactly N images; otherwise, any number of them.
        images: for the comparison, (N, C, H, W), as the net takes them; noise if None.
        tolerance: of the comparison; see `verify_files`.
        cache: a folder for converted files; the same net is then not converted twice.
        log: a file that receives what the exporter prints; dropped if None.

    Raises:
        NetError: for a net that cannot be exported as it is, and images that it does not take.
        ValueError: for an invalid input shape, and a tolerance for an unknown output.
        ConversionError: naming the net and the layer that the exporter refuses.
        ParityError: naming, if possible, the layer that the file computes differently.
    """
    path = Path(path)
    examples = example_images(module, input_shape)
    if not fixed_batch:
        # torch.export takes a dimension of size 1 for a constant.
        examples = example_images(module, (2, *input_shape[1:]))
    net = tried_copy(module, examples, any_batch=not fixed_batch)
    names = _output_names(net, examples)
    check_tolerance(tolerance, names)
    if _INPUT in names:
        raise NetError(f"an output of the net is called {_INPUT!r}, as the file's input is", "give it another key")

    def attempt(part: nn.Module, inputs: Sequence[Tensor], cache: FilePath | None = None) -> bytes:
        with converting(f"net {path.stem} to ONNX", log=log):
            return cached_conversion(
                cache,
                lambda: fingerprint(part, inputs, f"{fixed_batch=}", libraries=["onnxscript", "onnx"]) + ".onnx",
                lambda: _convert(part, inputs, fixed_batch=fixed_batch),
            )

    try:
        content = attempt(net, [examples], cache)
    except ConversionError as error:
        raise name_refused_layer(net, [examples], attempt, error) from error
    write_proven(
        path,
        ".onnx",
        content,
        net,
        examples if images is None else images,
        tolerance=tolerance,
        convert=attempt,
        batch=len(examples),
    )


def _convert(net: nn.Module, examples: Sequence[Tensor], *, fixed_batch: bool) -> bytes:
    batch = torch.export.Dim("batch")
    program = torch.onnx.export(
        net,
        tuple(examples),
        dynamo=True,
        input_names=[_INPUT],
        dynamic_shapes=None if fixed_batch else tuple({0: batch} for _ in examples),
        verbose=False,
    )
    if program is None:
        raise RuntimeError("torch.onnx.export returned nothing")
    model = program.model_proto
    for node in model.graph.node:
        # It holds stack traces, with the paths of this machine.
        node.ClearField("metadata_props")
    name_outputs(model.graph, _output_names(net, *examples))
    content: bytes = model.SerializeToString()
    return content


def _output_names(net: nn.Module, *inputs: Tensor) -> list[str]:
    with torch.no_grad():
        return list(named_outputs(net(*inputs)))
