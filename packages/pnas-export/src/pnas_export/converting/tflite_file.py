"""PyTorch to TFLite."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from pnas_export.converting.proven_file import write_proven
from pnas_export.ground.conversion import ConversionError, converting
from pnas_export.ground.conversion_cache import cached_conversion, fingerprint
from pnas_export.ground.inference_copy import inference_copy
from pnas_export.ground.outputs import named_outputs
from pnas_export.ground.refused_layer import name_refused_layer
from pnas_export.ground.trial import example_images, tried_copy
from pnas_export.runtimes.comparison import FLOAT_TOLERANCE, Tolerance, check_tolerance
from pnas_ops import FilePath


def export_tflite(
    module: nn.Module,
    input_shape: tuple[int, int, int, int],
    path: FilePath,
    *,
    images: Tensor | None = None,
    tolerance: Tolerance = FLOAT_TOLERANCE,
    cache: FilePath | None = None,
    log: FilePath | None = None,
) -> None:
    """Writes the net as a float32 TFLite file: "args_0" (1, H, W, C) to its outputs.

    In the file's signature, outputs are named after their keys or fields; without these, "output_0", "output_1" (see
    `named_outputs`). Inputs and outputs of 4 dimensions are channel-last in the file: (1, H, W, C) for (1, C, H, W).
    Others are as the net gives them.
    BatchNorm is folded into the convolutions and nothing is transposed. The module is copied, not changed; see
    `inference_copy` for what the copy leaves out. Before the file is written, its results in the runtimes are compared
    with PyTorch's.

    Args:
        module: the net, in any mode, on any device; a `RawPixels` makes a file that takes uint8.
        input_shape: (1, C, H, W), in PyTorch's order.
        path: where to write, atomically.
        images: for the comparison, (N, C, H, W), as the net takes them; noise if None.
        tolerance: of the comparison; see `verify_files`.
        cache: a folder for converted files; the same net is then not converted twice.
        log: a file that receives what the converter prints; dropped if None.

    Raises:
        NetError: for a net that cannot be exported as it is, and images that it does not take.
        ValueError: for an invalid input shape, and a tolerance for an unknown output.
        ConversionError: naming the net and the layer that the converter refuses.
        ParityError: naming, if possible, the layer that the file computes differently.
    """
    if input_shape[0] != 1:
        raise ValueError(f"input_shape must be (1, C, H, W), got {tuple(input_shape)}")
    # Two images, since a net may mix the images of a batch; a file that gets them one by one cannot.
    examples = example_images(module, (2, *input_shape[1:]))
    net = tried_copy(module, examples)
    with torch.no_grad():
        check_tolerance(tolerance, named_outputs(net(examples)))

    def attempt(part: nn.Module, inputs: Sequence[Tensor], cache: FilePath | None = None) -> bytes:
        return convert(part, inputs, what=f"net {Path(path).stem} to TFLite", cache=cache, log=log)

    write_proven(
        path,
        ".tflite",
        attempt(net, [examples[:1]], cache),
        net,
        examples if images is None else images,
        tolerance=tolerance,
        convert=attempt,
        batch=1,
    )


def convert(
    module: nn.Module,
    examples: Sequence[Tensor],
    *,
    what: str,
    cache: FilePath | None = None,
    log: FilePath | None = None,
) -> bytes:
    """A TFLite model of a module with any inputs and outputs; those of 4 dimensions become channel-last.

    Args:
        module: called with `examples`; in evaluation mode, on the CPU; not changed.
        examples: one for each input, (1, C, H, W) or of fewer dimensions.
        what: what is converted, for the error message.
        cache: a folder for converted files.
        log: a file that receives what the converter prints; dropped if None.

    Raises:
        ConversionError: naming `what` and the layer that the converter refuses.
    """

    def attempt(part: nn.Module, inputs: Sequence[Tensor], cache: FilePath | None = None) -> bytes:
        with converting(what, log=log):
            return cached_conversion(
                cache,
                lambda: fingerprint(part, inputs, "channel-last", libraries=["litert-torch"]) + ".tflite",
                lambda: _convert(part, inputs),
            )

    try:
        return attempt(module, examples, cache)
    except ConversionError as error:
        raise name_refused_layer(module, examples, attempt, error) from error


def _convert(module: nn.Module, examples: Sequence[Tensor]) -> bytes:
    import litert_torch

    # The converter edits its input.
    wrapped = _ChannelLast(inference_copy(module)).eval()
    inputs = tuple(x.permute(0, 2, 3, 1).contiguous() if x.ndim == 4 else x for x in examples)
    content: bytes = litert_torch.convert(wrapped, inputs).model_content()
    return content


class _ChannelLast(nn.Module):
    """A module whose inputs and outputs of 4 dimensions are channel-last, (N, H, W, C)."""

    def __init__(self, wrapped: nn.Module) -> None:
        super().__init__()
        self.wrapped = wrapped

    def forward(self, *inputs: Tensor) -> dict[str, Tensor]:
        # Contiguous, unlike litert_torch.to_channel_last_io: outputs of convolutions on a permuted image have strides
        # that a view in the module does not accept. The file contains no trace of it.
        images = (x.permute(0, 3, 1, 2).contiguous() if x.ndim == 4 else x for x in inputs)
        outputs = named_outputs(self.wrapped(*images))
        return {name: y.permute(0, 2, 3, 1) if y.ndim == 4 else y for name, y in outputs.items()}
