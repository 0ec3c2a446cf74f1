"""PyTorch to TFLite."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from pnas_export.ground.conversion import ConversionError, converting
from pnas_export.ground.conversion_cache import cached_conversion, fingerprint
from pnas_export.ground.inference_copy import check_input, example_images, inference_copy
from pnas_export.ground.refused_layer import name_refused_layer
from pnas_ops import FilePath, write_atomically


def export_tflite(
    module: nn.Module,
    input_shape: tuple[int, int, int, int],
    path: FilePath,
    *,
    cache: FilePath | None = None,
    log: FilePath | None = None,
) -> None:
    """Writes the net as a float32 TFLite file: "args_0" (1, H, W, C) to "output_0" (1, classes).

    BatchNorm is folded into the convolutions and nothing is transposed. The module is copied, not changed.

    Args:
        module: the net, in any mode, on any device; a `RawPixels` makes a file that takes uint8.
        input_shape: (1, C, H, W), as PyTorch takes it.
        path: where to write, atomically.
        cache: a folder that keeps what was converted; the same net is then not converted twice.
        log: a file that receives what the converter prints; dropped if None.

    Raises:
        ValueError: for an input shape that is none, or that the net does not take.
        ConversionError: naming the net and the layer, where the converter refuses it.
    """
    if input_shape[0] != 1:
        raise ValueError(f"input_shape must be (1, C, H, W), got {tuple(input_shape)}")
    net = inference_copy(module)
    images = example_images(net, input_shape)
    check_input(net, images)
    write_atomically(path, convert(net, [images], what=f"net {Path(path).stem} to TFLite", cache=cache, log=log))


def convert(
    module: nn.Module,
    examples: Sequence[Tensor],
    *,
    what: str,
    cache: FilePath | None = None,
    log: FilePath | None = None,
) -> bytes:
    """A TFLite model of a module of one or many inputs and outputs; those of 4 dimensions become channel-last.

    Args:
        module: called with `examples`; in evaluation mode, on the CPU; not changed.
        examples: one input each, (1, C, H, W) or of fewer dimensions.
        what: what is converted, for the error message.
        cache: a folder that keeps what was converted.
        log: a file that receives what the converter prints; dropped if None.

    Raises:
        ConversionError: naming `what` and the layer, where the converter refuses it.
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

    # The converter edits what it is given.
    module = inference_copy(module)
    results = module(*examples)
    outputs = [results] if isinstance(results, Tensor) else results
    wrapped = litert_torch.to_channel_last_io(module, args=_images(examples), outputs=_images(outputs)).eval()
    inputs = tuple(x.permute(0, 2, 3, 1).contiguous() if x.ndim == 4 else x for x in examples)
    content: bytes = litert_torch.convert(wrapped, inputs).model_content()
    return content


def _images(tensors: Sequence[Tensor]) -> list[int]:
    return [index for index, tensor in enumerate(tensors) if tensor.ndim == 4]
